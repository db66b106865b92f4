"""Which conditions follow the change, and what time alone changes about the events they read.

A condition follows when it can be told of which profiles it may have become another: those with
new events, and those with an event whose standing time has changed. What a condition compares
with must not move otherwise, so a trait that every run computes anew, or that is told from as_of,
makes a condition whole: computed of everybody. In SQL the conditions are `condition_table`.
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
    """The measures that follow the touched profiles, and of the others why they cannot."""

    followed: tuple[Measure, ...]
    whole: Mapping[Measure, str]

    @property
    def moving(self) -> Moving:
        """What time changes about the events of the measures that follow."""
        found: dict[str, dict[Crossing, None]] = {}
        for measure in self.followed:
            for query, _ in measured(measure):
                found.setdefault(query.event, {})
            for event, crossing in _crossings(measure):
                found[event][crossing] = None
        return {event: tuple(crossings) for event, crossings in found.items()}


def plan_following(plan: AudiencePlan) -> Following:
    """Which measures of a plan follow."""
    reasons = {one: _moving_trait(one, plan.features) for one in plan.measures}
    return Following(
        tuple(one for one, reason in reasons.items() if not reason),
        {one: reason for one, reason in reasons.items() if reason},
    )


def _moving_trait(measure: Measure, plan: FeaturePlan) -> str:
    """Why the traits that a measure compares with move with every run; empty when they do not."""
    of_tables = {name for one, name in plan.features.items() if one.query.event in plan.tables}
    for name in traits_of(measure):
        value = trait_value(plan.traits[name], plan, "features", _DIALECT)
        read = {column.name for column in value.find_all(exp.Column)}
        if AS_OF in read:
            return f"trait {name} moves with time"
        if read & of_tables:
            return f"trait {name} is of a table"
    return ""


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
