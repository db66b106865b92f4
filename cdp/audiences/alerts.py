"""Alerts on an audience's size: the `alert` of its definition.

Owns what an alert may say. Which audiences are outside of their limits is the model
`audience_alerts`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from cdp.errors import Problems
from cdp.yamlfile import Section

_PERCENTAGE = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,4})?) ?%\Z")

LARGEST = 10**12


@dataclass(frozen=True)
class Alert:
    """Limits of a size: members at least and at most, and the change of a run in percent."""

    change: Decimal | None = None
    minimum: int | None = None
    maximum: int | None = None


def read_alert(section: Section, problems: Problems) -> Alert | None:
    """The `alert` of an audience; None when it has none, or a problem was noted."""
    before = len(problems.found)
    inner = section.section("alert", f"the alert of {section.what}")
    if inner is None:
        return None
    change = _percentage(inner, problems)
    minimum, maximum = (_size(inner, key, problems) for key in ("minimum", "maximum"))
    inner.finish()
    if len(problems.found) > before:
        return None
    if minimum is not None and maximum is not None and minimum > maximum:
        problems.add(
            "impossible-alert",
            f"{inner.what} has the minimum {minimum}, which is above its maximum {maximum}",
            inner.place("minimum"),
            "exchange the two",
        )
    if change is None and minimum is None and maximum is None:
        problems.add(
            "impossible-alert",
            f"{inner.what} says nothing",
            inner.location,
            "write a limit into it, such as {change: 20%} or {minimum: 100}",
        )
    return Alert(change, minimum, maximum)


def _size(section: Section, key: str, problems: Problems) -> int | None:
    found = section.integer(key, minimum=0)
    if key not in section:
        return None
    if found > LARGEST:
        problems.add(
            "out-of-range",
            f"'{key}' of {section.what} is {found}",
            section.place(key),
            f"use {LARGEST} or less",
        )
    return found


def _percentage(section: Section, problems: Problems) -> Decimal | None:
    node = section.node("change")
    if node is None:
        return None
    found = _PERCENTAGE.match(node.value) if isinstance(node.value, str) else None
    if found is None:
        shown = f"'{node.value}'" if isinstance(node.value, (str, int, Decimal)) else node.kind
        problems.add(
            "invalid-percentage",
            f"{section.what} has the change {shown}",
            node.location,
            "write a number and a percent sign, such as 20%",
        )
        return None
    return Decimal(found[1])
