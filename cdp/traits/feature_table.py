"""`int_features`: one row a profile with every feature that traits and audiences need.

Each event table is scanned once. Most features are one filtered aggregate of that scan
(`totals`); those that need values in order or counted share CTEs of their own
(`groups`, `periods`). The run's clock is read here and stored as `as_of`, which
everything above reads (design, decision 6): no event at or after `as_of` counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlglot import exp, select

from cdp.features import Feature, FeaturePlan, ProfileFeature
from cdp.sql.engines import typed
from cdp.sql.model import Column, GeneratedModel, Import
from cdp.sql.types import STRING
from cdp.traits.aggregates import COUNTS
from cdp.traits.event_rows import Cte, EventRows, feature_type, number
from cdp.traits.groups import Group, Grouped, frequencies, percentiles
from cdp.traits.levels import MEMBERS, PROFILE, Level
from cdp.traits.periods import sessions, streaks
from cdp.traits.totals import totals_cte

NAME = PROFILE.features
_GROUPS: dict[str, Callable[[EventRows, str, Group], Grouped]] = {
    "most_frequent": frequencies,
    "tally": frequencies,
    "percentile": percentiles,
    "session_count": sessions,
    "longest_session": sessions,
    "average_session": sessions,
    "current_streak": streaks,
    "longest_streak": streaks,
}
"""How the aggregates that need CTEs of their own are computed."""


def compile_feature_table(plan: FeaturePlan, level: Level = PROFILE) -> GeneratedModel:
    """The model that computes all features of a plan for a level."""
    imports = [Import.ref(level.table), Import.ref("identity_graph")]
    if level is not PROFILE:
        imports.append(Import.ref(MEMBERS))
    if plan.traits_of(level.name):
        imports.append(Import.ref(level.traits))
    imports += [Import.ref(plan.event_model(event)) for event in plan.events_of(level.name)]
    imports.append(Import("clock", "select {{ cdp.cdp_as_of() }} as as_of"))
    anonymous = Column("is_anonymous", "boolean", "Whether no user id and no e-mail is known.")
    return GeneratedModel(
        name=level.features,
        folder="traits",
        definitions=plan.files,
        description=f"One row {_a(level)}: each distinct aggregate over events that a trait or an "
        "audience uses, computed once, as of one moment.",
        columns=(
            Column(level.key, "uuid", f"The {level.name}."),
            Column("as_of", "timestamp", "The moment that every window ends at."),
            *([anonymous] if level is PROFILE else []),
            *(
                Column(name, feature_type(one), describe_feature(one))
                for one, name in plan.of(level.name).items()
            ),
            *(
                Column(name, one.type, _describe_trait(one, level))
                for one, name in plan.traits_of(level.name).items()
            ),
        ),
        imports=tuple(imports),
        body=lambda dialect: _Table(plan, dialect, level).query(),
        config={"materialized": "table", "schema": "internal"},
    )


def _a(level: Level) -> str:
    return "a profile" if level is PROFILE else "an account"


def _describe_trait(trait: ProfileFeature, level: Level) -> str:
    return f"The {level.name}'s trait '{trait.name}', from {level.calls}."


def describe_feature(feature: Feature) -> str:
    """A feature in words, for the documentation of its column."""
    of = f" of {feature.measured.dotted}" if feature.measured else ""
    when = f", {feature.query.window}" if feature.query.window else ""
    filters = f", {len(feature.query.filters)} filters" if feature.query.filters else ""
    text = f"{feature.aggregate}{of} over {feature.query.shown}{filters}{when}."
    return text.replace("{", "(").replace("}", ")")


def is_grouped(feature: Feature) -> bool:
    """Whether a feature needs CTEs of its own beside the scan of its event."""
    return feature.aggregate in _GROUPS


class _Table:
    """The query of the model for one dialect."""

    def __init__(self, plan: FeaturePlan, dialect: str, level: Level) -> None:
        self.plan = plan
        self.dialect = dialect
        self.level = level
        self.traits = plan.traits_of(level.name)

    def query(self) -> exp.Query:
        ctes: list[Cte] = []
        owners: dict[Feature, str] = {}
        for event in self.plan.events_of(self.level.name):
            found, owned = _event_ctes(EventRows(event, self.plan, self.dialect, self.level))
            ctes += found
            owners |= owned
        joined = [name for name, _ in ctes if name in set(owners.values())]
        if self.traits:
            ctes.append((self._said, self._latest_traits()))
            joined.append(self._said)
        table = self.level.table
        columns: list[exp.Expr] = [self.level.column(table), exp.column("as_of", "clock")]
        columns += [exp.column("is_anonymous", table)] if self.level is PROFILE else []
        columns += [_shown(one, name, owners[one]) for one, name in self._features.items()]
        columns += [self._read(one, name) for one, name in self.traits.items()]
        final = (
            select(*columns).from_(table, copy=False).join("clock", join_type="cross", copy=False)
        )
        for name in joined:
            same = self.level.column(table).eq(self.level.column(name))
            final = final.join(name, on=same, join_type="left", copy=False)
        for name, tree in ctes:
            final = final.with_(name, as_=tree, copy=False)
        return final

    @property
    def _features(self) -> Mapping[Feature, str]:
        return self.plan.of(self.level.name)

    @property
    def _said(self) -> str:
        """The CTE with what identify calls, or group calls, said."""
        return f"{self.level.name}_traits" if self.level is PROFILE else "said_traits"

    def _read(self, feature: ProfileFeature, name: str) -> exp.Expr:
        column = exp.column(name, self._said)
        if feature.type == STRING:
            return column
        return typed(column, feature.type, self.dialect).as_(name)

    def _latest_traits(self) -> exp.Select:
        traits = self.level.traits
        columns = [
            exp.Max(
                this=exp.Case().when(
                    exp.column("trait_name", traits).eq(exp.Literal.string(one.name)),
                    exp.column("trait_value", traits),
                )
            ).as_(name)
            for one, name in self.traits.items()
        ]
        key = self.level.column(traits)
        return select(key, *columns).from_(traits, copy=False).group_by(key.copy(), copy=False)


def _event_ctes(rows: EventRows) -> Grouped:
    """The CTEs of one event's features, and the one that has each feature's column."""
    ctes: list[Cte] = [(rows.name, rows.query())]
    owners: dict[Feature, str] = {}
    totals = {one: name for one, name in rows.features.items() if not is_grouped(one)}
    if totals:
        ctes.append(totals_cte(rows, totals))
        owners |= dict.fromkeys(totals, ctes[-1][0])
    groups: dict[object, dict[Feature, str]] = {}
    for one, name in rows.features.items():
        if is_grouped(one):
            groups.setdefault(_group_key(one), {})[one] = name
    for features in groups.values():
        first, base = next(iter(features.items()))
        found, owned = _GROUPS[first.aggregate](rows, base, features)
        ctes += found
        owners |= owned
    return ctes, owners


def _group_key(feature: Feature) -> object:
    """What features of one group have in common."""
    compute = _GROUPS[feature.aggregate]
    option = feature.option if compute in (sessions, streaks) else None
    return compute, feature.query, feature.measured, option


def _shown(feature: Feature, name: str, table: str) -> exp.Expr:
    column = exp.column(name, table)
    if feature.aggregate in COUNTS:
        return exp.func("coalesce", column, number(0)).as_(name)
    return column
