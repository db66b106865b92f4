"""Computed traits to generated models: event tables, features, one view a file.

The views only show columns of `int_features` under the names that people chose, with
their defaults. Pure: catalogue in, models out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from sqlglot import exp, select

from cdp.features import (
    SINCE,
    FeaturePlan,
    ProfileFeature,
    definition_path,
    plan_features,
    trait_feature,
)
from cdp.identity.spec import rules_hash
from cdp.profiles.spec import trait_rules_version
from cdp.sql.engines import days_elapsed
from cdp.sql.formulas import AS_OF, formula_names, formula_term
from cdp.sql.model import Column, GeneratedModel, Import
from cdp.sql.predicates import literal
from cdp.sql.terms import Term, Terms
from cdp.sql.types import TIMESTAMP
from cdp.traits import feature_table
from cdp.traits.event_tables import compile_event_tables, event_version
from cdp.traits.feature_table import compile_account_features, compile_features
from cdp.traits.levels import ACCOUNT, PROFILE, Level
from cdp.traits.spec import EventTrait, FormulaTrait, Trait
from cdp.traits.table_views import compile_table_views

if TYPE_CHECKING:
    from cdp.catalogue import Catalogue

COMPUTED_TRAITS = "computed_traits"
ACCOUNT_TRAITS = "account_computed_traits"
_PROFILE = "canonical_profile_id"
_KEY = Column(_PROFILE, "uuid", "The profile.")


def compile_traits(catalogue: Catalogue) -> list[GeneratedModel]:
    """Every model between events and audiences of a checked catalogue."""
    plan = plan_features(catalogue.traits, catalogue.audiences)
    identity_hash = rules_hash(catalogue.identity)
    files: dict[str, list[Trait]] = defaultdict(list)
    of_accounts: list[Trait] = []
    for trait in catalogue.traits.values():
        (files[trait.file] if trait.level == PROFILE.name else of_accounts).append(trait)
    return [
        *compile_event_tables(plan, identity_hash),
        *compile_table_views(plan, catalogue.identity),
        *compile_features(plan, upstream_version(catalogue, plan)),
        *(_file_view(file, traits, plan) for file, traits in sorted(files.items())),
        _computed_traits(dict(sorted(files.items()))),
        *(_of_accounts(of_accounts, plan) if of_accounts else []),
    ]


def upstream_version(catalogue: Catalogue, plan: FeaturePlan) -> str:
    """Changes when a row that features are computed from would be another from the same events."""
    identity_hash = rules_hash(catalogue.identity)
    versions = [trait_rules_version(catalogue.trait_rules)]
    versions += [
        event_version(one, plan, identity_hash) for one in plan.users if one not in plan.tables
    ]
    return " ".join(versions)


def trait_value(trait: Trait, plan: FeaturePlan, table: str, dialect: str) -> exp.Expr:
    """A trait as an expression over the features."""
    value = _plain_value(trait, plan, table, dialect)
    if trait.default is not None:
        value = exp.func("coalesce", value, literal(trait.default, dialect))
    return _eligible(trait, value, table)


def _plain_value(trait: Trait, plan: FeaturePlan, table: str, dialect: str) -> exp.Expr:
    if isinstance(trait.origin, FormulaTrait):
        return _formula_value(trait, trait.origin, plan, table, dialect)
    feature = trait_feature(trait)
    assert feature is not None
    if isinstance(feature, ProfileFeature):
        return exp.column(plan.traits_of(trait.level)[feature], table)
    column = exp.column(plan.of(trait.level)[feature], table)
    if isinstance(trait.origin, EventTrait) and trait.origin.aggregate in SINCE:
        return days_elapsed(column, exp.column(AS_OF, table), trait.type, dialect)
    return column


def _formula_value(
    trait: Trait, formula: FormulaTrait, plan: FeaturePlan, table: str, dialect: str
) -> exp.Expr:
    values = {AS_OF: Term(TIMESTAMP, exp.column(AS_OF, table))}
    for name in formula_names(formula.text):
        used = plan.traits[name]
        values[name] = Term(used.type, trait_value(used, plan, table, dialect))
    term = formula_term(formula.text, values, dialect, is_checked=True)
    return Terms(dialect).shown_as(term, trait.type)


def _eligible(trait: Trait, value: exp.Expr, table: str) -> exp.Expr:
    if trait.eligible == "all":
        return value
    anonymous: exp.Expr = exp.column("is_anonymous", table)
    wanted = anonymous if trait.eligible == "anonymous" else exp.Not(this=anonymous)
    return exp.Case().when(wanted, value)


def _of_accounts(traits: Sequence[Trait], plan: FeaturePlan) -> list[GeneratedModel]:
    """The features of accounts, and one view with all their traits."""
    paths = dict.fromkeys(definition_path(one.location.path) for one in traits)
    view = GeneratedModel(
        name=ACCOUNT_TRAITS,
        folder="traits",
        definitions=tuple(paths),
        description="One row an account with every computed trait of accounts.",
        columns=(
            Column(ACCOUNT.key, "uuid", "The account."),
            *(Column(one.name, one.type, one.description) for one in traits),
        ),
        imports=(Import.ref(ACCOUNT.features),),
        body=lambda dialect: _select_traits(traits, plan, dialect, ACCOUNT),
    )
    return [compile_account_features(plan), view]


def view_name(file: str) -> str:
    """The view with the traits of a definition file."""
    return f"traits__{file}"


def _file_view(file: str, traits: Sequence[Trait], plan: FeaturePlan) -> GeneratedModel:
    return GeneratedModel(
        name=view_name(file),
        folder="traits",
        definitions=(definition_path(traits[0].location.path),),
        description=f"One row a profile with the computed traits of traits/{file}.yml.",
        columns=(_KEY, *(Column(one.name, one.type, one.description) for one in traits)),
        imports=(Import.ref(feature_table.NAME),),
        body=lambda dialect: _select_traits(traits, plan, dialect, PROFILE),
        config={"materialized": "view", "schema": "internal"},
    )


def _select_traits(
    traits: Sequence[Trait], plan: FeaturePlan, dialect: str, level: Level
) -> exp.Query:
    table = level.features
    values = [trait_value(one, plan, table, dialect).as_(one.name) for one in traits]
    return select(level.column(table), *values).from_(table)


def _computed_traits(files: Mapping[str, Sequence[Trait]]) -> GeneratedModel:
    views = {file: view_name(file) for file in files}
    return GeneratedModel(
        name=COMPUTED_TRAITS,
        folder="traits",
        definitions=tuple(PurePosixPath("definitions/traits", f"{file}.yml") for file in files),
        description="One row a profile with every computed trait, as of the last build.",
        columns=(
            _KEY,
            *(
                Column(one.name, one.type, one.description)
                for traits in files.values()
                for one in traits
            ),
        ),
        imports=(Import.ref("profiles"), *(Import.ref(view) for view in views.values())),
        body=lambda dialect: _join_files(files, views),
    )


def _join_files(files: Mapping[str, Sequence[Trait]], views: Mapping[str, str]) -> exp.Query:
    columns = [
        exp.column(one.name, views[file]) for file, traits in files.items() for one in traits
    ]
    query = select(exp.column(_PROFILE, "profiles"), *columns).from_("profiles")
    for view in views.values():
        same = exp.column(_PROFILE, "profiles").eq(exp.column(_PROFILE, view))
        query = query.join(view, on=same, join_type="left")
    return query
