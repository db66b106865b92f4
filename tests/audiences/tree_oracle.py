"""What a tree of conditions means, in plain Python, from the YAML that people write.

Written from docs/definitions.md for the whole vocabulary. It reads definitions as mappings and
not through the specs, so that what the readers make of them is tested too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import accumulate
from typing import Any

from cdp.sql.windows import CalendarStart, Duration, Window
from tests.audiences.names import identifier
from tests.audiences.oracle import Event, World, inside, leaf, moment, passes, shifted

Tree = Mapping[str, Any]
_SIZES = {"minute": 1, "hour": 60, "day": 1440, "week": 10080}
_MONTHS = {"month": 1, "quarter": 3, "year": 12}


class Trees:
    """Audiences by name, as mappings, over a world."""

    def __init__(self, world: World, audiences: Mapping[str, Tree]) -> None:
        self.world = world
        self.audiences = audiences
        self.events: dict[tuple[str, str], list[Event]] = {}
        for one in sorted(world.events, key=lambda one: one.occurred_at):
            if one.occurred_at < world.as_of:
                self.events.setdefault((one.profile, one.name), []).append(one)
        self._values: dict[tuple[str, str], Any] = {}
        self._members: dict[str, set[str]] = {}

    def members(self, name: str) -> set[str]:
        if name not in self._members:
            audience = self.audiences[name]
            self._members[name] = {
                one.id
                for one in self.world.profiles.values()
                if audience.get("include_anonymous") or not one.is_anonymous
                if self.holds(one.id, audience["who"], audience)
                and not any(one.id in self.members(above) for above in audience.get("below", ()))
            }
        return self._members[name]

    def holds(self, profile: str, tree: Tree, audience: Tree) -> bool:
        """Whether a condition of an audience is true of a profile."""
        kind = next(iter(tree))
        if kind in ("all", "any"):
            every = (self.holds(profile, one, audience) for one in tree[kind])
            return all(every) if kind == "all" else any(every)
        if kind == "not":
            return not self.holds(profile, tree["not"], audience)
        if kind == "audience":
            return profile in self.members(tree["audience"])
        if kind == "trait":
            return self._trait_holds(profile, tree)
        if kind == "sequence":
            return compared(tree, self._sequences(profile, tree))
        if kind == "consent":
            return self._consent(profile, tree["consent"]) == tree.get("status", "granted")
        if kind in ("top", "bottom", "sample", "split"):
            return self._selected(profile, kind, tree[kind], audience)
        return self._behaves(profile, kind, tree)

    def _trait_holds(self, profile: str, tree: Tree) -> bool:
        operator, value = next((k, v) for k, v in tree.items() if k != "trait")
        return self._passes(profile, operator, self.value(profile, tree["trait"]), value, {})

    def value(self, profile: str, trait: str) -> Any:
        """The value of a trait."""
        key = (profile, trait)
        if key not in self._values:
            self._values[key] = self.world.trait(profile, self.world.traits[trait])
        return self._values[key]

    def _passes(
        self, profile: str, operator: str, value: Any, operand: Any, steps: Mapping[str, Event]
    ) -> bool:
        if isinstance(operand, Mapping):
            operand = self._referred(profile, operator, operand, steps)
            if operand is None:
                return operator.startswith("not_")
        elif operator in ("before", "after"):
            operand = moment_of(operand)
        elif operator in ("within_last", "within_next", "before_last", "after_next"):
            operand = duration(operand)
        return passes(operator, value, operand, self.world.as_of)

    def _referred(
        self, profile: str, operator: str, operand: Tree, steps: Mapping[str, Event]
    ) -> Any:
        if "trait" in operand:
            return self.value(profile, operand["trait"])
        kind = operand.get("type", kind_of(operator, ""))
        return leaf(steps[str(operand["step"])], tuple(operand["property"].split(".")), kind)

    def _consent(self, profile: str, category: str) -> str:
        """The latest that was said; a denial where both were said at one moment."""
        said = [
            (one.occurred_at, not one.is_granted)
            for one in self.world.profiles[profile].consents
            if one.category == category and one.occurred_at < self.world.as_of
        ]
        if not said:
            return "unknown"
        return "denied" if max(said)[1] else "granted"

    def _selected(self, profile: str, kind: str, tree: Tree, audience: Tree) -> bool:
        if kind == "sample":
            return hashed(tree["name"], profile) < threshold(tree["percent"])
        ends = list(accumulate(map(Decimal, map(str, tree.get("groups", {}).values()))))
        if kind == "split" and "by" not in tree:
            start, end = _share(tree, ends)
            return threshold(start) <= hashed(tree["name"], profile) < threshold(end)
        eligible = [
            one.id
            for one in self.world.profiles.values()
            if audience.get("include_anonymous") or not one.is_anonymous
        ]
        if kind == "split":
            start, end = _share(tree, ends)
            mine = self.value(profile, tree["by"])
            alike = [one for one in eligible if self.value(one, tree["by"]) == mine]
            order = sorted(alike, key=lambda one: (hashed(tree["name"], one), identifier(one)))
        else:
            start, end = Decimal(0), Decimal(str(tree.get("percent", 100)))
            having = [one for one in eligible if self.value(one, tree["trait"]) is not None]
            order = sorted(having, key=lambda one: str(identifier(one)))
            order.sort(key=lambda one: self.value(one, tree["trait"]), reverse=kind == "top")
            order = order[: tree.get("count", len(order))] if "count" in tree else order
        if profile not in order:
            return False
        place = order.index(profile) * 100
        return "count" in tree or start * len(order) <= place < end * len(order)

    def _behaves(self, profile: str, kind: str, tree: Tree) -> bool:
        as_of = self.world.as_of
        events = self._matching(profile, tree[kind], tree, {})
        moments = [one.occurred_at for one in events]
        if kind == "did":
            return compared(tree, len(moments))
        if kind == "did_not":
            return not moments
        if kind == "did_first":
            # The very first of the events that pass the filters, whenever it was.
            every = self._matching(profile, tree[kind], {**tree, "window": None}, {})
            first = min((one.occurred_at for one in every), default=None)
            return first is not None and inside(first, window(tree.get("window")), as_of)
        if kind == "did_regularly":
            number, unit = tree["of_last"].split()
            periods = [(duration(f"{n} {unit}"), n - 1) for n in range(1, int(number) + 1)]
            active = sum(
                any(
                    shifted(as_of, size, -1) <= one
                    and (not back or one < shifted(as_of, duration(f"{back} {unit}"), -1))
                    for one in moments
                )
                for size, back in periods
            )
            return compared(tree, active)
        part = window(tree["active" if kind == "stopped" else "pause"])
        assert part is not None
        during = [one for one in moments if inside(one, part, as_of)]
        later = [one for one in moments if not inside(one, Window(None, part.end), as_of)]
        before = [one for one in moments if not inside(one, Window(part.start), as_of)]
        if kind == "stopped":
            return bool(during) and not later
        return bool(before) and not during and bool(later)

    def _matching(
        self, profile: str, name: str, tree: Tree, steps: Mapping[str, Event]
    ) -> list[Event]:
        when = window(tree.get("window"))
        return [
            one
            for one in self.events.get((profile, name), ())
            if inside(one.occurred_at, when, self.world.as_of)
            and all(self._filter(profile, one, part, steps) for part in tree.get("where", ()))
        ]

    def _filter(self, profile: str, event: Event, part: Tree, steps: Mapping[str, Event]) -> bool:
        if "elements" in part:
            return self._elements(event, part)
        operator, operand = next((k, v) for k, v in part.items() if k != "property")
        if isinstance(operand, Mapping) and "trait" in operand:
            kind = self.world.traits[operand["trait"]].type
            kind = "decimal" if kind == "integer" else kind
        elif isinstance(operand, Mapping):
            kind = operand.get("type", kind_of(operator, ""))
        else:
            kind = kind_of(operator, operand)
        value = leaf(event, tuple(part["property"].split(".")), kind)
        return self._passes(event.profile, operator, value, operand, steps)

    def _elements(self, event: Event, part: Tree) -> bool:
        found: Any = event.properties
        for key in part["elements"].split("."):
            found = found.get(key) if isinstance(found, Mapping) else None
        elements = found if isinstance(found, list) else []
        passing = [
            one
            for one in elements
            if all(
                self._filter(event.profile, _as_event(event, one), test, {})
                for test in part.get("where", ())
            )
        ]
        if part.get("every"):
            return bool(elements) and len(passing) == len(elements)
        return compared(part, len(passing))

    def _sequences(self, profile: str, tree: Tree) -> int:
        """How many events of the first step there is any way to go on from."""
        steps = tree["sequence"]
        same = tree.get("same", [])
        same = [same] if isinstance(same, str) else same
        return sum(
            self._goes_on(profile, steps, 1, {"1": one, **_named(steps[0], one)}, one, same)
            for one in self._matching(profile, steps[0]["did"], steps[0], {})
            if all(_text(one, path) is not None for path in same)
        )

    def _goes_on(
        self,
        profile: str,
        steps: Sequence[Tree],
        place: int,
        found: dict[str, Event],
        last: Event,
        same: Sequence[str],
    ) -> bool:
        """Whether the steps from `place` on can follow, given what the earlier ones found."""
        counted = []
        while place < len(steps) and counts(steps[place]):
            counted.append(steps[place])
            place += 1
        if place == len(steps):
            return all(self._counts(profile, one, found, last, None, same) for one in counted)
        step = steps[place]
        for one in self._following(profile, step, found, last, None, same):
            if all(self._counts(profile, part, found, last, one, same) for part in counted):
                now = found | {str(place + 1): one} | _named(step, one)
                if self._goes_on(profile, steps, place + 1, now, one, same):
                    return True
        return False

    def _following(
        self,
        profile: str,
        step: Tree,
        found: Mapping[str, Event],
        last: Event,
        until: Event | None,
        same: Sequence[str],
    ) -> list[Event]:
        name = step.get("then") or step["then_not"]
        ends = _ends(step, found, last)
        return [
            one
            for one in self._matching(profile, name, step, found)
            if one.occurred_at > last.occurred_at
            and (until is None or one.occurred_at < until.occurred_at)
            and all(one.occurred_at < end for end in ends)
            and all(_text(one, path) == _text(found["1"], path) for path in same)
        ]

    def _counts(
        self,
        profile: str,
        step: Tree,
        found: Mapping[str, Event],
        last: Event,
        until: Event | None,
        same: Sequence[str],
    ) -> bool:
        number = len(self._following(profile, step, found, last, until, same))
        ends = _ends(step, found, last)
        at_most = "then_not" in step or "at_most" in step or "exactly" in step
        if until is None and at_most and ends and min(ends) > self.world.as_of:
            return False
        return number == 0 if "then_not" in step else compared(step, number)


def hashed(name: str, profile: str) -> str:
    """The first 32 bits of the MD5 of a name and a profile's id, in hexadecimal digits."""
    return hashlib.md5(f"{name}:{identifier(profile)}".encode()).hexdigest()[:8]


def threshold(percent: Any) -> str:
    """A share as digits to compare with; all of it is beyond the greatest hash."""
    if Decimal(str(percent)) == 100:
        return "g"
    return f"{int(Decimal(str(percent)) * 2**32 / 100):08x}"


def _share(tree: Tree, ends: Sequence[Decimal]) -> tuple[Decimal, Decimal]:
    place = list(tree["groups"]).index(tree["group"])
    return (ends[place - 1] if place else Decimal(0)), ends[place]


def counts(step: Tree) -> bool:
    """Whether a step counts events and finds none that others can refer to."""
    return "then_not" in step or bool({"at_least", "at_most", "exactly"} & set(step))


def compared(tree: Tree, number: int) -> bool:
    """A number against at_least, at_most or exactly; without any, at least one."""
    if "at_most" in tree:
        return bool(number <= tree["at_most"])
    if "exactly" in tree:
        return bool(number == tree["exactly"])
    return bool(number >= tree.get("at_least", 1))


def kind_of(operator: str, operand: Any) -> str:
    """The type that a property is read as."""
    if operator in ("before", "after"):
        return "timestamp"
    if operator in ("contains", "not_contains", "starts_with", "ends_with", "exists"):
        return "string"
    if operator.startswith(("less_", "greater_")):
        return "decimal"
    first = operand[0] if isinstance(operand, list) else operand
    if isinstance(first, bool):
        return "boolean"
    return "string" if isinstance(first, str) else "decimal"


def moment_of(text: Any) -> datetime:
    found = moment(text)
    assert found is not None
    return found


def duration(text: str) -> Duration:
    number, unit = text.split()
    unit = unit.removesuffix("s")
    return Duration(int(number) * _SIZES.get(unit, 0), int(number) * _MONTHS.get(unit, 0))


def window(one: Any) -> Window | None:
    """A window from its YAML."""
    if one is None or one == "all time":
        return None
    if "last" in one:
        return Window(duration(one["last"]))
    if "calendar" in one:
        which, unit = one["calendar"].split()
        if which == "this":
            return Window(CalendarStart(unit))
        return Window(CalendarStart(unit, back=1), CalendarStart(unit))
    if "between" in one and moment(one["between"][0]) is None:
        now = datetime(2026, 5, 31)
        ends = sorted(map(duration, one["between"]), key=lambda length: shifted(now, length, -1))
        return Window(ends[0], ends[1])
    since, before = one["between"] if "between" in one else (one.get("since"), one.get("before"))
    return Window(moment_of(since) if since else None, moment_of(before) if before else None)


def _ends(step: Tree, found: Mapping[str, Event], last: Event) -> list[datetime]:
    within = step.get("within", {})
    limits = {"previous": within} if isinstance(within, str) else within
    return [
        shifted((last if name == "previous" else found[str(name)]).occurred_at, duration(size), 1)
        for name, size in limits.items()
    ]


def _named(step: Tree, event: Event) -> dict[str, Event]:
    return {step["name"]: event} if "name" in step else {}


def _text(event: Event, path: str) -> Any:
    return leaf(event, tuple(path.split(".")), "string")


def _as_event(event: Event, element: Any) -> Event:
    properties = element if isinstance(element, Mapping) else {}
    return Event(event.profile, "", event.occurred_at, event.message_id, properties)
