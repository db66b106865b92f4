"""`int_conditions`: one row a profile with what conditions compare and features do not say.

Owns its models: a view of two tables, one that follows the touched profiles and one that every
run computes whole (`following` says which condition belongs where), and the view that the first
is verified by. The query is `condition_table`.
"""

from __future__ import annotations

from sqlglot import exp, select

from cdp.audiences.condition_rows import PROFILE
from cdp.audiences.condition_table import Part, condition_query, describe
from cdp.audiences.consent_rows import GRAPH, OWNERS, SOURCE
from cdp.audiences.following import Following, traits_of
from cdp.audiences.plan import CONDITIONS, AudiencePlan
from cdp.sql.model import Column, GeneratedModel, Import
from cdp.sql.queries import joined, relation
from cdp.sql.types import BOOLEAN, INTEGER
from cdp.traits.feature_table import COMPUTED as FEATURES_COMPUTED
from cdp.traits.feature_table import NAME as FEATURES
from cdp.traits.feature_table import followed_features
from cdp.traits.followed import Followed, computed_model, recomputed_model

COMPUTED = f"{CONDITIONS}__computed"
RECOMPUTED = f"{CONDITIONS}__recomputed"
WHOLE = f"{CONDITIONS}__whole"
_PROFILE = Column(PROFILE, "uuid", "The profile.")


def compile_conditions(
    plan: AudiencePlan, following: Following, upstream_version: str
) -> list[GeneratedModel]:
    """The models, when any audience needs them.

    `upstream_version` changes when a row of an event table would be another from the same events.
    """
    part = followed_part(plan, following)
    stored, verifying = [], []
    if part is not None:
        table = _followed(part, plan, upstream_version)
        stored.append(computed_model(table))
        verifying.append(recomputed_model(table))
    if following.whole:
        stored.append(_whole(plan, following))
    return [*stored, _all(plan, stored), *verifying] if stored else []


def followed_part(plan: AudiencePlan, following: Following) -> Part | None:
    """The conditions that follow; None when there are none."""
    measures = {one: plan.measures[one] for one in following.followed}
    return Part(plan.features, measures, plan.consents) if measures or plan.consents else None


def _followed(part: Part, plan: AudiencePlan, upstream_version: str) -> Followed:
    version = upstream_version
    if any(traits_of(one) for one in part.measures):
        version = followed_features(plan.features, upstream_version).version
    return Followed(
        name=COMPUTED,
        recomputed=RECOMPUTED,
        test="conditions_are_what_a_full_build_gives",
        folder="audiences",
        definitions=plan.users[CONDITIONS],
        description="One row a profile: each distinct number that conditions of audiences on its "
        "events compare, and its consents, computed once, as of the moment of int_features.",
        columns=(_PROFILE, *_columns(part)),
        keyed=(FEATURES, GRAPH),
        others=_others(part),
        body=lambda dialect: condition_query(part, dialect),
        upstream_version=version,
        after=FEATURES_COMPUTED,
    )


def _whole(plan: AudiencePlan, following: Following) -> GeneratedModel:
    part = Part(plan.features, {one: plan.measures[one] for one in following.whole}, {})
    return GeneratedModel(
        name=WHOLE,
        folder="audiences",
        definitions=plan.users[CONDITIONS],
        description="One row a profile: each distinct number that conditions of audiences on its "
        "events compare with traits that move with every run, which computes all.",
        columns=(_PROFILE, *_columns(part)),
        imports=tuple(map(Import.ref, (FEATURES, GRAPH, *_others(part)))),
        body=lambda dialect: condition_query(part, dialect),
        config={"materialized": "table", "schema": "internal"},
    )


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
    return columns + [
        Column(name, BOOLEAN, "Whether the profile said yes last, or null for never: a consent.")
        for name in part.consents.values()
    ]
