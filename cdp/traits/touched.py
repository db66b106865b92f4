"""The profiles that a run computes anew: `int_features__touched`.

Owns which events can change a feature while time passes, and the table of the profiles that
have such events, of features and of conditions. Profiles with new events, merged and parted ones
are what identity resolved anew. Everything that follows (`macros/profile_features.sql`) reads
this one table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlglot import exp, select

from cdp.features import Feature, FeaturePlan
from cdp.sql.crossings import Bounded, Crossing, crossed, passed, window_crossings
from cdp.sql.engines import cast
from cdp.sql.model import Column, GeneratedModel, Import
from cdp.sql.predicates import any_of
from cdp.sql.queries import joined, relation
from cdp.sql.windows import CalendarStart
from cdp.traits.levels import PROFILE

TOUCHED = "int_features__touched"
CONSENTS, OWNERS = "int_profiles__consents", "int_identity__event_owners"
_RESOLVED, _GRAPH = "int_identity__resolved", "identity_graph"
_KEY = PROFILE.key
_CLOCK = ("as_of", "previous_as_of", "followed", "resolution")
Moving = Mapping[str, Sequence[Crossing]]
"""What time changes about the events of each name; as_of passes them all."""


def compile_touched(
    plan: FeaturePlan, followers: Sequence[str], conditions: Moving, *, consents: bool
) -> GeneratedModel:
    """The model of the touched profiles, for the tables that follow them.

    `conditions` is what moves of the events that followed conditions read; `consents` says
    whether they read what was said about categories of consent.
    """
    named = ", ".join(f"'{one}'" for one in followers)
    moving = _moving(plan, conditions)
    return GeneratedModel(
        name=TOUCHED,
        folder="traits",
        definitions=plan.files,
        description="One row a profile whose features and conditions this run computes anew: it "
        "has new events, merged or parted, or one of its events crossed a bound of a window. And "
        "one row without a profile: the run's clock, and what was followed before.",
        columns=(
            Column(_KEY, "uuid", "The profile; null in the row of the clock."),
            Column("as_of", "timestamp", "The moment that every window ends at."),
            Column("previous_as_of", "timestamp", "The moment that they ended at before."),
            Column("followed", "integer", "The resolution that the features have followed."),
            Column("resolution", "integer", "The resolution that they follow now."),
        ),
        imports=(
            Import.ref(_RESOLVED),
            Import.ref(_GRAPH),
            *(Import.ref(plan.event_model(event)) for event in moving),
            *(Import.ref(one) for one in (CONSENTS, OWNERS) if consents),
            Import("clock", "{{ cdp.cdp_features_clock([" + named + "]) }}"),
        ),
        body=lambda dialect: _body(plan, moving, consents, dialect),
        config={"materialized": "table", "schema": "internal"},
    )


def _moving(plan: FeaturePlan, conditions: Moving) -> Moving:
    """What moves of each event: of the features of profiles, and of conditions."""
    found: dict[str, dict[Crossing, None]] = {
        one: {} for one in plan.events_of(PROFILE.name) if one not in plan.tables
    }
    for feature in plan.features:
        if feature.query.event in found:
            found[feature.query.event].update(dict.fromkeys(_crossings(feature)))
    for event, crossings in conditions.items():
        found.setdefault(event, {}).update(dict.fromkeys(crossings))
    return {event: tuple(found[event]) for event in sorted(found)}


def _crossings(feature: Feature) -> Iterable[Crossing]:
    yield from window_crossings(feature.query.window)
    if feature.aggregate == "current_streak":
        # Alive while its last day, or week, is the present one or the one before.
        yield Bounded(CalendarStart(str(feature.option), 1))


def _body(plan: FeaturePlan, moving: Moving, consents: bool, dialect: str) -> exp.Query:
    parts = {"moved": _moved()}
    for event, crossings in moving.items():
        parts[f"{plan.event_slugs[event]}_crossed"] = _crossed(event, crossings, plan, dialect)
    if consents:
        parts["consents_crossed"] = _consents_crossed()
    every = [select(PROFILE.column(name)).from_(name, copy=False) for name in parts]
    found = exp.union(*every, distinct=False) if len(every) > 1 else every[0]
    clock = [exp.column(one, "clock") for one in _CLOCK]
    touched = (
        select(PROFILE.column("found"), *clock)
        .distinct()
        .from_("found")
        .join("clock", join_type="cross", copy=False)
    )
    nobody = cast(exp.null(), "uuid", dialect).as_(_KEY)
    final = exp.union(touched, select(nobody, *clock).from_("clock"), distinct=False)
    for name, tree in (*parts.items(), ("found", found)):
        final = final.with_(name, as_=tree, copy=False)
    return final


def _moved() -> exp.Select:
    """The profiles of identifiers that were seen anew, merged or parted."""
    later = exp.column("resolution", _RESOLVED) > exp.column("followed", "clock")
    return (
        select(PROFILE.column(_RESOLVED))
        .from_(_RESOLVED)
        .join("clock", join_type="cross", copy=False)
        .where(later, copy=False)
    )


def _crossed(
    event: str, crossings: Iterable[Crossing], plan: FeaturePlan, dialect: str
) -> exp.Select:
    """The profiles of the events of which time has changed something."""
    source = plan.event_model(event)
    moment = exp.column("occurred_at", source)
    tests = [passed(moment, *_clocks())]
    tests += [crossed(one, moment, *_clocks(), dialect) for one in crossings]
    query = select(PROFILE.column(_GRAPH)).from_(relation(source), copy=False)
    return _owned(query, source, tests)


def _consents_crossed() -> exp.Select:
    """The profiles of what was said about consent that as_of has passed."""
    same = exp.column("event_id", CONSENTS).eq(exp.column("event_id", OWNERS))
    query = select(PROFILE.column(_GRAPH)).from_(relation(CONSENTS), copy=False)
    joined(query, OWNERS, same, "inner")
    moment = exp.column("occurred_at", CONSENTS)
    return _owned(query, OWNERS, [passed(moment, *_clocks())])


def _owned(query: exp.Select, owners: str, tests: Sequence[exp.Expr]) -> exp.Select:
    same = exp.column("identifier_id", owners).eq(exp.column("identifier_id", _GRAPH))
    joined(query, _GRAPH, same, "inner")
    query = query.join("clock", join_type="cross", copy=False)
    return query.where(any_of(tests), copy=False)


def _clocks() -> tuple[exp.Expr, exp.Expr]:
    """The moment before and the moment now."""
    return exp.column("previous_as_of", "clock"), exp.column("as_of", "clock")
