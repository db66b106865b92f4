"""How conditions follow the change, and what time alone changes about the events they read.

A condition may have become another of profiles with new events, and of those with an event whose
standing time has changed; and, where it compares with a trait that moves without either (told from
as_of, or of a table), of those whose trait has another value. In SQL the conditions are
`condition_table`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlglot import exp

from cdp.audiences.conditions import (
    Active,
    Measure,
    Sequence,
    compared_traits,
    measured,
)
from cdp.audiences.plan import AudiencePlan
from cdp.features import FeaturePlan
from cdp.sql.crossings import Crossing, Elapsed, period_crossings, window_crossings
from cdp.sql.formulas import AS_OF
from cdp.traits.compile import trait_value
from cdp.traits.touched import Moving

_DIALECT = "duckdb"


@dataclass(frozen=True)
class Following:
    """The measures that follow the touched profiles, and those that follow traits too.

    Of the latter, `moved` has the traits whose value may be another of any profile.
    """

    followed: tuple[Measure, ...]
    moved: Mapping[Measure, tuple[str, ...]]

    @property
    def moving(self) -> Moving:
        """What time changes about the events of the measures."""
        found: dict[str, dict[Crossing, None]] = {}
        for measure in (*self.followed, *self.moved):
            for query, _ in measured(measure):
                found.setdefault(query.event, {})
            for event, crossing in _crossings(measure):
                found[event][crossing] = None
        return {event: tuple(crossings) for event, crossings in found.items()}


def plan_following(plan: AudiencePlan) -> Following:
    """Which measures of a plan follow what."""
    moved = {one: _moving_traits(one, plan.features) for one in plan.measures}
    return Following(
        tuple(one for one, names in moved.items() if not names),
        {one: names for one, names in moved.items() if names},
    )


def _moving_traits(measure: Measure, plan: FeaturePlan) -> tuple[str, ...]:
    """The traits that a measure compares with and that move of profiles which nothing touched."""
    moving = {name for one, name in plan.features.items() if one.query.event in plan.tables}
    moving.add(AS_OF)
    found = []
    for name in dict.fromkeys(traits_of(measure)):
        value = trait_value(plan.traits[name], plan, "features", _DIALECT)
        if moving & {column.name for column in value.find_all(exp.Column)}:
            found.append(name)
    return tuple(found)


def traits_of(measure: Measure) -> list[str]:
    """The traits that a measure compares with."""
    return [name for query, _ in measured(measure) for name in compared_traits(query)]


def _crossings(measure: Measure) -> Iterator[tuple[str, Crossing]]:
    for query, _ in measured(measure):
        for crossing in window_crossings(query.window):
            yield query.event, crossing
    if isinstance(measure, Active):
        for crossing in period_crossings(measure.periods):
            yield measure.query.event, crossing
    if isinstance(measure, Sequence):
        # What is not to happen within a time can be told when the time is over.
        for step in measure.steps:
            for limit in step.within if step.comparison else ():
                yield measure.steps[limit.step].query.event, Elapsed(limit.length)
