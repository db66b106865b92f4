"""What traits and audiences mean, in plain Python, written from docs/definitions.md.

An oracle for the compiled SQL: it knows the specs and the events and no SQL, and
it is slow and obvious on purpose.
"""

from __future__ import annotations

import calendar
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from cdp.audiences.conditions import All, Condition, Did, InAudience, Not, TraitTest
from cdp.audiences.conditions import Any as AnyOf
from cdp.audiences.spec import Audience
from cdp.errors import Problems
from cdp.sql.events import EventQuery, Filter, read_operand
from cdp.sql.operators import OPERATORS
from cdp.sql.windows import CalendarStart, Duration, Window
from cdp.traits.spec import ProfileTrait, Trait

NUMBER = re.compile(r"\s*[-+]?([0-9]{1,32}(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]{1,2})?\s*", re.A)
MOMENT = re.compile(
    r"[12]\d{3}-\d\d-\d\d([T ]\d\d:\d\d:\d\d(\.\d{1,6})? ?(Z|[-+](0\d|1[0-5]):?[0-5]\d)?)?", re.A
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
class Said:
    """A grant or a denial of a category of consent."""

    category: str
    is_granted: bool
    occurred_at: datetime


@dataclass(frozen=True)
class Profile:
    """A profile with its latest identify traits, as texts, and what it said about consent."""

    id: str
    is_anonymous: bool
    traits: Mapping[str, str]
    consents: tuple[Said, ...] = ()


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
        is_anonymous = self.profiles[profile].is_anonymous
        if trait.eligible == ("known" if is_anonymous else "anonymous"):
            return None
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
        assert isinstance(condition, TraitTest), "the rest is the oracle's of trees"
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
        moments = [one.occurred_at for one in events]
        if origin.property is None:
            return of_moments(origin.aggregate, moments, origin.option, trait.type, self.as_of)
        path, kind = origin.property.path, origin.property.type
        found = [(one, value) for one in events if (value := leaf(one, path, kind)) is not None]
        return aggregate(origin.aggregate, found, origin.option)

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


def of_moments(name: str, moments: list[datetime], option: Any, kind: str, as_of: datetime) -> Any:
    """An aggregate that asks only when events occurred."""
    if name == "count":
        return len(moments)
    if name in ("current_streak", "longest_streak"):
        return streak(name, moments, option, as_of)
    if name == "session_count":
        return len(sessions(moments, option))
    if not moments:
        return None
    if name in ("longest_session", "average_session"):
        lengths = [last - first for first, last in sessions(moments, option)]
        micros = [length // timedelta(microseconds=1) for length in lengths]
        whole = max(micros) if name == "longest_session" else Decimal(sum(micros)) / len(micros)
        return (Decimal(whole) / 60_000_000).quantize(MICRO, ROUND_HALF_UP)
    moment = min(moments) if name in ("first_time", "days_since_first") else max(moments)
    if name in ("first_time", "last_time"):
        return moment
    if kind == "integer":
        return (as_of - moment).days
    micros_since = (as_of - moment) // timedelta(microseconds=1)
    return (Decimal(micros_since) / 86_400_000_000).quantize(MICRO, ROUND_HALF_UP)


def sessions(moments: list[datetime], gap: Duration) -> list[tuple[datetime, datetime]]:
    """The first and last moment of each session."""
    found: list[tuple[datetime, datetime]] = []
    for one in sorted(moments):
        if found and one - found[-1][1] <= timedelta(minutes=gap.minutes):
            found[-1] = (found[-1][0], one)
        else:
            found.append((one, one))
    return found


def streak(name: str, moments: list[datetime], every: str, as_of: datetime) -> int:
    """Days, or weeks from Monday, in a row: the longest run, or the one that still lasts."""
    days = {one.date() for one in moments}
    today, step = as_of.date(), timedelta(days=1)
    if every == "week":
        days = {day - timedelta(days=day.weekday()) for day in days}
        today, step = today - timedelta(days=today.weekday()), timedelta(days=7)

    def until(day: Any) -> int:
        return 1 + until(day - step) if day in days else 0

    if name == "longest_streak":
        return max(map(until, days), default=0)
    return until(today) or until(today - step)


def aggregate(name: str, found: list[tuple[Event, Any]], option: Any) -> Any:
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
    if name == "percentile":
        return percentile(values, option)
    if name in ("minimum", "maximum"):
        return (min if name == "minimum" else max)(values, key=sortable)
    if name in ("first", "last"):
        pick = min if name == "first" else max
        return pick(found, key=lambda one: (one[0].occurred_at, sortable(one[1])))[1]
    if name == "unique_list":
        return sorted(set(values), key=sortable)
    counts = Counter(values)
    if name == "tally":
        in_order = {value: counts[value] for value in sorted(counts, key=sortable)}
        return json.dumps(in_order, ensure_ascii=False, separators=(",", ":"))
    most = max(counts.values())
    if most < (option or 1):
        return None
    return min((value for value, count in counts.items() if count == most), key=sortable)


def percentile(values: list[Any], percent: Decimal) -> Decimal:
    """By linear interpolation between the two nearest ranks."""
    ordered = sorted(values)
    place = percent * (len(ordered) - 1) / 100
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    between = ordered[low] + (ordered[high] - ordered[low]) * (place - low)
    return Decimal(between).quantize(MICRO, ROUND_HALF_UP)


def passes(operator: str, value: Any, operand: Any, as_of: datetime) -> bool:
    """One operator, with its answer for a missing value."""
    if operator == "exists":
        return (value is not None) == operand
    if operator in ("not_equals", "not_contains"):
        return not passes(operator.removeprefix("not_"), value, operand, as_of)
    if value is None:
        return False
    if isinstance(operand, Duration):
        past, future = shifted(as_of, operand, -1), shifted(as_of, operand, 1)
        return bool(
            {
                "within_last": past <= value < as_of,
                "within_next": as_of <= value < future,
                "before_last": value < past,
                "after_next": value >= future,
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
    start, end = bound(window.start, as_of), bound(window.end, as_of)
    return (start is None or start <= moment) and (end is None or moment < end)


def bound(one: Any, as_of: datetime) -> datetime | None:
    """The moment that a bound of a window is."""
    if one is None or isinstance(one, datetime):
        return one
    if isinstance(one, Duration):
        return shifted(as_of, one, -1)
    assert isinstance(one, CalendarStart)
    day = as_of.replace(hour=0, minute=0, second=0, microsecond=0)
    starts = {
        "day": day,
        "week": day - timedelta(days=day.weekday()),
        "month": day.replace(day=1),
        "quarter": day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1),
        "year": day.replace(month=1, day=1),
    }
    start = starts[one.unit]
    if not one.back:
        return start
    # A moment before its start lies in the unit before it.
    return bound(CalendarStart(one.unit), start - timedelta(microseconds=1))


def shifted(moment: datetime, length: Duration, sign: int) -> datetime:
    """A moment plus or minus a duration; a day that a month does not have is its last."""
    if not length.months:
        return moment + sign * timedelta(minutes=length.minutes)
    year, month = divmod(moment.year * 12 + moment.month - 1 + sign * length.months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return moment.replace(year=year, month=month + 1, day=min(moment.day, last))


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
