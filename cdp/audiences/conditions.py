"""The tree of conditions that an audience is: what each leaf means, frozen.

Owns the shapes and what they read. Reading YAML belongs to `spec` and its neighbours,
SQL to `compile`, `condition_table` and `ranking_table`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from cdp.errors import Location
from cdp.sql.events import EventQuery, Property
from cdp.sql.filters import StepValue, TraitValue
from cdp.sql.windows import Bound, Duration, Periods
from cdp.yamlfile import Node


@dataclass(frozen=True)
class All:
    """Every part is true."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True)
class Any:
    """At least one part is true."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True)
class Not:
    """The part is not true."""

    part: Condition


@dataclass(frozen=True)
class TraitTest:
    """A computed trait passes an operator. `value` is read when the trait's type is known."""

    trait: str
    operator: str
    value: Node
    location: Location = field(compare=False)


@dataclass(frozen=True)
class Did:
    """The number of events compares as `comparison` says with `count`."""

    query: EventQuery
    comparison: str
    count: int


@dataclass(frozen=True)
class InAudience:
    """The profile is in another audience."""

    audience: str
    location: Location = field(compare=False)


@dataclass(frozen=True)
class Matching:
    """How many events pass filters that refer to traits of the profile."""

    query: EventQuery


@dataclass(frozen=True)
class Active:
    """In how many of the last periods an event occurred."""

    query: EventQuery
    periods: Periods


@dataclass(frozen=True)
class Within:
    """An event comes before `length` has passed since the event of a step, counted from 0."""

    step: int
    length: Duration


@dataclass(frozen=True)
class Step:
    """A step of a sequence: it finds an event, or with a `comparison` counts events.

    A step that counts looks at the events between the steps around it that find one, or
    from the last one on.
    """

    query: EventQuery
    within: tuple[Within, ...] = ()
    comparison: str = ""
    count: int = 0


@dataclass(frozen=True)
class Sequence:
    """How many events of the first step the other steps follow, with the same values of `same`."""

    steps: tuple[Step, ...]
    same: tuple[Property, ...] = ()

    def properties(self, number: int) -> tuple[Property, ...]:
        """What is read of a step's events beside its own filters: what other steps refer to."""
        referred = (
            one.value.property
            for step in self.steps
            for one in step.query.filters
            if isinstance(one.value, StepValue) and one.value.step == number
        )
        return tuple(dict.fromkeys((*self.same, *referred)))


Measure = Matching | Active | Sequence
Read = tuple[EventQuery, tuple[Property, ...]]


@dataclass(frozen=True)
class Counted:
    """A number that events give for a profile compares with `count`."""

    measure: Measure
    comparison: str
    count: int


@dataclass(frozen=True)
class Consent:
    """What was said last about a category of consent: granted, denied, or unknown."""

    category: str
    status: str


@dataclass(frozen=True)
class Ranking:
    """Everybody who has a trait in its order, or everybody of a value of it in a random order.

    The random one is that of `sample`, a name. With `known_only` nobody anonymous takes part.
    """

    trait: str
    known_only: bool
    is_descending: bool = False
    sample: str = ""


@dataclass(frozen=True)
class Top:
    """The first `count` profiles, or `percent` of them, by a trait; ties by profile id."""

    trait: str
    is_descending: bool
    known_only: bool
    count: int
    percent: Decimal | None
    location: Location = field(compare=False, repr=False)

    @property
    def ranking(self) -> Ranking:
        return Ranking(self.trait, self.known_only, self.is_descending)


@dataclass(frozen=True)
class Sample:
    """The profiles whose hash under a name lies from `start` until `end` percent of all hashes."""

    name: str
    start: Decimal
    end: Decimal


@dataclass(frozen=True)
class Group:
    """A group of a split and its share."""

    name: str
    percent: Decimal


@dataclass(frozen=True)
class Split:
    """A group of a split: a share by hash, or exactly that share of each value of a trait."""

    share: Sample
    groups: tuple[Group, ...]
    by: str
    known_only: bool
    location: Location = field(compare=False, repr=False)

    @property
    def ranking(self) -> Ranking | None:
        """The ranking that it needs, when it is by a trait."""
        if not self.by:
            return None
        return Ranking(self.by, self.known_only, sample=self.share.name)


Leaf = TraitTest | Did | InAudience | Counted | Consent | Top | Sample | Split
CONSENTS = ("granted", "denied", "unknown")
Condition = All | Any | Not | Leaf


def leaves(condition: Condition) -> Iterator[Leaf]:
    """The conditions at the ends of the tree, from left to right."""
    if isinstance(condition, Not):
        yield from leaves(condition.part)
    elif isinstance(condition, (All, Any)):
        for part in condition.parts:
            yield from leaves(part)
    else:
        yield condition


def queries(leaf: Leaf) -> list[Read]:
    """The events that a leaf reads, and what it reads of them beside the filters."""
    if isinstance(leaf, Did):
        return [(leaf.query, ())]
    return measured(leaf.measure) if isinstance(leaf, Counted) else []


def measured(measure: Measure) -> list[Read]:
    """The events that a measure reads, and what it reads of them beside the filters."""
    if isinstance(measure, Sequence):
        return [(step.query, measure.properties(n)) for n, step in enumerate(measure.steps)]
    return [(measure.query, ())]


def earliest(measure: Measure) -> Bound | None:
    """The bound before which a measure looks at no event; None when it looks at all time.

    What follows the first step of a sequence is later than it.
    """
    if isinstance(measure, Active):
        return measure.periods.window.start
    query = measure.steps[0].query if isinstance(measure, Sequence) else measure.query
    return query.window.start if query.window is not None else None


def compared_traits(query: EventQuery) -> list[str]:
    """The traits of the profile that filters compare with."""
    return [one.value.name for one in query.filters if isinstance(one.value, TraitValue)]


def used_traits(leaf: Leaf) -> list[str]:
    """The traits that a leaf reads: those that it tests, compares with, or orders by."""
    if isinstance(leaf, TraitTest):
        value = leaf.value.value
        referred = value.get("trait") if isinstance(value, dict) else None
        return [leaf.trait, *([str(referred.value)] if referred is not None else [])]
    if isinstance(leaf, Top):
        return [leaf.trait]
    if isinstance(leaf, Split):
        return [leaf.by] if leaf.by else []
    return [name for query, _ in queries(leaf) for name in compared_traits(query)]
