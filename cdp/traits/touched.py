"""The profiles whose features a run computes anew: `int_features__touched`.

Owns which events can change a feature while time passes: those that cross a bound of one of
its windows. Profiles with new events, merged and parted ones are what identity resolved anew.
Everything that follows (`macros/profile_features.sql`) reads this one table.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlglot import exp, select

from cdp.features import Feature, FeaturePlan
from cdp.sql.engines import cast
from cdp.sql.model import Column, GeneratedModel, Import
from cdp.sql.predicates import any_of, bound_at
from cdp.sql.windows import Bound, CalendarStart, Duration
from cdp.traits.levels import PROFILE

TOUCHED = "int_features__touched"
_RESOLVED = "int_identity__resolved"
_KEY = PROFILE.key
_CLOCK = ("as_of", "previous_as_of", "followed", "resolution")


def compile_touched(plan: FeaturePlan, followers: Sequence[str]) -> GeneratedModel:
    """The model of the touched profiles, for the tables of features that follow them."""
    named = ", ".join(f"'{one}'" for one in followers)
    events = [one for one in plan.events_of(PROFILE.name) if one not in plan.tables]
    return GeneratedModel(
        name=TOUCHED,
        folder="traits",
        definitions=plan.files,
        description="One row a profile whose features this run computes anew: it has new events, "
        "merged or parted, or one of its events crossed a bound of a window. And one row without "
        "a profile: the run's clock, and what the features followed before.",
        columns=(
            Column(_KEY, "uuid", "The profile; null in the row of the clock."),
            Column("as_of", "timestamp", "The moment that every window ends at."),
            Column("previous_as_of", "timestamp", "The moment that they ended at before."),
            Column("followed", "integer", "The resolution that the features have followed."),
            Column("resolution", "integer", "The resolution that they follow now."),
        ),
        imports=(
            Import.ref(_RESOLVED),
            Import.ref("identity_graph"),
            *(Import.ref(plan.event_model(event)) for event in events),
            Import("clock", "{{ cdp.cdp_features_clock([" + named + "]) }}"),
        ),
        body=lambda dialect: _body(plan, events, dialect),
        config={"materialized": "table", "schema": "internal"},
    )


def _body(plan: FeaturePlan, events: Iterable[str], dialect: str) -> exp.Query:
    parts = {"moved": _moved()}
    for event in events:
        features = [one for one in plan.features if one.query.event == event]
        parts[f"{plan.event_slugs[event]}_crossed"] = _crossed(event, features, plan, dialect)
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
    event: str, features: Iterable[Feature], plan: FeaturePlan, dialect: str
) -> exp.Select:
    """The profiles of the events that stand on another side of a bound than before."""
    source = plan.event_model(event)
    moment = exp.column("occurred_at", source)
    now, before = exp.column("as_of", "clock"), exp.column("previous_as_of", "clock")
    bounds: list[tuple[exp.Expr, exp.Expr]] = [(before, now)]
    bounds += [
        (bound_at(one, before, dialect), bound_at(one, now, dialect)) for one in _bounds(features)
    ]
    tests = [
        exp.NEQ(
            this=exp.paren(exp.LT(this=moment.copy(), expression=was)),
            expression=exp.paren(exp.LT(this=moment.copy(), expression=is_now)),
        )
        for was, is_now in bounds
    ]
    same = exp.column("identifier_id", source).eq(exp.column("identifier_id", "identity_graph"))
    return (
        select(PROFILE.column("identity_graph"))
        .from_(source, copy=False)
        .join("identity_graph", on=same, join_type="inner", copy=False)
        .join("clock", join_type="cross", copy=False)
        .where(any_of(tests), copy=False)
    )


def _bounds(features: Iterable[Feature]) -> list[Bound]:
    """The bounds that move with as_of and that an event may cross, each once."""
    found: dict[Bound, None] = {}
    for feature in features:
        window = feature.query.window
        ends = [window.start, window.end] if window is not None else []
        if feature.aggregate == "current_streak":
            # Alive while its last day, or week, is the present one or the one before.
            ends.append(CalendarStart(str(feature.option), 1))
        found |= dict.fromkeys(one for one in ends if isinstance(one, (Duration, CalendarStart)))
    return list(found)
