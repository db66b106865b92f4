"""`int_conditions`: one row a profile with every number that conditions on events compare.

Owns what simple features cannot say: events compared with traits of the profile, activity by
periods, sequences. Each is computed once for all audiences, each event is scanned once,
and time is the `as_of` of `int_features`. Which profiles are computed is said in one
place, the CTE `considered`.
"""

from __future__ import annotations

from collections.abc import Mapping

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
from cdp.audiences.consent_rows import GRAPH, OWNERS, SOURCE, consent_ctes
from cdp.audiences.consent_rows import NAME as CONSENTS
from cdp.audiences.plan import CONDITIONS, AudiencePlan
from cdp.audiences.sequence_steps import sequence_ctes
from cdp.sql.engines import elapsed
from cdp.sql.model import Column, GeneratedModel, Import
from cdp.sql.names import unique_names
from cdp.sql.predicates import all_of, bound_at, in_window
from cdp.sql.queries import joined, relation, with_ctes
from cdp.sql.types import BOOLEAN, INTEGER
from cdp.sql.windows import Periods
from cdp.traits.compile import trait_value
from cdp.traits.event_rows import number
from cdp.traits.feature_table import NAME as FEATURES

NAME = CONDITIONS
_MICROSECONDS_A_MINUTE = 60_000_000


def compile_condition_table(plan: AudiencePlan) -> list[GeneratedModel]:
    """The model, when any audience needs it."""
    if not plan.measures and not plan.consents:
        return []
    rows = _rows(plan, "duckdb")
    events = [plan.features.event_model(event) for event in sorted(rows.properties)]
    columns = [Column(name, INTEGER, describe(one)) for one, name in plan.measures.items()]
    columns += [
        Column(name, BOOLEAN, "Whether the profile said yes last, or null for never: a consent.")
        for name in plan.consents.values()
    ]
    read = [FEATURES, GRAPH, *([SOURCE, OWNERS] if plan.consents else []), *events]
    model = GeneratedModel(
        name=NAME,
        folder="audiences",
        definitions=plan.users[NAME],
        description="One row a profile: each distinct number that conditions of audiences on its "
        "events compare, computed once, as of the moment of int_features.",
        columns=(Column(PROFILE, "uuid", "The profile."), *columns),
        imports=tuple(map(Import.ref, read)),
        body=lambda dialect: _query(plan, dialect),
        config={"materialized": "table", "schema": "internal"},
    )
    return [model]


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


def _traits(plan: AudiencePlan) -> dict[str, str]:
    """A column for each trait that filters of events compare with."""
    names = {
        name
        for measure in plan.measures
        for query, _ in measured(measure)
        for name in compared_traits(query)
    }
    return unique_names({name: f"trait__{name}" for name in sorted(names)}, {n: n for n in names})


def _rows(plan: AudiencePlan, dialect: str) -> ConditionRows:
    return ConditionRows(plan.features, _traits(plan), dialect, plan.measures)


def _query(plan: AudiencePlan, dialect: str) -> exp.Query:
    rows = _rows(plan, dialect)
    ctes: list[Cte] = [(BASE, _considered(plan, rows.traits, dialect)), *rows.ctes()]
    owners: dict[Measure, str] = {}
    for event in sorted(rows.properties):
        counted: dict[Measure, str] = {
            one: name
            for one, name in plan.measures.items()
            if not isinstance(one, Sequence) and one.query.event == event
        }
        if counted:
            ctes.append((f"{plan.features.event_slugs[event]}_totals", _totals(rows, counted)))
            owners |= dict.fromkeys(counted, ctes[-1][0])
    for one, name in plan.measures.items():
        if isinstance(one, Sequence):
            ctes += sequence_ctes(one, name, rows)
            owners[one] = ctes[-1][0]
    columns: list[exp.Expr] = [
        exp.func("coalesce", exp.column(name, owners[one]), number(0)).as_(name)
        for one, name in plan.measures.items()
    ]
    tables = dict.fromkeys(owners.values())
    if plan.consents:
        ctes += consent_ctes(plan.consents)
        tables[CONSENTS] = None
        columns += [exp.column(name, CONSENTS) for name in plan.consents.values()]
    return _joined(columns, list(tables), ctes)


def _joined(columns: list[exp.Expr], tables: list[str], ctes: list[Cte]) -> exp.Select:
    """One row a considered profile."""
    final = select(exp.column(PROFILE, BASE), *columns).from_(relation(BASE), copy=False)
    for name in tables:
        same = exp.column(PROFILE, BASE).eq(exp.column(PROFILE, name))
        joined(final, name, same, "left")
    return with_ctes(final, ctes)


def _considered(plan: AudiencePlan, traits: Mapping[str, str], dialect: str) -> exp.Select:
    """The profiles to compute, with the clock and the traits that events are compared with."""
    named = plan.features.traits
    values = [
        trait_value(named[name], plan.features, FEATURES, dialect).as_(column)
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
    period = _period(moment, as_of, measure.periods, rows.dialect)
    kept = exp.Case().when(all_of([inside, *tests]), period)
    return exp.Count(this=exp.Distinct(expressions=[kept]))


def _period(moment: exp.Expr, as_of: exp.Expr, periods: Periods, dialect: str) -> exp.Expr:
    """Something that moments of one period share: the greatest number of whole periods before."""
    size = periods.back(1)
    if size.months:
        found = exp.Case()
        for count in range(1, periods.count + 1):
            start = bound_at(periods.back(count), as_of, dialect)
            found = found.when(exp.GTE(this=moment.copy(), expression=start), number(count))
        return found
    # A period includes its start, which is the end of the one before it.
    age = exp.paren(exp.Sub(this=elapsed(moment, as_of, dialect), expression=number(1)))
    rest = exp.Mod(this=age, expression=number(size.minutes * _MICROSECONDS_A_MINUTE))
    return exp.Sub(this=age.copy(), expression=rest)
