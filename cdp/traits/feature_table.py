"""`int_features`: one row a profile with every feature that traits and audiences need.

A view of what is stored: the features over events and of identify calls, of which a run
computes only the touched profiles (`touched`), and those over declared tables. Each event table
is scanned once. Most features are one filtered aggregate of that scan (`totals`); those that
need values in order or counted share CTEs of their own (`groups`, `periods`). The run's
clock is read by `touched`, noted with what was computed and shown as `as_of`, which
everything above reads (design, decision 6): no event at or after `as_of` counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp, select

from cdp.features import Feature, FeaturePlan, ProfileFeature
from cdp.sql.engines import typed
from cdp.sql.model import Column, GeneratedModel, Import
from cdp.sql.types import STRING
from cdp.traits.aggregates import COUNTS
from cdp.traits.event_rows import Cte, EventRows, feature_type, number
from cdp.traits.followed import Followed, computed_model, recomputed_model
from cdp.traits.groups import Group, Grouped, frequencies, percentiles
from cdp.traits.levels import ACCOUNT, MEMBERS, PROFILE, Level
from cdp.traits.periods import sessions, streaks
from cdp.traits.totals import totals_cte
from cdp.traits.touched import TOUCHED

NAME = PROFILE.features
COMPUTED = "int_features__computed"
OF_TABLES = "int_features__tables"
RECOMPUTED = "int_features__recomputed"
_PROFILE = Column(PROFILE.key, "uuid", "The profile.")
_AS_OF = Column("as_of", "timestamp", "The moment that every window ends at.")
_IS_ANONYMOUS = Column("is_anonymous", "boolean", "Whether no user id and no e-mail is known.")
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


def compile_account_features(plan: FeaturePlan) -> GeneratedModel:
    """The model that computes all features of accounts, anew on each run."""
    part = _Part(ACCOUNT, tuple(plan.events_of(ACCOUNT.name)), has_traits=True, has_clock=True)
    imports = [Import.ref(name) for name in (ACCOUNT.table, "identity_graph", MEMBERS)]
    imports += [Import.ref(ACCOUNT.traits)] if plan.traits_of(ACCOUNT.name) else []
    imports += [Import.ref(plan.event_model(event)) for event in part.events]
    return GeneratedModel(
        name=ACCOUNT.features,
        folder="traits",
        definitions=plan.files,
        description="One row an account: each distinct aggregate over events that a trait uses, "
        "computed once, as of one moment.",
        columns=(Column(ACCOUNT.key, "uuid", "The account."), _AS_OF, *_columns(plan, part)),
        imports=(*imports, Import("clock", "select {{ cdp.cdp_as_of() }} as as_of")),
        body=lambda dialect: _Table(plan, dialect, part).query(),
        config={"materialized": "table", "schema": "internal"},
    )


def compile_features(plan: FeaturePlan, upstream_version: str) -> list[GeneratedModel]:
    """The models of the features of profiles.

    `upstream_version` changes when a row of an event table or of user_traits would be another
    from the same events.
    """
    events = plan.events_of(PROFILE.name)
    of_tables = _Part(PROFILE, tuple(one for one in events if one in plan.tables), has_traits=False)
    followed = followed_features(plan, upstream_version)
    stored = [computed_model(followed, (_clock_of_run(),))]
    if of_tables.events:
        stored.append(_of_tables(plan, of_tables))
    return [
        *stored,
        _all_features(plan, stored),
        recomputed_model(followed, (_clock_noted(),)),
    ]


def followed_features(plan: FeaturePlan, upstream_version: str) -> Followed:
    """The table of the features over events and of identify calls."""
    events = tuple(one for one in plan.events_of(PROFILE.name) if one not in plan.tables)
    part = _Part(PROFILE, events)
    keyed, others = _read(plan, part)
    return Followed(
        name=COMPUTED,
        recomputed=RECOMPUTED,
        test="features_are_what_a_full_build_gives",
        folder="traits",
        definitions=plan.files,
        description="One row a profile: each distinct aggregate over events that a trait or an "
        "audience uses, computed once.",
        columns=(_PROFILE, _IS_ANONYMOUS, *_columns(plan, part)),
        keyed=keyed,
        others=others,
        body=lambda dialect: _Table(plan, dialect, part).query(),
        upstream_version=upstream_version,
    )


def _read(plan: FeaturePlan, part: _Part) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What a part reads but the clock: what says whose everything is, and the events."""
    traits = [PROFILE.traits] if part.has_traits and plan.traits_of(PROFILE.name) else []
    keyed = (PROFILE.table, "identity_graph", *traits)
    return keyed, tuple(plan.event_model(event) for event in part.events)


def _of_tables(plan: FeaturePlan, part: _Part) -> GeneratedModel:
    return GeneratedModel(
        name=OF_TABLES,
        folder="traits",
        definitions=plan.files,
        description="One row a profile: each distinct aggregate over declared tables. Nothing "
        "tells what changed in them, so each run computes all.",
        columns=(_PROFILE, *_columns(plan, part)),
        imports=(
            *(Import.ref(one) for names in _read(plan, part) for one in names),
            _clock_of_run(),
        ),
        body=lambda dialect: _Table(plan, dialect, part).query(),
        config={"materialized": "table", "schema": "internal"},
    )


def _all_features(plan: FeaturePlan, stored: Sequence[GeneratedModel]) -> GeneratedModel:
    first, *others = stored
    keys = (_PROFILE.name, _IS_ANONYMOUS.name)
    shown = [(one.name, column) for one in stored for column in one.columns]
    columns = {column.name: (table, column) for table, column in shown if column.name not in keys}

    def body(dialect: str) -> exp.Query:
        query = select(
            PROFILE.column(first.name),
            exp.column("as_of", "clock"),
            exp.column(_IS_ANONYMOUS.name, first.name),
            *(exp.column(name, table) for name, (table, _) in columns.items()),
        ).from_(first.name)
        for one in others:
            same = PROFILE.column(first.name).eq(PROFILE.column(one.name))
            query = query.join(one.name, on=same, join_type="inner", copy=False)
        return query.join("clock", join_type="cross", copy=False)

    return GeneratedModel(
        name=NAME,
        folder="traits",
        definitions=plan.files,
        description="One row a profile with every feature that a trait or an audience uses, as of "
        "one moment.",
        columns=(_PROFILE, _AS_OF, _IS_ANONYMOUS, *(column for _, column in columns.values())),
        imports=(
            *(Import.ref(one.name) for one in stored),
            _clock_noted(),
        ),
        body=body,
        config={"materialized": "view", "schema": "internal"},
    )


def _clock_noted() -> Import:
    """The moment that the stored features were computed as of."""
    return Import("clock", "{{ cdp.cdp_features_as_of('" + COMPUTED + "') }}")


def _clock_of_run() -> Import:
    touched = "{{ ref('" + TOUCHED + "') }}"
    return Import(
        "clock",
        f"select touched.as_of from {touched} as touched\n"  # noqa: S608 (a model's name)
        "where touched.canonical_profile_id is null",
    )


@dataclass(frozen=True)
class _Part:
    """Features that one model computes: of which events and tables, and whether of traits."""

    level: Level
    events: tuple[str, ...]
    has_traits: bool = True
    has_clock: bool = False

    @property
    def has_anonymous(self) -> bool:
        return self.level is PROFILE and self.has_traits


def _columns(plan: FeaturePlan, part: _Part) -> list[Column]:
    features = [
        Column(name, feature_type(one), describe_feature(one))
        for one, name in plan.of(part.level.name).items()
        if one.query.event in part.events
    ]
    if not part.has_traits:
        return features
    said = plan.traits_of(part.level.name).items()
    return features + [Column(name, one.type, _describe(one, part.level)) for one, name in said]


def _describe(trait: ProfileFeature, level: Level) -> str:
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
    """The query of a part for one dialect."""

    def __init__(self, plan: FeaturePlan, dialect: str, part: _Part) -> None:
        self.plan = plan
        self.dialect = dialect
        self.part = part
        self.level = part.level
        self.traits = plan.traits_of(self.level.name) if part.has_traits else {}

    def query(self) -> exp.Query:
        ctes: list[Cte] = []
        owners: dict[Feature, str] = {}
        for event in self.part.events:
            found, owned = _event_ctes(EventRows(event, self.plan, self.dialect, self.level))
            ctes += found
            owners |= owned
        joined = [name for name, _ in ctes if name in set(owners.values())]
        if self.traits:
            ctes.append((self._said, self._latest_traits()))
            joined.append(self._said)
        table = self.level.table
        columns: list[exp.Expr] = [self.level.column(table)]
        columns += [exp.column("as_of", "clock")] if self.part.has_clock else []
        columns += [exp.column("is_anonymous", table)] if self.part.has_anonymous else []
        columns += [_shown(one, name, owners[one]) for one, name in self._features.items()]
        columns += [self._read(one, name) for one, name in self.traits.items()]
        final = select(*columns).from_(table, copy=False)
        if self.part.has_clock:
            final = final.join("clock", join_type="cross", copy=False)
        for name in joined:
            same = self.level.column(table).eq(self.level.column(name))
            final = final.join(name, on=same, join_type="left", copy=False)
        for name, tree in ctes:
            final = final.with_(name, as_=tree, copy=False)
        return final

    @property
    def _features(self) -> Mapping[Feature, str]:
        of_level = self.plan.of(self.level.name)
        return {one: name for one, name in of_level.items() if one.query.event in self.part.events}

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
