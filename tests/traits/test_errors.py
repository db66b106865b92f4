# ruff: noqa: E501
"""What people read when a trait definition is wrong: the full text of every problem."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.definitions import problems_of

TRAITS = """\
traits:
  - {name: total, description: Money., event: Order Completed, aggregate: sum, property: revenue}
  - {name: plan, description: Plan., profile_trait: plan}
"""

CASES = {
    "unknown_key": (
        {
            "traits/orders.yml": """\
traits:
  - name: total
    description: Money.
    event: Order Completed
    agregate: sum
    aggregate: sum
    property: revenue
""",
        },
        """\
error[unknown-key]: trait 'total' has no setting 'agregate'
  --> definitions/traits/orders.yml:5:5
   5 |     agregate: sum
help: did you mean 'aggregate'?""",
    ),
    "reserved_name": (
        {
            "traits/orders.yml": """\
traits:
  - {name: select, description: D., event: E, aggregate: count}
""",
        },
        """\
error[reserved-name]: trait 'select' has a name that SQL or a table of cdp uses itself
  --> definitions/traits/orders.yml:2:12
   2 |   - {name: select, description: D., event: E, aggregate: count}
help: choose another name, such as one with two words""",
    ),
    "sql_name": (
        {
            "traits/orders.yml": """\
traits:
  - {name: "x'; drop table profiles; --", description: D., event: E, aggregate: count}
""",
        },
        """\
error[invalid-name]: a trait has the name "x'; drop table profiles; --"
  --> definitions/traits/orders.yml:2:12
   2 |   - {name: "x'; drop table profiles; --", description: D., event: E, aggregate: count}
help: use lower-case letters, digits and '_', starting with a letter, at most 60 characters""",
    ),
    "wrong_aggregate_type": (
        {
            "traits/orders.yml": """\
traits:
  - name: total
    description: Money.
    event: Order Completed
    aggregate: average
    property: revenue
    type: timestamp
""",
        },
        """\
error[wrong-aggregate-type]: trait 'total' has the aggregate 'average', which cannot be of type 'timestamp'
  --> definitions/traits/orders.yml:7:11
   7 |     type: timestamp
help: use 'decimal' or 'float'""",
    ),
    "needless_property": (
        {
            "traits/orders.yml": """\
traits:
  - name: total
    description: Money.
    event: Order Completed
    aggregate: count
    property: revenue
""",
        },
        """\
error[needless-property]: trait 'total' has the aggregate 'count', which reads no property
  --> definitions/traits/orders.yml:6:15
   6 |     property: revenue
help: leave 'property' out, or count its values with 'unique_count'""",
    ),
    "needless_default": (
        {
            "traits/orders.yml": """\
traits:
  - name: total
    description: Money.
    event: Order Completed
    aggregate: count
    default: 5
""",
        },
        """\
error[needless-default]: trait 'total' has a default, which would never be used
  --> definitions/traits/orders.yml:6:14
   6 |     default: 5
help: leave 'default' out; without events it is 0""",
    ),
    "file_name": (
        {
            "traits/My Traits.yml": TRAITS,
        },
        """\
error[invalid-name]: the file name 'My Traits.yml' cannot name a model
  --> definitions/traits/My Traits.yml
help: use lower-case letters, digits and '_', starting with a letter, at most 45 characters before .yml""",
    ),
    "nested_profile_trait": (
        {
            "traits/orders.yml": """\
traits:
  - {name: city, description: D., profile_trait: address.city}
""",
        },
        """\
error[invalid-path]: trait 'city' reads the nested profile trait 'address.city'
  --> definitions/traits/orders.yml:2:50
   2 |   - {name: city, description: D., profile_trait: address.city}
help: name a trait of the first level""",
    ),
    "duplicate_name": (
        {
            "traits/a.yml": TRAITS,
            "traits/b.yml": TRAITS,
        },
        """\
error[duplicate-name]: trait 'total' is defined twice
  --> definitions/traits/b.yml:2:12
   2 |   - {name: total, description: Money., event: Order Completed, aggregate: sum, property: revenue}
help: rename one of the two; the first is at definitions/traits/a.yml:2:12

error[duplicate-name]: trait 'plan' is defined twice
  --> definitions/traits/b.yml:3:12
   3 |   - {name: plan, description: Plan., profile_trait: plan}
help: rename one of the two; the first is at definitions/traits/a.yml:3:12""",
    ),
    "missing_event": (
        {
            "traits/orders.yml": """\
traits:
  - {name: total, description: D., aggregate: count}
""",
        },
        """\
error[missing-key]: trait 'total' has no 'event'
  --> definitions/traits/orders.yml:2:5
   2 |   - {name: total, description: D., aggregate: count}
help: add a line 'event: ...'""",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_problem_says_what_where_and_how(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, expected = CASES[name]
    monkeypatch.chdir(tmp_path)
    assert problems_of(tmp_path, files) == expected


def test_a_text_of_more_than_a_thousand_characters_is_refused(tmp_path: Path) -> None:
    where = f"[{{property: note, equals: {'x' * 1001}}}]"
    text = (
        f"traits:\n  - {{name: t, description: D., event: E, aggregate: count, where: {where}}}\n"
    )
    found = problems_of(tmp_path, {"traits/a.yml": text})
    assert found.startswith(
        "error[text-too-long]: 'equals' of a filter of trait 't' has a text of 1001 characters\n"
    )
    assert found.endswith("\nhelp: use at most 1000 characters")


def test_all_problems_of_all_files_are_reported_together(tmp_path: Path) -> None:
    bad = "traits:\n  - {name: a, description: D., event: E, aggregate: cnt}\n  - {name: b}\n"
    worse = "traits:\n  - {name: c, description: D., event: E, agregate: sum, window: 3}\n"
    found = problems_of(tmp_path, {"traits/a.yml": bad, "traits/b.yml": worse})
    slugs = [line.split("]")[0] for line in found.split("\n") if line.startswith("error[")]
    assert slugs == [
        "error[unknown-value",
        "error[missing-key",
        "error[missing-key",
        "error[missing-key",
        "error[missing-key",
        "error[unknown-key",
        "error[wrong-type",
    ]
