"""Durations and time windows: `90 days`, `{last: 90 days}`, `{between: [60 days, 30 days]}`.

Owns their reading and their names. Windows are half-open and in UTC: `last: 90
days` is `[as_of - 90 days, as_of)`. Months and years are missing on purpose:
engines disagree about them. Calendar and absolute windows have their place in
`Window` as further keys.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from cdp.errors import Problems
from cdp.yamlfile import Node, Section

_MINUTES = {"minute": 1, "hour": 60, "day": 24 * 60, "week": 7 * 24 * 60}
_DURATION = re.compile(r"\s*([0-9]{1,9})\s+(minute|hour|day|week)s?\s*\Z")
LONGEST_MINUTES = 36_500 * 24 * 60


@dataclass(frozen=True, order=True)
class Duration:
    """A length of time in whole minutes: `24 hours` and `1 day` are the same."""

    minutes: int

    @property
    def unit(self) -> str:
        """The greatest unit that divides it: day, hour or minute."""
        for unit in ("day", "hour"):
            if self.minutes % _MINUTES[unit] == 0:
                return unit
        return "minute"

    @property
    def count(self) -> int:
        """How many of `unit`."""
        return self.minutes // _MINUTES[self.unit]

    @property
    def short(self) -> str:
        """The duration as part of a column name: 90d, 36h, 30m."""
        return f"{self.count}{self.unit[0]}"

    def __str__(self) -> str:
        return f"{self.count} {self.unit}{'' if self.count == 1 else 's'}"


@dataclass(frozen=True)
class Window:
    """From `start` ago (included) until `end` ago (excluded); no `end` means until as_of."""

    start: Duration
    end: Duration | None = None

    @property
    def short(self) -> str:
        return self.start.short if self.end is None else f"{self.start.short}_to_{self.end.short}"

    def __str__(self) -> str:
        if self.end is None:
            return f"the last {self.start}"
        return f"between {self.start} and {self.end} ago"


def read_duration(node: Node, what: str, problems: Problems) -> Duration | None:
    """`90 days` as a duration; None, with a problem noted, when it is not one."""
    found = _DURATION.match(node.value) if isinstance(node.value, str) else None
    if found is None:
        shown = f"'{node.value}'" if isinstance(node.value, str) else node.kind
        problems.add(
            "invalid-duration",
            f"{what} has the duration {shown}",
            node.location,
            "write a number and a unit: minutes, hours, days or weeks, such as '90 days'",
        )
        return None
    minutes = int(found[1]) * _MINUTES[found[2]]
    if not 0 < minutes <= LONGEST_MINUTES:
        problems.add(
            "impossible-window",
            f"{what} has the duration '{node.value}'",
            node.location,
            "use at least 1 minute and at most 36500 days",
        )
        return None
    return Duration(minutes)


def read_window(section: Section, problems: Problems) -> Window | None:
    """The `window` of a definition; None means all time (or a problem was noted)."""
    if section.node("window") is None:
        return None
    inner = section.section("window", f"the window of {section.what}")
    assert inner is not None
    last, between = inner.node("last"), inner.items("between")
    if ("last" in inner) == ("between" in inner):
        problems.add(
            "impossible-window",
            f"{inner.what} needs one of 'last' and 'between'",
            inner.location,
            "write it as {last: 90 days} or {between: [60 days, 30 days]}",
        )
    inner.finish()
    if last is not None:
        duration = read_duration(last, inner.what, problems)
        return None if duration is None else Window(duration)
    return _between(between, inner, problems)


def _between(nodes: tuple[Node, ...], inner: Section, problems: Problems) -> Window | None:
    ends = [read_duration(node, inner.what, problems) for node in nodes]
    if "between" not in inner or any(end is None for end in ends):
        return None
    if len(ends) != 2 or ends[0] == ends[1]:
        problems.add(
            "impossible-window",
            f"{inner.what} needs two different durations in 'between'",
            inner.place("between"),
            "write the two ends, such as [60 days, 30 days]: from 60 until 30 days ago",
        )
        return None
    earlier, later = sorted((end for end in ends if end is not None), reverse=True)
    return Window(earlier, later)
