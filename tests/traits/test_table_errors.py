# ruff: noqa: E501
"""What people read when a trait over a table is wrong: the full text."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.definitions import problems_of

START = """\
traits:
  - name: tickets
    description: D.
"""
CASES = {
    "no_identifier": (
        """\
    model: support_tickets
    aggregate: count
""",
        """\
error[missing-key]: trait 'tickets' has no 'identifier'
  --> definitions/traits/orders.yml:2:5
   2 |   - name: tickets
help: add a line 'identifier: ...'""",
    ),
    "two_identifiers": (
        """\
    model: support_tickets
    identifier: {user_id: a, email: b}
    aggregate: count
""",
        """\
error[invalid-identifier]: trait 'tickets' has 2 identifiers
  --> definitions/traits/orders.yml:5:17
   5 |     identifier: {user_id: a, email: b}
help: name one type and its column, such as {user_id: customer_no}""",
    ),
    "unknown_identifier": (
        """\
    model: support_tickets
    identifier: {userid: a}
    aggregate: count
""",
        """\
error[unknown-identifier]: trait 'tickets' finds its rows by 'userid', which identity.yml does not define
  --> definitions/traits/orders.yml:5:17
   5 |     identifier: {userid: a}
help: did you mean 'user_id'?""",
    ),
    "identifier_of_wrong_type": (
        """\
    model: support_tickets
    identifier: user_id
    aggregate: count
""",
        """\
error[wrong-type]: 'identifier' of trait 'tickets' must be a mapping, not text
  --> definitions/traits/orders.yml:5:17
   5 |     identifier: user_id
help: write a mapping""",
    ),
    "model_and_table": (
        """\
    model: support_tickets
    identifier: {user_id: customer_no}
    table: {schema: crm, name: tickets}
    aggregate: count
""",
        """\
error[conflicting-keys]: trait 'tickets' has both 'model' and 'table'
  --> definitions/traits/orders.yml:6:12
   6 |     table: {schema: crm, name: tickets}
help: name the dbt model, or the table as {schema: ..., name: ...}""",
    ),
    "model_that_is_sql": (
        """\
    model: "x') }} drop"
    identifier: {user_id: a}
    aggregate: count
""",
        """\
error[invalid-name]: trait 'tickets' has the model "x') }} drop"
  --> definitions/traits/orders.yml:4:12
   4 |     model: "x') }} drop"
help: use letters, digits and '_', starting with a letter""",
    ),
    "table_that_is_sql": (
        """\
    table: {schema: crm, name: "a'; drop"}
    identifier: {user_id: a}
    aggregate: count
""",
        """\
error[invalid-name]: the table of trait 'tickets' has the name "a'; drop"
  --> definitions/traits/orders.yml:4:32
   4 |     table: {schema: crm, name: "a'; drop"}
help: use letters, digits and '_', starting with a letter""",
    ),
    "column_that_is_sql": (
        """\
    model: support_tickets
    identifier: {user_id: customer_no}
    aggregate: maximum
    column: "score from x; --"
""",
        """\
error[invalid-column]: trait 'tickets' reads the column 'score from x; --'
  --> definitions/traits/orders.yml:7:13
   7 |     column: "score from x; --"
help: use a column with letters, digits and '_'; a dbt model can name it so""",
    ),
    "reserved_column": (
        """\
    model: support_tickets
    identifier: {user_id: customer_no}
    aggregate: maximum
    column: order
""",
        """\
error[reserved-name]: trait 'tickets' reads the column 'order', whose name SQL uses itself
  --> definitions/traits/orders.yml:7:13
   7 |     column: order
help: read a dbt model that names it otherwise""",
    ),
    "column_in_filter": (
        """\
    model: support_tickets
    identifier: {user_id: customer_no}
    aggregate: count
    where: [{column: a b, equals: 1}]
""",
        """\
error[invalid-column]: a filter of trait 'tickets' reads the column 'a b'
  --> definitions/traits/orders.yml:7:22
   7 |     where: [{column: a b, equals: 1}]
help: use a column with letters, digits and '_'; a dbt model can name it so""",
    ),
    "property_of_table": (
        """\
    model: support_tickets
    identifier: {user_id: customer_no}
    aggregate: maximum
    property: score
""",
        """\
error[missing-key]: trait 'tickets' has no 'column'
  --> definitions/traits/orders.yml:2:5
   2 |   - name: tickets
help: add a line 'column: ...'

error[unknown-key]: trait 'tickets' has no setting 'property'
  --> definitions/traits/orders.yml:7:5
   7 |     property: score
help: one of 'aggregate', 'column', 'default', 'description', 'eligible', 'every', 'gap', 'identifier', 'level', 'minimum_frequency' and 8 more""",
    ),
    "no_aggregate": (
        """\
    model: support_tickets
    identifier: {user_id: customer_no}
    column: score
""",
        """\
error[missing-key]: trait 'tickets' has no 'aggregate'
  --> definitions/traits/orders.yml:2:5
   2 |   - name: tickets
help: add a line 'aggregate: ...'""",
    ),
    "window_without_time": (
        """\
    model: support_tickets
    identifier: {user_id: customer_no}
    aggregate: count
    window: {last: 3 days}
""",
        """\
error[missing-time]: trait 'tickets' has a window, but its rows have no time
  --> definitions/traits/orders.yml:7:13
   7 |     window: {last: 3 days}
help: name the column that says when with 'occurred_at', or leave 'window' out""",
    ),
    "last_without_time": (
        """\
    model: support_tickets
    identifier: {user_id: customer_no}
    aggregate: last
    column: score
""",
        """\
error[missing-time]: trait 'tickets' has the aggregate 'last', but its rows have no time
  --> definitions/traits/orders.yml:6:16
   6 |     aggregate: last
help: name the column that says when with 'occurred_at'""",
    ),
    "model_above": (
        """\
    model: computed_traits
    identifier: canonical_profile_id
    aggregate: count
""",
        """\
error[trait-cycle]: trait 'tickets' reads 'computed_traits', which is computed from traits
  --> definitions/traits/orders.yml:5:17
   5 |     identifier: canonical_profile_id
help: read a model that no trait is needed for""",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_problem_says_what_where_and_how(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, expected = CASES[name]
    monkeypatch.chdir(tmp_path)
    assert problems_of(tmp_path, {"traits/orders.yml": START + text}) == expected
