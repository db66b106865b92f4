# ruff: noqa: E501
"""What people read when an aggregate's option or a window is wrong: the full text."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.definitions import problems_of

START = """\
traits:
  - name: total
    description: D.
    event: Order Completed
"""
CASES = {
    "needless_option": (
        """\
    aggregate: sum
    property: revenue
    percentile: 50
""",
        """\
error[needless-option]: trait 'total' has 'percentile', which the aggregate 'sum' does not take
  --> definitions/traits/orders.yml:7:17
   7 |     percentile: 50
help: leave it out; it belongs to 'percentile'""",
    ),
    "invalid_percentile": (
        """\
    aggregate: percentile
    property: revenue
    percentile: 101
""",
        """\
error[invalid-percentile]: trait 'total' has the percentile 101
  --> definitions/traits/orders.yml:7:17
   7 |     percentile: 101
help: write 'percentile: 90', a number from 0 to 100 with at most 3 decimal places""",
    ),
    "missing_percentile": (
        """\
    aggregate: percentile
    property: revenue
""",
        """\
error[invalid-percentile]: trait 'total' has no percentile
  --> definitions/traits/orders.yml:5:16
   5 |     aggregate: percentile
help: write 'percentile: 90', a number from 0 to 100 with at most 3 decimal places""",
    ),
    "gap_of_months": (
        """\
    aggregate: session_count
    gap: 1 month
""",
        """\
error[invalid-duration]: trait 'total' has the duration '1 month'
  --> definitions/traits/orders.yml:6:10
   6 |     gap: 1 month
help: write the gap in minutes, hours, days or weeks""",
    ),
    "wrong_period": (
        """\
    aggregate: longest_streak
    every: month
""",
        """\
error[unknown-value]: 'month' is not a valid every of trait 'total'
  --> definitions/traits/orders.yml:6:12
   6 |     every: month
help: one of 'day', 'week'""",
    ),
    "frequency_of_zero": (
        """\
    aggregate: favourite
    property: color
    minimum_frequency: 0
""",
        """\
error[out-of-range]: 'minimum_frequency' of trait 'total' is 0
  --> definitions/traits/orders.yml:7:24
   7 |     minimum_frequency: 0
help: use 1 or more""",
    ),
    "unknown_calendar": (
        """\
    aggregate: count
    window: {calendar: last month}
""",
        """\
error[unknown-value]: 'last month' is not a valid calendar of the window of trait 'total'
  --> definitions/traits/orders.yml:6:24
   6 |     window: {calendar: last month}
help: did you mean 'previous month'?""",
    ),
    "unclear_between": (
        """\
    aggregate: count
    window: {between: [30 days, 1 month]}
""",
        """\
error[impossible-window]: the window of trait 'total' needs two different durations in 'between'
  --> definitions/traits/orders.yml:6:23
   6 |     window: {between: [30 days, 1 month]}
help: write the two ends, such as [60 days, 30 days]: from 60 until 30 days ago; two dates are possible too""",
    ),
    "dates_backwards": (
        """\
    aggregate: count
    window: {between: [2026-04-01, 2026-01-01]}
""",
        """\
error[impossible-window]: the window of trait 'total' ends before it starts
  --> definitions/traits/orders.yml:6:13
   6 |     window: {between: [2026-04-01, 2026-01-01]}
help: write the earlier date first; the first is included, the second is not""",
    ),
    "two_windows": (
        """\
    aggregate: count
    window: {last: 3 days, since: 2026-01-01}
""",
        """\
error[impossible-window]: the window of trait 'total' needs one of 'last', 'between', 'calendar', 'since' and 'before'
  --> definitions/traits/orders.yml:6:13
   6 |     window: {last: 3 days, since: 2026-01-01}
help: write it as {last: 90 days}, {between: [60 days, 30 days]}, {calendar: this month} or {since: 2026-01-01, before: 2026-04-01}""",
    ),
    "window_without_keys": (
        """\
    aggregate: count
    window: 90 days
""",
        """\
error[wrong-type]: the window of trait 'total' must be a mapping, not text
  --> definitions/traits/orders.yml:6:13
   6 |     window: 90 days
help: write it as 'key: value' lines""",
    ),
    "not_eligible": (
        """\
    aggregate: count
    eligible: unknown
""",
        """\
error[unknown-value]: 'unknown' is not a valid eligible of trait 'total'
  --> definitions/traits/orders.yml:6:15
   6 |     eligible: unknown
help: did you mean 'known'?""",
    ),
    "moment_in_window": (
        """\
    aggregate: count
    window: {since: soon}
""",
        """\
error[invalid-timestamp]: the window of trait 'total' has the timestamp 'soon'
  --> definitions/traits/orders.yml:6:21
   6 |     window: {since: soon}
help: write a date (2026-05-01) or a time in ISO form (2026-05-01T12:00:00Z)""",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_problem_says_what_where_and_how(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, expected = CASES[name]
    monkeypatch.chdir(tmp_path)
    assert problems_of(tmp_path, {"traits/orders.yml": START + text}) == expected
