"""`int_features`: one row a profile with every feature that traits and audiences need.

Each event table is scanned once, with one filtered aggregate a feature; only a most
frequent value needs a grouping of its own. The run's clock is read here and stored
as `as_of`, which everything above reads (design, decision 6): no event at or after
`as_of` counts. First and last order by (occurred_at, value, message_id).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlglot import exp, select

from cdp.features import Feature, FeaturePlan, ProfileFeature
from cdp.sql.engines import binary, cast, sorted_list, total, typed
from cdp.sql.events import Property
from cdp.sql.model import Column, GeneratedModel, Import
from cdp.sql.predicates import all_of, in_window, is_present, operator_test
from cdp.sql.types import BOOLEAN, INTEGER, STRING, TIMESTAMP
from cdp.traits.spec import COUNTS

NAME = "int_features"
_PROFILE = "canonical_profile_id"
_TRAITS = "profile_traits"
_ORDERED = ("first", "last")


def compile_feature_table(plan: FeaturePlan) -> GeneratedModel:
    """The model that computes all features of a plan."""
    imports = [Import.ref("profiles"), Import.ref("identity_graph")]
    if plan.profile_features:
        imports.append(Import.ref("user_traits"))
    imports += [Import.ref(plan.event_model(event)) for event in sorted(plan.users)]
    imports.append(Import("clock", "select {{ cdp.cdp_as_of() }} as as_of"))
    return GeneratedModel(
        name=NAME,
        folder="traits",
        definitions=plan.files,
        description="One row a profile: each distinct aggregate over events that a trait or an "
        "audience uses, computed once, as of one moment.",
        columns=(
            Column(_PROFILE, "uuid", "The profile."),
            Column("as_of", "timestamp", "The moment that every window ends at."),
            Column("is_anonymous", "boolean", "Whether no user id and no e-mail is known."),
            *(
                Column(name, feature_type(one), describe_feature(one))
                for one, name in plan.features.items()
            ),
            *(
                Column(name, one.type, f"The latest identify trait '{one.name}'.")
                for one, name in plan.profile_features.items()
            ),
        ),
        imports=tuple(imports),
        body=lambda dialect: _Table(plan, dialect).query(),
        config={"materialized": "table", "schema": "internal"},
    )


def feature_type(feature: Feature) -> str:
    """The type of a feature's column."""
    if feature.aggregate in COUNTS:
        return INTEGER
    if feature.aggregate in ("first_time", "last_time"):
        return TIMESTAMP
    if feature.aggregate == "unique_list":
        return "string_list"
    assert feature.measured is not None
    return feature.measured.type


def describe_feature(feature: Feature) -> str:
    """A feature in words, for the documentation of its column."""
    of = f" of {feature.measured.dotted}" if feature.measured else ""
    when = f", {feature.query.window}" if feature.query.window else ""
    filters = f", {len(feature.query.filters)} filters" if feature.query.filters else ""
    text = f"{feature.aggregate}{of} over '{feature.query.event}'{filters}{when}."
    return text.replace("{", "(").replace("}", ")")


class _Table:
    """The query of the model for one dialect."""

    def __init__(self, plan: FeaturePlan, dialect: str) -> None:
        self.plan = plan
        self.dialect = dialect
        self.as_of = exp.column("as_of", "clock")

    def query(self) -> exp.Query:
        final = (
            select(
                exp.column(_PROFILE, "profiles"),
                exp.column("as_of", "clock"),
                exp.column("is_anonymous", "profiles"),
                *(self._shown(one, name) for one, name in self.plan.features.items()),
                *(self._read(one, name) for one, name in self.plan.profile_features.items()),
            )
            .from_("profiles")
            .join("clock", join_type="cross")
        )
        ctes: list[tuple[str, exp.Select]] = []
        for event in sorted(self.plan.users):
            ctes += self._event_ctes(event)
        if self.plan.profile_features:
            ctes.append((_TRAITS, self._profile_traits()))
        for name in self._joined():
            same = _same_profile("profiles", name)
            final = final.join(name, on=same, join_type="left", copy=False)
        for name, tree in ctes:
            final = final.with_(name, as_=tree, copy=False)
        return final

    def _features(self, event: str) -> dict[Feature, str]:
        return {one: name for one, name in self.plan.features.items() if one.query.event == event}

    def _joined(self) -> list[str]:
        names = [
            f"{self.plan.event_slugs[event]}_totals"
            for event in sorted(self.plan.users)
            if any(one.aggregate != "most_frequent" for one in self._features(event))
        ]
        names += [
            f"{name}_top"
            for one, name in self.plan.features.items()
            if one.aggregate == "most_frequent"
        ]
        return names + ([_TRAITS] if self.plan.profile_features else [])

    def _shown(self, feature: Feature, name: str) -> exp.Expr:
        top = feature.aggregate == "most_frequent"
        slug = self.plan.event_slugs[feature.query.event]
        column: exp.Expr = exp.column(name, f"{name}_top" if top else f"{slug}_totals")
        if feature.aggregate in COUNTS:
            return exp.func("coalesce", column, exp.Literal.number(0)).as_(name)
        return column

    def _read(self, feature: ProfileFeature, name: str) -> exp.Expr:
        column = exp.column(name, _TRAITS)
        if feature.type == STRING:
            return column
        return typed(column, feature.type, self.dialect).as_(name)

    def _profile_traits(self) -> exp.Select:
        columns = [
            exp.Max(
                this=exp.Case().when(
                    exp.column("trait_name", "user_traits").eq(exp.Literal.string(one.name)),
                    exp.column("trait_value", "user_traits"),
                )
            ).as_(name)
            for one, name in self.plan.profile_features.items()
        ]
        key = exp.column(_PROFILE, "user_traits")
        return select(key, *columns).from_("user_traits").group_by(key.copy())

    def _event_ctes(self, event: str) -> list[tuple[str, exp.Select]]:
        slug = self.plan.event_slugs[event]
        features = self._features(event)
        rows = f"{slug}_rows"
        ctes = [(rows, self._rows(event, features))]
        totals = {one: name for one, name in features.items() if one.aggregate != "most_frequent"}
        if totals:
            key = exp.column(_PROFILE, rows)
            columns = [self._total(one, name, rows).as_(name) for one, name in totals.items()]
            ctes.append((f"{slug}_totals", select(key, *columns).from_(rows).group_by(key.copy())))
        for one, name in features.items():
            if one.aggregate == "most_frequent":
                ctes.append((f"{name}_counts", self._counts(one, name, rows)))
                ctes.append((f"{name}_top", _top(name)))
        return ctes

    def _rows(self, event: str, features: Mapping[Feature, str]) -> exp.Select:
        """The events before as_of with their profile, and a rank for each first and last."""
        source = self.plan.event_model(event)
        columns: list[exp.Expr] = [
            exp.column(_PROFILE, "identity_graph"),
            exp.column("as_of", "clock"),
            exp.column("occurred_at", source),
            *(exp.column(name, source) for name in self.plan.columns[event].values()),
        ]
        columns += [
            self._rank(one, source).as_(f"{name}_rank")
            for one, name in features.items()
            if one.aggregate in _ORDERED
        ]
        owned = exp.column("identifier_id", source).eq(
            exp.column("identifier_id", "identity_graph")
        )
        return (
            select(*columns)
            .from_(source)
            .join("identity_graph", on=owned, join_type="inner")
            .join("clock", join_type="cross")
            .where(exp.column("occurred_at", source) < self.as_of.copy())
        )

    def _rank(self, feature: Feature, source: str) -> exp.Expr:
        value = self._value(feature, source)
        kept = all_of([*self._conditions(feature, source, "clock"), is_present(value)])
        first = exp.Case().when(kept, exp.Literal.number(0)).else_(exp.Literal.number(1))
        backwards = feature.aggregate == "last"
        ordering = [
            exp.column("occurred_at", source),
            self._sortable(feature, value),
            exp.column("message_id", source),
            exp.column("event_id", source),
        ]
        return exp.Window(
            this=exp.RowNumber(),
            partition_by=[exp.column(_PROFILE, "identity_graph")],
            order=exp.Order(
                expressions=[
                    exp.Ordered(this=first),
                    *(exp.Ordered(this=one, desc=backwards or None) for one in ordering),
                ]
            ),
        )

    def _total(self, feature: Feature, name: str, rows: str) -> exp.Expr:
        """The aggregate of one feature over the rows of a profile."""
        tests = self._conditions(feature, rows, rows)
        if feature.aggregate == "count":
            return exp.Count(this=_where(exp.Literal.number(1), tests) if tests else exp.Star())
        if feature.aggregate in ("first_time", "last_time"):
            moment = _where(exp.column("occurred_at", rows), tests)
            return (
                exp.Min(this=moment) if feature.aggregate == "first_time" else exp.Max(this=moment)
            )
        value = self._value(feature, rows)
        if feature.aggregate == "unique_list":
            return sorted_list(value, all_of(tests) if tests else None, self.dialect)
        if feature.aggregate in _ORDERED:
            rank = exp.column(f"{name}_rank", rows).eq(exp.Literal.number(1))
            return self._only(_where(value, [rank, *tests]), feature)
        return self._aggregate(feature, _where(value, tests))

    def _aggregate(self, feature: Feature, value: exp.Expr) -> exp.Expr:
        kind = feature_type(feature)
        if feature.aggregate == "unique_count":
            return exp.Count(this=exp.Distinct(expressions=[value]))
        if feature.aggregate == "minimum":
            return exp.Min(this=value)
        if feature.aggregate == "maximum":
            return exp.Max(this=value)
        if feature.aggregate == "average":
            # Divided at the end: the mean of decimals does not depend on the order of rows.
            count = exp.func("nullif", exp.Count(this=value.copy()), exp.Literal.number(0))
            mean = exp.Div(this=exp.Sum(this=value), expression=count)
            return cast(mean, kind, self.dialect)
        return total(value, kind, self.dialect)

    def _only(self, value: exp.Expr, feature: Feature) -> exp.Expr:
        """The one value that is not null."""
        if feature_type(feature) == BOOLEAN:
            return exp.LogicalOr(this=value)
        return exp.Max(this=value)

    def _counts(self, feature: Feature, name: str, rows: str) -> exp.Select:
        value = self._value(feature, rows)
        key = exp.column(_PROFILE, rows)
        tests = [*self._conditions(feature, rows, rows), is_present(value)]
        return (
            select(
                key,
                value.as_(name),
                exp.Window(
                    this=exp.RowNumber(),
                    partition_by=[key.copy()],
                    order=exp.Order(
                        expressions=[
                            exp.Ordered(this=exp.Count(this=exp.Star()), desc=True),
                            exp.Ordered(this=self._sortable(feature, value)),
                        ]
                    ),
                ).as_("frequency_rank"),
            )
            .from_(rows)
            .where(all_of(tests))
            .group_by(key.copy(), value.copy())
        )

    def _conditions(self, feature: Feature, rows: str, clock: str) -> list[exp.Expr]:
        as_of = exp.column("as_of", clock)
        tests = [
            operator_test(
                one.operator,
                exp.column(self._column(feature, one.property), rows),
                one.property.type,
                one.value,
                as_of,
                self.dialect,
            )
            for one in feature.query.filters
        ]
        window = in_window(exp.column("occurred_at", rows), feature.query.window, as_of)
        return tests + ([window] if window is not None else [])

    def _value(self, feature: Feature, rows: str) -> exp.Expr:
        assert feature.measured is not None
        return exp.column(self._column(feature, feature.measured), rows)

    def _column(self, feature: Feature, one: Property) -> str:
        return self.plan.columns[feature.query.event][one]

    def _sortable(self, feature: Feature, value: exp.Expr) -> exp.Expr:
        text = feature_type(feature) == STRING
        return binary(value, self.dialect) if text else value.copy()


def _top(name: str) -> exp.Select:
    counts = f"{name}_counts"
    return (
        select(exp.column(_PROFILE, counts), exp.column(name, counts))
        .from_(counts)
        .where(exp.column("frequency_rank", counts).eq(exp.Literal.number(1)))
    )


def _where(value: exp.Expr, tests: Sequence[exp.Expr]) -> exp.Expr:
    return exp.Case().when(all_of(tests), value.copy()) if tests else value.copy()


def _same_profile(left: str, right: str) -> exp.Expr:
    return exp.column(_PROFILE, left).eq(exp.column(_PROFILE, right))
