"""Audiences to generated models: one view an audience, and their union.

A view is one boolean expression over `int_features` and the audiences that it names.
Negation is `not coalesce(x, false)` everywhere (design, decision 16). Pure:
catalogue in, models out.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import reduce
from typing import TYPE_CHECKING

from sqlglot import exp, select

from cdp.audiences.alerts import Alert
from cdp.audiences.condition_models import compile_conditions, followed_parts
from cdp.audiences.conditions import (
    All,
    Any,
    Condition,
    Counted,
    Did,
    InAudience,
    Not,
    TraitTest,
    leaves,
)
from cdp.audiences.following import Following, plan_following
from cdp.audiences.plan import CONDITIONS, RANKINGS, AudiencePlan, plan_audiences, used_tables
from cdp.audiences.ranking_table import compile_ranking_table
from cdp.audiences.references import referred_trait
from cdp.audiences.selection_tests import selected
from cdp.audiences.spec import Audience
from cdp.errors import Problems
from cdp.features import definition_path, did_feature
from cdp.sql.engines import cast
from cdp.sql.events import read_operand
from cdp.sql.model import Column, GeneratedModel, Import
from cdp.sql.operators import OPERATORS
from cdp.sql.predicates import all_of, any_of, is_missing, is_present, negated, operator_test
from cdp.sql.queries import joined, named, relation
from cdp.traits import feature_table
from cdp.traits.compile import trait_value, upstream_version
from cdp.traits.spec import Trait
from cdp.traits.touched import compile_touched

if TYPE_CHECKING:
    from cdp.catalogue import Catalogue

MEMBERS = "int_audiences__members"
DEFINED = "int_audiences__defined"
_PROFILE = "canonical_profile_id"
_TABLE = feature_table.NAME
COMPUTED = (feature_table.NAME, CONDITIONS, RANKINGS)
"""The tables with a row for every profile that audiences are predicates over."""
_COMPARISONS: dict[str, type[exp.Binary]] = {
    "at_least": exp.GTE,
    "at_most": exp.LTE,
    "exactly": exp.EQ,
}


def compile_audiences(catalogue: Catalogue) -> list[GeneratedModel]:
    """The models of all audiences of a checked catalogue."""
    plan = plan_audiences(catalogue)
    following = plan_following(plan)
    ordered = [catalogue.audiences[name] for name in sorted(catalogue.audiences)]
    return [
        _touched(plan, following),
        *compile_conditions(plan, following, upstream_version(catalogue, plan.features)),
        *compile_ranking_table(plan),
        *(compile_audience(one, plan) for one in ordered),
        _defined(ordered),
        _members(ordered),
    ]


def _touched(plan: AudiencePlan, following: Following) -> GeneratedModel:
    followers = [feature_table.COMPUTED, *followed_parts(plan, following)]
    return compile_touched(plan.features, followers, following.moving, consents=bool(plan.consents))


def model_name(audience: str) -> str:
    """The name of an audience's view."""
    return f"audience__{audience}"


def compile_audience(audience: Audience, plan: AudiencePlan) -> GeneratedModel:
    """The view with the members of one audience."""
    return GeneratedModel(
        name=model_name(audience.name),
        folder="audiences",
        definitions=(definition_path(audience.path),),
        description=f"One row a member. {audience.description}",
        columns=(Column(_PROFILE, "uuid", "The profile."),),
        imports=(
            Import.ref(_TABLE),
            *(Import.ref(name) for name in used_tables(audience)),
            *(Import.ref(model_name(name)) for name in used_audiences(audience)),
        ),
        body=lambda dialect: audience_query(audience, plan, dialect),
    )


def audience_query(audience: Audience, plan: AudiencePlan, dialect: str) -> exp.Select:
    """Members of an audience, from tables named as the imports of its view are."""
    query = select(exp.column(_PROFILE, _TABLE)).from_(relation(_TABLE), copy=False)
    for name in used_tables(audience):
        same = exp.column(_PROFILE, _TABLE).eq(exp.column(_PROFILE, name))
        joined(query, name, same, "inner")
    for name in used_audiences(audience):
        same = exp.column(_PROFILE, _TABLE).eq(exp.column(_PROFILE, model_name(name)))
        joined(query, model_name(name), same, "left")
    if not audience.include_anonymous:
        query = query.where(exp.Not(this=exp.column("is_anonymous", _TABLE)))
    return query.where(_Compiler(plan, dialect).predicate(audience.who), copy=False)


def used_audiences(audience: Audience) -> list[str]:
    """The other audiences that an audience names, sorted."""
    return sorted({one.audience for one in leaves(audience.who) if isinstance(one, InAudience)})


class _Compiler:
    """Conditions to predicates over the feature table and those beside it."""

    def __init__(self, plan: AudiencePlan, dialect: str) -> None:
        self.traits = plan.features.traits
        self.features = plan.features
        self.plan = plan
        self.dialect = dialect

    def predicate(self, condition: Condition) -> exp.Expr:
        if isinstance(condition, All):
            return all_of([self.predicate(part) for part in condition.parts])
        if isinstance(condition, Any):
            return any_of([self.predicate(part) for part in condition.parts])
        if isinstance(condition, Not) and isinstance(condition.part, InAudience):
            return is_missing(exp.column(_PROFILE, model_name(condition.part.audience)))
        if isinstance(condition, Not):
            return negated(self.predicate(condition.part))
        if isinstance(condition, InAudience):
            return is_present(exp.column(_PROFILE, model_name(condition.audience)))
        if isinstance(condition, Did):
            count = exp.column(self.features.features[did_feature(condition)], _TABLE)
            return _compared(count, condition)
        if isinstance(condition, Counted):
            name = self.plan.measures[condition.measure]
            return _compared(exp.column(name, CONDITIONS), condition)
        if isinstance(condition, TraitTest):
            return self._trait_test(condition)
        return selected(condition, self.plan, _TABLE, self.dialect)

    def _trait_test(self, condition: TraitTest) -> exp.Expr:
        trait = self.traits[condition.trait]
        operator = OPERATORS[condition.operator]
        subject = self._value(trait)
        as_of = exp.column("as_of", _TABLE)
        referred = referred_trait(condition)
        # Checked before: reading it again finds no problem.
        operand = (
            self._value(self.traits[referred.name])
            if referred is not None
            else read_operand(operator, trait.type, condition.value, trait.name, Problems())
        )
        assert operand is not None
        return operator_test(operator.name, subject, trait.type, operand, as_of, self.dialect)

    def _value(self, trait: Trait) -> exp.Expr:
        return trait_value(trait, self.features, _TABLE, self.dialect)


def _compared(count: exp.Expr, condition: Did | Counted) -> exp.Expr:
    number = exp.Literal.number(condition.count)
    return _COMPARISONS[condition.comparison](this=count, expression=number)


def _defined(audiences: Sequence[Audience]) -> GeneratedModel:
    def body(dialect: str) -> exp.Query:
        rows = [select(*_defined_columns(one.name, one.alert, dialect)) for one in audiences]
        return _union(rows, select(*_defined_columns("", None, dialect)).where(exp.false()))

    return GeneratedModel(
        name=DEFINED,
        folder="audiences",
        definitions=tuple(definition_path(one.path) for one in audiences),
        description="One row an audience that is defined, so that a removed one can be told "
        "from an empty one, with the limits of its alert.",
        columns=(
            Column("audience_name", "string", "The audience."),
            Column("alert_change", "decimal", "The greatest change of its size, in percent."),
            Column("alert_minimum", "integer", "The fewest members."),
            Column("alert_maximum", "integer", "The most members."),
        ),
        # Nothing of them is read; with them this is built whenever the members are, even when
        # somebody builds a part of the project.
        imports=tuple(Import.ref(model_name(one.name)) for one in audiences),
        body=body,
        config={"materialized": "table", "schema": "internal"},
    )


def _defined_columns(name: str, alert: Alert | None, dialect: str) -> list[exp.Expr]:
    limits = alert or Alert()
    values: dict[str, tuple[str, Decimal | int | None]] = {
        "alert_change": ("decimal", limits.change),
        "alert_minimum": ("integer", limits.minimum),
        "alert_maximum": ("integer", limits.maximum),
    }
    return [
        _name(name, dialect),
        *(
            named(cast(_number(value), kind, dialect), column)
            for column, (kind, value) in values.items()
        ),
    ]


def _number(value: Decimal | int | None) -> exp.Expr:
    return exp.null() if value is None else exp.Literal.number(str(value))


def _members(audiences: Sequence[Audience]) -> GeneratedModel:
    def body(dialect: str) -> exp.Query:
        rows = [
            select(_name(one.name, dialect), exp.column(_PROFILE, model_name(one.name))).from_(
                relation(model_name(one.name)), copy=False
            )
            for one in audiences
        ]
        nobody = select(_name("", dialect), exp.column(_PROFILE, _TABLE)).from_(
            relation(_TABLE), copy=False
        )
        return _union(rows, nobody.where(exp.false()))

    return GeneratedModel(
        name=MEMBERS,
        folder="audiences",
        definitions=tuple(definition_path(one.path) for one in audiences),
        description="One row an audience and member, as the conditions say now.",
        columns=(
            Column("audience_name", "string", "The audience."),
            Column(_PROFILE, "uuid", "The profile."),
        ),
        imports=tuple(Import.ref(model_name(one.name)) for one in audiences)
        or (Import.ref(_TABLE),),
        body=body,
        config={"materialized": "table", "schema": "internal"},
    )


def _name(audience: str, dialect: str) -> exp.Expr:
    return named(cast(exp.Literal.string(audience), "string", dialect), "audience_name")


def _union(rows: Sequence[exp.Select], empty: exp.Select) -> exp.Query:
    if not rows:
        return empty
    start: exp.Query = rows[0]
    return reduce(
        lambda left, right: exp.union(left, right, distinct=False, copy=False), rows[1:], start
    )
