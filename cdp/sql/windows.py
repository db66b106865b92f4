"""Durations and time windows: `90 days`, `{last: 90 days}`, `{calendar: this month}`.

Owns their reading and their names. A window is two bounds, start included and end
excluded, in UTC; a bound is a length of time before as_of, the start of a calendar
unit, or a moment. What a bound is in SQL belongs to `predicates`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from cdp.errors import Problems, suggest
from cdp.sql.types import TIMESTAMP
from cdp.sql.values import parse_moment, read_value
from cdp.yamlfile import Node, Section

_MINUTES = {"minute": 1, "hour": 60, "day": 24 * 60, "week": 7 * 24 * 60}
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_DURATION = re.compile(r"\s*([0-9]{1,9})\s+(minute|hour|day|week|month|quarter|year)s?\s*\Z")
LONGEST_MINUTES = 36_500 * 24 * 60
LONGEST_MONTHS = 1_200
PERIOD_UNITS = ("hour", "day", "week", "month")
MOST_PERIODS = 366
# The shortest and the longest that a month can be: which of two durations is longer is
# certain only where these do not overlap.
_SHORT_MONTH, _LONG_MONTH = 28 * 24 * 60, 31 * 24 * 60
CALENDAR_UNITS = ("day", "week", "month", "quarter", "year")
CALENDAR = {f"{which} {unit}": unit for unit in CALENDAR_UNITS for which in ("this", "previous")}
ALL_TIME = "all time"
FORMS = (
    ("none, or `window: all time`", "the first event", "as_of"),
    ("`{last: 90 days}`", "90 days before as_of", "as_of"),
    ("`{last: 3 months}`", "the same day and time 3 months before as_of", "as_of"),
    ("`{between: [60 days, 30 days]}`", "60 days before as_of", "30 days before as_of"),
    ("`{calendar: this month}`", "the month's first midnight", "as_of"),
    (
        "`{calendar: previous week}`",
        "midnight of the Monday of last week",
        "midnight of the Monday of this week",
    ),
    ("`{since: 2026-01-01}`", "that moment", "as_of"),
    ("`{before: 2026-04-01}`", "the first event", "that moment, or as_of when it is earlier"),
    (
        "`{since: 2026-01-01, before: 2026-04-01}`, or `{between: [2026-01-01, 2026-04-01]}`",
        "the first moment",
        "the second moment, or as_of when it is earlier",
    ),
)
"""The forms of a window for the reference: form, start (included), end (excluded)."""


@dataclass(frozen=True)
class Duration:
    """A length of time in whole minutes, or in whole months.

    `24 hours` and `1 day` are the same, and so are `1 year` and `12 months`. A month
    before 31 May is 30 April: the day is cut to the month's last.
    """

    minutes: int
    months: int = 0

    @property
    def unit(self) -> str:
        """The greatest unit that divides it: month, or day, hour or minute."""
        if self.months:
            return "month"
        for unit in ("day", "hour"):
            if self.minutes % _MINUTES[unit] == 0:
                return unit
        return "minute"

    @property
    def count(self) -> int:
        """How many of `unit`."""
        return self.months or self.minutes // _MINUTES[self.unit]

    @property
    def short(self) -> str:
        """The duration as part of a column name: 90d, 36h, 30m, 3mo."""
        return f"{self.count}{'mo' if self.months else self.unit[0]}"

    def is_longer(self, other: Duration) -> bool:
        """Whether it is longer whatever months it is made of."""
        shortest = self.months * _SHORT_MONTH or self.minutes
        longest = other.months * _LONG_MONTH or other.minutes
        if self.months and other.months:
            return self.months > other.months
        return shortest > longest

    def __str__(self) -> str:
        return f"{self.count} {self.unit}{'' if self.count == 1 else 's'}"


@dataclass(frozen=True)
class CalendarStart:
    """The start of the calendar unit that as_of lies in, or of one `back` units before."""

    unit: str
    back: int = 0

    def __str__(self) -> str:
        return f"the start of {'this' if not self.back else 'the previous'} {self.unit}"


Bound = Duration | CalendarStart | datetime


@dataclass(frozen=True)
class Window:
    """From `start` (included) until `end` (excluded).

    No start means from the beginning, no end means until as_of.
    """

    start: Bound | None
    end: Bound | None = None

    @property
    def short(self) -> str:
        """The window as part of a column name."""
        start, end = self.start, self.end
        if isinstance(start, CalendarStart):
            return _short(start)
        if start is None:
            return f"until_{_short(end)}"
        if end is None:
            return start.short if isinstance(start, Duration) else f"since_{_short(start)}"
        return f"{_short(start)}_to_{_short(end)}"

    def __str__(self) -> str:
        start, end = self.start, self.end
        if isinstance(start, CalendarStart):
            return f"{'the previous' if start.back else 'this'} {start.unit}"
        if isinstance(start, Duration):
            return f"the last {start}" if end is None else f"between {start} and {end} ago"
        since = "" if start is None else f"since {start:%Y-%m-%d %H:%M:%S}"
        until = "" if end is None else f"before {_said(end)}"
        return " and ".join(part for part in (since, until) if part)


@dataclass(frozen=True)
class Periods:
    """The last `count` periods of a unit: number i is [as_of - i units, as_of - (i - 1) units)."""

    count: int
    unit: str

    @property
    def window(self) -> Window:
        """From the start of the oldest period until as_of."""
        return Window(self.back(self.count))

    def back(self, number: int) -> Duration:
        """A number of periods as one duration."""
        return Duration(number * _MINUTES.get(self.unit, 0), number * _MONTHS.get(self.unit, 0))


def read_duration(node: Node, what: str, problems: Problems) -> Duration | None:
    """`90 days` as a duration; None, with a problem noted, when it is not one."""
    found = _DURATION.match(node.value) if isinstance(node.value, str) else None
    if found is None:
        shown = f"'{node.value}'" if isinstance(node.value, str) else node.kind
        problems.add(
            "invalid-duration",
            f"{what} has the duration {shown}",
            node.location,
            "write a number and a unit: minutes, hours, days, weeks, months, quarters or years, "
            "such as '90 days'",
        )
        return None
    number, unit = int(found[1]), found[2]
    minutes, months = number * _MINUTES.get(unit, 0), number * _MONTHS.get(unit, 0)
    if not (0 < minutes <= LONGEST_MINUTES or 0 < months <= LONGEST_MONTHS):
        problems.add(
            "impossible-window",
            f"{what} has the duration '{node.value}'",
            node.location,
            "use at least 1 minute and at most 36500 days or 100 years",
        )
        return None
    return Duration(minutes, months)


def read_periods(node: Node, what: str, problems: Problems) -> Periods | None:
    """`8 weeks` as so many periods of a week; None, with a problem noted, when it is not that."""
    if read_duration(node, what, problems) is None:
        return None
    found = _DURATION.match(str(node.value))
    assert found is not None
    count, unit = int(found[1]), found[2]
    if unit in PERIOD_UNITS and count <= MOST_PERIODS:
        return Periods(count, unit)
    problems.add(
        "impossible-window",
        f"{what} has the periods '{node.value}'",
        node.location,
        f"use at most {MOST_PERIODS} hours, days, weeks or months",
    )
    return None


def read_window(section: Section, problems: Problems, key: str = "window") -> Window | None:
    """The `window` of a definition; None means all time (or a problem was noted)."""
    node = section.node(key)
    if node is None or node.value == ALL_TIME:
        return None
    inner = Section(node, f"the {key} of {section.what}", problems)
    if not isinstance(node.value, dict):
        return None
    return _WindowReader(inner, problems).read()


class _WindowReader:
    """Reads the one form that a window has."""

    def __init__(self, section: Section, problems: Problems) -> None:
        self.section = section
        self.problems = problems

    def read(self) -> Window | None:
        section = self.section
        last, calendar = section.node("last"), section.node("calendar")
        between = section.items("between")
        since, before = section.node("since"), section.node("before")
        section.finish()
        given = [key for key in ("last", "calendar", "between") if key in section]
        given += ["since"] if since or before else []
        if len(given) != 1:
            self._impossible(
                "needs one of 'last', 'between', 'calendar', 'since' and 'before'",
                "write it as {last: 90 days}, {between: [60 days, 30 days]}, "
                "{calendar: this month} or {since: 2026-01-01, before: 2026-04-01}",
            )
            return None
        if last is not None:
            duration = read_duration(last, section.what, self.problems)
            return None if duration is None else Window(duration)
        if calendar is not None:
            return self._calendar(calendar)
        return self._between(between) if "between" in section else self._dates(since, before)

    def _calendar(self, node: Node) -> Window | None:
        text = node.value if isinstance(node.value, str) else ""
        unit = CALENDAR.get(text)
        if unit is None:
            self.problems.add(
                "unknown-value",
                f"'{node.value if text else node.kind}' is not a valid calendar of "
                f"{self.section.what}",
                node.location,
                suggest(text.replace("last", "previous"), CALENDAR),
            )
            return None
        if text.startswith("this"):
            return Window(CalendarStart(unit))
        return Window(CalendarStart(unit, back=1), CalendarStart(unit))

    def _between(self, nodes: tuple[Node, ...]) -> Window | None:
        if len(nodes) == 2 and all(_is_moment(node) for node in nodes):
            return self._dates(*nodes)
        ends = [read_duration(node, self.section.what, self.problems) for node in nodes]
        whole = [end for end in ends if end is not None]
        if len(whole) < len(ends):
            return None
        if len(whole) == 2 and whole[0].is_longer(whole[1]):
            return Window(whole[0], whole[1])
        if len(whole) == 2 and whole[1].is_longer(whole[0]):
            return Window(whole[1], whole[0])
        self._impossible(
            "needs two different durations in 'between'",
            "write the two ends, such as [60 days, 30 days]: from 60 until 30 days ago; "
            "two dates are possible too",
            "between",
        )
        return None

    def _dates(self, since: Node | None, before: Node | None) -> Window | None:
        start, end = self._moment(since), self._moment(before)
        if (since and start is None) or (before and end is None):
            return None
        if start is not None and end is not None and start >= end:
            self._impossible(
                "ends before it starts",
                "write the earlier date first; the first is included, the second is not",
            )
            return None
        return Window(start, end)

    def _moment(self, node: Node | None) -> datetime | None:
        if node is None:
            return None
        found = read_value(TIMESTAMP, node, self.section.what, self.problems)
        return found if isinstance(found, datetime) else None

    def _impossible(self, what: str, fix: str, key: str = "") -> None:
        place = self.section.place(key) if key else self.section.location
        self.problems.add("impossible-window", f"{self.section.what} {what}", place, fix)


def _is_moment(node: Node) -> bool:
    return isinstance(node.value, str) and parse_moment(node.value) is not None


def _short(bound: Bound | None) -> str:
    if isinstance(bound, datetime):
        midnight = (bound.hour, bound.minute, bound.second, bound.microsecond) == (0, 0, 0, 0)
        if midnight:
            return f"{bound:%Y%m%d}"
        fraction = f"{bound:%f}" if bound.microsecond else ""
        return f"{bound:%Y%m%d}t{bound:%H%M%S}{fraction}"
    if isinstance(bound, CalendarStart):
        return f"{'previous' if bound.back else 'this'}_{bound.unit}"
    return bound.short if bound is not None else ""


def _said(bound: Bound) -> str:
    if isinstance(bound, datetime):
        return f"{bound:%Y-%m-%d %H:%M:%S}"
    return f"{bound} ago" if isinstance(bound, Duration) else str(bound)
