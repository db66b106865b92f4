"""What traits and audiences mean, in plain Python, written from docs/definitions.md.

An oracle for the compiled SQL: it knows the specs and the events and no SQL, and
it is slow and obvious on purpose.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from cdp.audiences.spec import All, Audience, Condition, Did, InAudience, Not, TraitTest
from cdp.audiences.spec import Any as AnyOf
from cdp.errors import Problems
from cdp.sql.events import EventQuery, Filter, read_operand
from cdp.sql.operators import OPERATORS
from cdp.sql.windows import Duration, Window
from cdp.traits.spec import ProfileTrait, Trait

NUMBER = re.compile(r"\s*[-+]?([0-9]{1,32}(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]{1,2})?\s*", re.A)
MOMENT = re.compile(
    r"[12]\d{3}-\d\d-\d\d([T ]\d\d:\d\d:\d\d(\.\d{1,6})? ?(Z|[-+]\d\d:?\d\d)?)?", re.A
)
MICRO = Decimal("0.000001")


@dataclass(frozen=True)
class Event:
    """An event of a profile. `properties` is the JSON object as Python reads it."""

    profile: str
    name: str
    occurred_at: datetime
    message_id: str
    properties: Mapping[str, Any]
    page_name: str | None = None


@dataclass(frozen=True)
class Profile:
    """A profile with its latest identify traits, as texts."""

    id: str
    is_anonymous: bool
    traits: Mapping[str, str]


class World:
    """Everything that the definitions are evaluated over."""

    def __init__(
        self,
        profiles: Sequence[Profile],
        events: Sequence[Event],
        as_of: datetime,
        traits: Mapping[str, Trait],
        audiences: Mapping[str, Audience],
    ) -> None:
        self.profiles = {one.id: one for one in profiles}
        self.events = events
        self.as_of = as_of
        self.traits = traits
        self.audiences = audiences

    def trait(self, profile: str, trait: Trait) -> Any:
        """The value of a trait, None where it is missing."""
        value = self._trait(profile, trait)
        return trait.default if value is None else value

    def members(self, audience: Audience) -> set[str]:
        """The profiles that are in an audience."""
        return {
            one.id
            for one in self.profiles.values()
            if (audience.include_anonymous or not one.is_anonymous)
            and self.holds(one.id, audience.who)
        }

    def holds(self, profile: str, condition: Condition) -> bool:
        """Whether a condition is true of a profile; there is no third answer."""
        if isinstance(condition, All):
            return all(self.holds(profile, part) for part in condition.parts)
        if isinstance(condition, AnyOf):
            return any(self.holds(profile, part) for part in condition.parts)
        if isinstance(condition, Not):
            return not self.holds(profile, condition.part)
        if isinstance(condition, InAudience):
            return profile in self.members(self.audiences[condition.audience])
        if isinstance(condition, Did):
            count = len(self._events(profile, condition.query))
            return {
                "at_least": count >= condition.count,
                "at_most": count <= condition.count,
                "exactly": count == condition.count,
            }[condition.comparison]
        return self._test_trait(profile, condition)

    def _test_trait(self, profile: str, condition: TraitTest) -> bool:
        trait = self.traits[condition.trait]
        operator = OPERATORS[condition.operator]
        operand = read_operand(operator, trait.type, condition.value, "it", Problems())
        return passes(condition.operator, self.trait(profile, trait), operand, self.as_of)

    def _trait(self, profile: str, trait: Trait) -> Any:
        origin = trait.origin
        if isinstance(origin, ProfileTrait):
            return typed(self.profiles[profile].traits.get(origin.name), trait.type)
        events = self._events(profile, origin.query)
        if origin.aggregate == "count":
            return len(events)
        if origin.aggregate in ("first_time", "last_time"):
            pick = min if origin.aggregate == "first_time" else max
            return pick((one.occurred_at for one in events), default=None)
        assert origin.property is not None
        path, kind = origin.property.path, origin.property.type
        found = [(one, value) for one in events if (value := leaf(one, path, kind)) is not None]
        return aggregate(origin.aggregate, found)

    def _events(self, profile: str, query: EventQuery) -> list[Event]:
        return [
            one
            for one in self.events
            if one.profile == profile
            and one.name == query.event
            and one.occurred_at < self.as_of
            and inside(one.occurred_at, query.window, self.as_of)
            and all(self._passes(one, test) for test in query.filters)
        ]

    def _passes(self, event: Event, test: Filter) -> bool:
        value = leaf(event, test.property.path, test.property.type)
        return passes(test.operator, value, test.value, self.as_of)


def aggregate(name: str, found: list[tuple[Event, Any]]) -> Any:
    """An aggregate of the values that are not missing."""
    values = [value for _, value in found]
    if name == "unique_count":
        return len(set(values))
    if not values:
        return None
    if name == "sum":
        return sum(values)
    if name == "average":
        return (Decimal(sum(values)) / len(values)).quantize(MICRO, ROUND_HALF_UP)
    if name in ("minimum", "maximum"):
        return min(values) if name == "minimum" else max(values)
    if name in ("first", "last"):
        pick = min if name == "first" else max
        return pick(found, key=lambda one: (one[0].occurred_at, sortable(one[1])))[1]
    if name == "unique_list":
        return sorted(set(values), key=sortable)
    counts = Counter(values)
    most = max(counts.values())
    return min((value for value, count in counts.items() if count == most), key=sortable)


def passes(operator: str, value: Any, operand: Any, as_of: datetime) -> bool:
    """One operator, with its answer for a missing value."""
    if operator == "exists":
        return (value is not None) == operand
    if operator in ("not_equals", "not_contains"):
        return not passes(operator.removeprefix("not_"), value, operand, as_of)
    if value is None:
        return False
    if isinstance(operand, Duration):
        length = timedelta(minutes=operand.minutes)
        return bool(
            {
                "within_last": as_of - length <= value < as_of,
                "within_next": as_of <= value < as_of + length,
                "before_last": value < as_of - length,
                "after_next": value >= as_of + length,
            }[operator]
        )
    if operator == "one_of":
        return value in operand
    if operator in ("contains", "contains_one_of"):
        texts = operand if operator == "contains_one_of" else (operand,)
        return any(text in value for text in texts)
    if operator in ("starts_with", "ends_with"):
        edge = value.startswith if operator == "starts_with" else value.endswith
        return bool(edge(operand))
    return bool(
        {
            "equals": lambda: value == operand,
            "less_than": lambda: value < operand,
            "greater_than": lambda: value > operand,
            "less_than_or_equal": lambda: value <= operand,
            "greater_than_or_equal": lambda: value >= operand,
            "before": lambda: value < operand,
            "after": lambda: value > operand,
        }[operator]()
    )


def inside(moment: datetime, window: Window | None, as_of: datetime) -> bool:
    """Whether a moment lies in a half-open window."""
    if window is None:
        return True
    end = timedelta(minutes=window.end.minutes if window.end else 0)
    return as_of - timedelta(minutes=window.start.minutes) <= moment < as_of - end


def leaf(event: Event, path: tuple[str, ...], kind: str) -> Any:
    """A property of an event as a type; None where it is missing or not of that type."""
    if path == ("page_name",) and event.name == "Page Viewed":
        return typed(event.page_name, kind)
    value: Any = event.properties
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    if value is None:
        return None
    return typed(value if isinstance(value, str) else json.dumps(value), kind)


def typed(text: str | None, kind: str) -> Any:
    """Text read as a type."""
    if text is None or kind == "string":
        return text
    if kind == "boolean":
        return {"true": True, "false": False}.get(text)
    if kind == "timestamp":
        return moment(text)
    if not NUMBER.fullmatch(text):
        return None
    number = Decimal(text.strip())
    if abs(number) >= 10**20:
        return None
    number = number.quantize(MICRO, ROUND_HALF_UP)
    if kind == "integer":
        return int(number) if number == int(number) and abs(number) < 2**53 else None
    return number


def moment(text: str) -> datetime | None:
    """ISO text as naive UTC."""
    if not MOMENT.fullmatch(text):
        return None
    plain = text.replace(" ", "T", 1).replace(" ", "").replace("Z", "+00:00")
    if re.search(r"[-+]\d{4}$", plain) and len(plain) > 10:
        plain = f"{plain[:-2]}:{plain[-2:]}"
    try:
        found = datetime.fromisoformat(_padded(plain))
    except ValueError:
        return None
    offset = found.utcoffset()
    return found.replace(tzinfo=None) - offset if offset is not None else found


def sortable(value: Any) -> Any:
    """Texts sort by their bytes."""
    return value.encode() if isinstance(value, str) else value


def _padded(text: str) -> str:
    """Python 3.10 reads fractions of three or six digits only."""
    found = re.search(r"\.(\d+)", text)
    return text if found is None else text.replace(found[0], "." + found[1].ljust(6, "0"))
