"""`int_conditions`: one row a profile with what conditions compare and features do not say.

Owns its models: a view of two tables, one that follows the touched profiles and one that follows
the traits that it compares with too (`following` says which condition belongs where), and the views
that they are verified by. The query is `condition_table`.
"""

from __future__ import annotations

from sqlglot import exp, select

from cdp.audiences.condition_rows import PROFILE
from cdp.audiences.condition_table import Part, condition_query, describe
from cdp.audiences.consent_rows import GRAPH, OWNERS, SOURCE
from cdp.audiences.following import Following
from cdp.audiences.plan import CONDITIONS, AudiencePlan
from cdp.sql.model import Column, GeneratedModel, Import
from cdp.sql.queries import joined, relation
from cdp.sql.types import BOOLEAN, INTEGER
from cdp.traits.compile import view_name
from cdp.traits.feature_table import COMPUTED as FEATURES_COMPUTED
from cdp.traits.feature_table import NAME as FEATURES
from cdp.traits.feature_table import followed_features
from cdp.traits.followed import Followed, computed_model, recomputed_model

COMPUTED, MOVING = f"{CONDITIONS}__computed", f"{CONDITIONS}__moving"
_RECOMPUTED = f"{CONDITIONS}__recomputed", f"{CONDITIONS}__moving_recomputed"
_TESTS = (
    "conditions_are_what_a_full_build_gives",
    "moving_conditions_are_what_a_full_build_gives",
)
_PROFILE = Column(PROFILE, "uuid", "The profile.")


def compile_conditions(
    plan: AudiencePlan, following: Following, upstream_version: str
) -> list[GeneratedModel]:
    """The models, when any audience needs them.

    `upstream_version` changes when a row of an event table would be another from the same events.
    """
    parts = followed_parts(plan, following)
    tables = [_followed(name, part, plan, upstream_version) for name, part in parts.items()]
    stored = [computed_model(one) for one in tables]
    verifying = [recomputed_model(one) for one in tables]
    return [*stored, _all(plan, stored), *verifying] if stored else []


def followed_parts(plan: AudiencePlan, following: Following) -> dict[str, Part]:
    """The conditions of each table, those that there are."""
    followed = {one: plan.measures[one] for one in following.followed}
    moved = {one: plan.measures[one] for one in following.moved}
    parts = {}
    if followed or plan.consents:
        parts[COMPUTED] = Part(plan.features, followed, plan.consents)
    if moved:
        parts[MOVING] = Part(plan.features, moved, {}, keeps_traits=True)
    return parts


def _followed(name: str, part: Part, plan: AudiencePlan, upstream_version: str) -> Followed:
    version = upstream_version
    if part.traits:
        version = followed_features(plan.features, upstream_version).version
    recomputed, test = (names[name == MOVING] for names in (_RECOMPUTED, _TESTS))
    kept = "and the traits that they compare with" if part.keeps_traits else "and its consents"
    return Followed(
        name=name,
        recomputed=recomputed,
        test=test,
        folder="audiences",
        definitions=plan.users[CONDITIONS],
        description="One row a profile: each distinct number that conditions of audiences on its "
        f"events compare, {kept}, computed once, as of the moment of int_features.",
        columns=(_PROFILE, *_columns(part)),
        keyed=(FEATURES, GRAPH),
        others=_others(part),
        body=lambda dialect: condition_query(part, dialect),
        upstream_version=version,
        after=FEATURES_COMPUTED,
        compared=_compared(part) if part.keeps_traits else {},
    )


def _compared(part: Part) -> dict[str, dict[str, str]]:
    """The traits of a part with their columns, by the view that has them."""
    found: dict[str, dict[str, str]] = {}
    for name, column in part.traits.items():
        found.setdefault(view_name(part.features.traits[name].file), {})[name] = column
    return found


def _all(plan: AudiencePlan, stored: list[GeneratedModel]) -> GeneratedModel:
    """All conditions side by side."""
    tables = {column.name: one.name for one in stored for column in one.columns[1:]}
    columns = _columns(Part(plan.features, plan.measures, plan.consents))
    first, *others = (one.name for one in stored)

    def body(dialect: str) -> exp.Query:
        shown = [exp.column(one.name, tables[one.name]) for one in columns]
        query = select(exp.column(PROFILE, first), *shown).from_(relation(first), copy=False)
        for name in others:
            same = exp.column(PROFILE, first).eq(exp.column(PROFILE, name))
            joined(query, name, same, "inner")
        return query

    return GeneratedModel(
        name=CONDITIONS,
        folder="audiences",
        definitions=plan.users[CONDITIONS],
        description="One row a profile with every number and consent that conditions of audiences "
        "compare and that is no feature.",
        columns=(_PROFILE, *columns),
        imports=tuple(Import.ref(one.name) for one in stored),
        body=body,
        config={"materialized": "view", "schema": "internal"},
    )


def _others(part: Part) -> tuple[str, ...]:
    """What is read beside features and the graph."""
    consents = (SOURCE, OWNERS) if part.consents else ()
    return (*consents, *(part.features.event_model(one) for one in part.events))


def _columns(part: Part) -> list[Column]:
    columns = [Column(name, INTEGER, describe(one)) for one, name in part.measures.items()]
    columns += [
        Column(name, BOOLEAN, "Whether the profile said yes last, or null for never: a consent.")
        for name in part.consents.values()
    ]
    kept = part.traits if part.keeps_traits else {}
    types = {name: part.features.traits[name].type for name in kept}
    return columns + [
        Column(column, types[name], f"Trait {name}, as the conditions were compared with it.")
        for name, column in kept.items()
    ]
