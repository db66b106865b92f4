"""The numbers and consents that conditions compare, as a query of one row a profile.

Owns what simple features cannot say: events compared with traits of the profile, activity by
periods, sequences. Each is computed once for all audiences, each event is scanned once,
and time is the `as_of` of `int_features`. Which profiles are computed is said in one
place, the CTE `considered`. The tables are those of `condition_models`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlglot import exp, select

from cdp.audiences.condition_rows import BASE, PROFILE, ConditionRows, Cte
from cdp.audiences.conditions import (
    Active,
    Matching,
    Measure,
    Sequence,
    compared_traits,
    measured,
)
from cdp.audiences.consent_rows import NAME as CONSENTS
from cdp.audiences.consent_rows import consent_ctes
from cdp.audiences.sequence_steps import sequence_ctes
from cdp.features import FeaturePlan
from cdp.sql.names import unique_names
from cdp.sql.periods import period_at
from cdp.sql.predicates import all_of, in_window
from cdp.sql.queries import joined, relation, with_ctes
from cdp.traits.compile import trait_value
from cdp.traits.event_rows import number
from cdp.traits.feature_table import NAME as FEATURES


@dataclass(frozen=True)
class Part:
    """Conditions that one model computes, each with the name of its column.

    `keeps_traits` is of a table that has the traits beside them that they were compared with.
    """

    features: FeaturePlan
    measures: Mapping[Measure, str]
    consents: Mapping[str, str]
    keeps_traits: bool = False

    @property
    def events(self) -> list[str]:
        """The events that are read, sorted."""
        return sorted({query.event for one in self.measures for query, _ in measured(one)})

    @property
    def traits(self) -> dict[str, str]:
        """A column for each trait that filters of events compare with."""
        names = {
            name
            for measure in self.measures
            for query, _ in measured(measure)
            for name in compared_traits(query)
        }
        columns = {name: f"trait__{name}" for name in sorted(names)}
        return unique_names(columns, {name: name for name in names})


def describe(measure: Measure) -> str:
    """A measure in words, for the documentation of its column."""
    if isinstance(measure, Sequence):
        steps = ", then ".join(
            ("not " if one.comparison == "exactly" and not one.count else "") + one.query.shown
            for one in measure.steps
        )
        text = f"How many times: {steps}."
    elif isinstance(measure, Active):
        last = f"{measure.periods.count} {measure.periods.unit}s"
        text = f"In how many of the last {last} there was {measure.query.shown}."
    else:
        when = f", {measure.query.window}" if measure.query.window else ""
        text = f"count over {measure.query.shown}, compared with traits{when}."
    return text.replace("{", "(").replace("}", ")")


def condition_query(part: Part, dialect: str) -> exp.Select:
    """One row a considered profile, with a column for each condition of the part."""
    rows = ConditionRows(part.features, part.traits, dialect, part.measures)
    ctes: list[Cte] = [(BASE, _considered(part, rows.traits, dialect)), *rows.ctes()]
    owners: dict[Measure, str] = {}
    for event in part.events:
        counted: dict[Measure, str] = {
            one: name
            for one, name in part.measures.items()
            if not isinstance(one, Sequence) and one.query.event == event
        }
        if counted:
            ctes.append((f"{part.features.event_slugs[event]}_totals", _totals(rows, counted)))
            owners |= dict.fromkeys(counted, ctes[-1][0])
    for one, name in part.measures.items():
        if isinstance(one, Sequence):
            ctes += sequence_ctes(one, name, rows)
            owners[one] = ctes[-1][0]
    columns: list[exp.Expr] = [
        exp.func("coalesce", exp.column(name, owners[one]), number(0)).as_(name)
        for one, name in part.measures.items()
    ]
    tables = dict.fromkeys(owners.values())
    if part.consents:
        ctes += consent_ctes(part.consents)
        tables[CONSENTS] = None
        columns += [exp.column(name, CONSENTS) for name in part.consents.values()]
    if part.keeps_traits:
        columns += [exp.column(name, BASE) for name in part.traits.values()]
    return _joined(columns, list(tables), ctes)


def _joined(columns: list[exp.Expr], tables: list[str], ctes: list[Cte]) -> exp.Select:
    """One row a considered profile."""
    final = select(exp.column(PROFILE, BASE), *columns).from_(relation(BASE), copy=False)
    for name in tables:
        same = exp.column(PROFILE, BASE).eq(exp.column(PROFILE, name))
        joined(final, name, same, "left")
    return with_ctes(final, ctes)


def _considered(part: Part, traits: Mapping[str, str], dialect: str) -> exp.Select:
    """The profiles to compute, with the clock and the traits that events are compared with."""
    named = part.features.traits
    values = [
        trait_value(named[name], part.features, FEATURES, dialect).as_(column)
        for name, column in traits.items()
    ]
    columns = [exp.column(PROFILE, FEATURES), exp.column("as_of", FEATURES), *values]
    return select(*columns).from_(relation(FEATURES), copy=False)


def _totals(rows: ConditionRows, measures: Mapping[Measure, str]) -> exp.Select:
    """One row a profile with the measures that are one aggregate of an event's rows."""
    columns = [_total(one, rows).as_(name) for one, name in measures.items()]
    first = next(iter(measures))
    assert not isinstance(first, Sequence)
    table = rows.name(first.query.event)
    owner = exp.column(PROFILE, table)
    return (
        select(owner, *columns)
        .from_(relation(table), copy=False)
        .group_by(owner.copy(), copy=False)
    )


def _total(measure: Measure, rows: ConditionRows) -> exp.Expr:
    assert isinstance(measure, (Matching, Active))
    tests = rows.tests(measure.query)
    if isinstance(measure, Matching):
        return exp.Count(this=exp.Case().when(all_of(tests), number(1)))
    table = rows.name(measure.query.event)
    moment, as_of = exp.column("occurred_at", table), exp.column("as_of", table)
    inside = in_window(moment, measure.periods.window, as_of, rows.dialect)
    assert inside is not None
    period = period_at(moment, as_of, measure.periods, rows.dialect)
    kept = exp.Case().when(all_of([inside, *tests]), period)
    return exp.Count(this=exp.Distinct(expressions=[kept]))
