# ruff: noqa: E501
"""What people read when a value in a definition is wrong: filters, windows, texts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.definitions import problems_of

CASES = {
    "two_operators": (
        {
            "traits/orders.yml": """\
traits:
  - name: total
    description: Money.
    event: Order Completed
    aggregate: count
    where:
      - {property: revenue, less_than: 5, greater_than: 1}
""",
        },
        """\
error[two-operators]: a filter of trait 'total' has the operators 'less_than' and 'greater_than'
  --> definitions/traits/orders.yml:7:57
   7 |       - {property: revenue, less_than: 5, greater_than: 1}
help: keep one; write a second condition for the other""",
    ),
    "missing_operator": (
        {
            "traits/orders.yml": """\
traits:
  - name: total
    description: Money.
    event: Order Completed
    aggregate: count
    where:
      - {property: revenue}
""",
        },
        """\
error[missing-operator]: a filter of trait 'total' has no operator
  --> definitions/traits/orders.yml:7:9
   7 |       - {property: revenue}
help: one of 'after', 'before', 'contains', 'contains_one_of', 'ends_with', 'equals', 'exists', 'greater_than', 'greater_than_or_equal', 'less_than' and 5 more""",
    ),
    "wrong_operator_type": (
        {
            "traits/orders.yml": """\
traits:
  - name: total
    description: Money.
    event: Order Completed
    aggregate: count
    where:
      - {property: revenue, less_than: high}
""",
        },
        """\
error[wrong-operator-type]: 'less_than' of a filter of trait 'total' cannot be used with text
  --> definitions/traits/orders.yml:7:40
   7 |       - {property: revenue, less_than: high}
help: use a number, or 'before' and 'after' for moments""",
    ),
    "invalid_duration": (
        {
            "traits/orders.yml": """\
traits:
  - name: total
    description: Money.
    event: Order Completed
    aggregate: count
    window: {last: 3 fortnights}
""",
        },
        """\
error[invalid-duration]: the window of trait 'total' has the duration '3 fortnights'
  --> definitions/traits/orders.yml:6:20
   6 |     window: {last: 3 fortnights}
help: write a number and a unit: minutes, hours, days, weeks, months, quarters or years, such as '90 days'""",
    ),
    "impossible_window_zero": (
        {
            "traits/orders.yml": """\
traits:
  - name: total
    description: Money.
    event: Order Completed
    aggregate: count
    window: {last: 0 days}
""",
        },
        """\
error[impossible-window]: the window of trait 'total' has the duration '0 days'
  --> definitions/traits/orders.yml:6:20
   6 |     window: {last: 0 days}
help: use at least 1 minute and at most 36500 days or 100 years""",
    ),
    "impossible_window_none": (
        {
            "traits/orders.yml": """\
traits:
  - name: total
    description: Money.
    event: Order Completed
    aggregate: count
    window: {}
""",
        },
        """\
error[impossible-window]: the window of trait 'total' needs one of 'last', 'between', 'calendar', 'since' and 'before'
  --> definitions/traits/orders.yml:6:13
   6 |     window: {}
help: write it as {last: 90 days}, {between: [60 days, 30 days]}, {calendar: this month} or {since: 2026-01-01, before: 2026-04-01}""",
    ),
    "impossible_window_same": (
        {
            "traits/orders.yml": """\
traits:
  - name: total
    description: Money.
    event: Order Completed
    aggregate: count
    window: {between: [7 days, 1 week]}
""",
        },
        """\
error[impossible-window]: the window of trait 'total' needs two different durations in 'between'
  --> definitions/traits/orders.yml:6:23
   6 |     window: {between: [7 days, 1 week]}
help: write the two ends, such as [60 days, 30 days]: from 60 until 30 days ago; two dates are possible too""",
    ),
    "unsafe_text": (
        {
            "traits/orders.yml": """\
traits:
  - name: total
    description: Money.
    event: "x{% endraw %}"
    aggregate: count
""",
        },
        """\
error[unsafe-text]: trait 'total' has a text that cannot stand in a generated model
  --> definitions/traits/orders.yml:4:12
   4 |     event: "x{% endraw %}"
help: leave out line breaks, control characters and the word 'endraw'""",
    ),
    "unsafe_description": (
        {
            "traits/orders.yml": """\
traits:
  - name: total
    description: "{{ env_var('HOME') }}"
    event: Order Completed
    aggregate: count
""",
        },
        """\
error[unsafe-text]: the description of trait 'total' has '{{', '{%' or '{#' in it
  --> definitions/traits/orders.yml:3:18
   3 |     description: "{{ env_var('HOME') }}"
help: leave them out: dbt would read them as a template""",
    ),
    "invalid_path": (
        {
            "traits/orders.yml": """\
traits:
  - name: total
    description: Money.
    event: Order Completed
    aggregate: sum
    property: products[0].price
""",
        },
        """\
error[invalid-path]: trait 'total' has the property path 'products[0].price'
  --> definitions/traits/orders.yml:6:15
   6 |     property: products[0].price
help: write names with dots between them, such as 'shipping.city', without quotes, brackets or array positions""",
    ),
    "invalid_timestamp": (
        {
            "traits/orders.yml": """\
traits:
  - name: total
    description: Money.
    event: Order Completed
    aggregate: count
    where:
      - {property: at, after: 2026-02-30}
""",
        },
        """\
error[invalid-timestamp]: 'after' of a filter of trait 'total' has the timestamp '2026-02-30'
  --> definitions/traits/orders.yml:7:31
   7 |       - {property: at, after: 2026-02-30}
help: write a date (2026-05-01) or a time in ISO form (2026-05-01T12:00:00Z)""",
    ),
    "out_of_range": (
        {
            "traits/orders.yml": """\
traits:
  - name: total
    description: Money.
    event: Order Completed
    aggregate: count
    where:
      - {property: revenue, equals: 0.0000001}
""",
        },
        """\
error[out-of-range]: 'equals' of a filter of trait 'total' has the number 1E-7
  --> definitions/traits/orders.yml:7:37
   7 |       - {property: revenue, equals: 0.0000001}
help: use a number of at most 9007199254740991 with at most 6 decimal places""",
    ),
    "a number beyond all arithmetic": (
        {
            "traits/orders.yml": """\
traits:
  - name: total
    description: Money.
    event: Order Completed
    aggregate: count
    where:
      - {property: revenue, equals: 1e999999999}
""",
        },
        """\
error[out-of-range]: 'equals' of a filter of trait 'total' has the number 1E+999999999
  --> definitions/traits/orders.yml:7:37
   7 |       - {property: revenue, equals: 1e999999999}
help: use a number of at most 9007199254740991 with at most 6 decimal places""",
    ),
    "a zone that no clock has": (
        {
            "traits/orders.yml": """\
traits:
  - name: total
    description: Money.
    event: Order Completed
    aggregate: count
    where:
      - {property: at, before: 2026-05-01T10:00:00+16:00}
""",
        },
        """\
error[invalid-timestamp]: 'before' of a filter of trait 'total' has the timestamp '2026-05-01T10:00:00+16:00'
  --> definitions/traits/orders.yml:7:32
   7 |       - {property: at, before: 2026-05-01T10:00:00+16:00}
help: write a date (2026-05-01) or a time in ISO form (2026-05-01T12:00:00Z)""",
    ),
    "an empty text": (
        {
            "traits/orders.yml": """\
traits:
  - name: total
    description: Money.
    event: Order Completed
    aggregate: count
    where:
      - {property: '', equals: 5}
""",
        },
        """\
error[wrong-type]: 'property' of a filter of trait 'total' must be text, not empty text
  --> definitions/traits/orders.yml:7:20
   7 |       - {property: '', equals: 5}
help: write text""",
    ),
    "wrong_type": (
        {
            "traits/orders.yml": """\
traits:
  - name: total
    description: Money.
    event: Order Completed
    aggregate: sum
    property: revenue
    default: none
""",
        },
        """\
error[wrong-type]: the default of trait 'total' must be a number, not text
  --> definitions/traits/orders.yml:7:14
   7 |     default: none
help: write a number""",
    ),
    "empty_list": (
        {
            "traits/orders.yml": """\
traits:
  - name: total
    description: Money.
    event: Order Completed
    aggregate: count
    where:
      - {property: currency, one_of: []}
""",
        },
        """\
error[empty-list]: 'one_of' of a filter of trait 'total' must be a list of values
  --> definitions/traits/orders.yml:7:38
   7 |       - {property: currency, one_of: []}
help: write it as [one, two]""",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_problem_says_what_where_and_how(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, expected = CASES[name]
    monkeypatch.chdir(tmp_path)
    assert problems_of(tmp_path, files) == expected
