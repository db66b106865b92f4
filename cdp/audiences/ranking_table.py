"""`int_rankings`: one row a profile with its place in every order that audiences ask for.

A place depends on everybody else, so this is computed anew by every run, from traits alone.
Ties are decided by the profile id. Splits by a trait order everybody of one value
of the trait by a hash.
"""

from __future__ import annotations

from sqlglot import exp, select

from cdp.audiences.conditions import Ranking
from cdp.audiences.plan import OF, RANKINGS, AudiencePlan
from cdp.sql.engines import share_hash
from cdp.sql.model import Column, GeneratedModel, Import
from cdp.sql.predicates import is_present
from cdp.sql.queries import relation, with_ctes
from cdp.sql.types import INTEGER
from cdp.traits.compile import trait_value
from cdp.traits.event_rows import number
from cdp.traits.feature_table import NAME as FEATURES

NAME = RANKINGS
_PROFILE = "canonical_profile_id"
_RANKED = "ranked"


def compile_ranking_table(plan: AudiencePlan) -> list[GeneratedModel]:
    """The model, when any audience needs it."""
    if not plan.rankings:
        return []
    columns = [Column(_PROFILE, "uuid", "The profile.")]
    for ranking, name in plan.rankings.items():
        order = f"a random order of each '{ranking.trait}'"
        if not ranking.sample:
            order = f"the order of '{ranking.trait}'"
        columns += [
            Column(name, INTEGER, f"The place in {order}, from 1; null where it has none."),
            Column(name + OF, INTEGER, "How many have a place there."),
        ]
    model = GeneratedModel(
        name=NAME,
        folder="audiences",
        definitions=plan.users[NAME],
        description="One row a profile: its place in every order that an audience asks for.",
        columns=tuple(columns),
        imports=(Import.ref(FEATURES),),
        body=lambda dialect: _query(plan, dialect),
        config={"materialized": "table", "schema": "internal"},
    )
    return [model]


def _query(plan: AudiencePlan, dialect: str) -> exp.Query:
    """First each profile's value and whether it takes part, then the places."""
    names = {ranking: f"value_{place}" for place, ranking in enumerate(plan.rankings, start=1)}
    columns: list[exp.Expr] = [exp.column(_PROFILE, FEATURES)]
    for ranking, name in names.items():
        columns += [
            _value(ranking, plan, dialect).as_(name),
            _part(ranking, plan, dialect).as_(f"{name}_part"),
        ]
    ranked = select(*columns).from_(relation(FEATURES), copy=False)
    places: list[exp.Expr] = [exp.column(_PROFILE, _RANKED)]
    for ranking, name in plan.rankings.items():
        place, of = _place(ranking, names[ranking], dialect)
        places += [place.as_(name), of.as_(name + OF)]
    final = select(*places).from_(relation(_RANKED), copy=False)
    return with_ctes(final, [(_RANKED, ranked)])


def _value(ranking: Ranking, plan: AudiencePlan, dialect: str) -> exp.Expr:
    trait = plan.features.traits[ranking.trait]
    return trait_value(trait, plan.features, FEATURES, dialect)


def _part(ranking: Ranking, plan: AudiencePlan, dialect: str) -> exp.Expr:
    """1 for a profile that takes part, else 0: whoever may be a member and has a value.

    In a split those without a value are a stratum of their own.
    """
    tests: list[exp.Expr] = []
    if ranking.known_only:
        tests.append(exp.Not(this=exp.column("is_anonymous", FEATURES)))
    if not ranking.sample:
        tests.append(is_present(_value(ranking, plan, dialect)))
    if not tests:
        return number(1)
    return exp.Case().when(exp.and_(*tests), number(1)).else_(number(0))


def _place(ranking: Ranking, name: str, dialect: str) -> tuple[exp.Expr, exp.Expr]:
    value, part = exp.column(name, _RANKED), exp.column(f"{name}_part", _RANKED)
    profile = exp.column(_PROFILE, _RANKED)
    partition: list[exp.Expr] = [part]
    order = [exp.Ordered(this=value, desc=ranking.is_descending or None)]
    if ranking.sample:
        partition.append(value.copy())
        order = [exp.Ordered(this=share_hash(ranking.sample, profile, dialect))]
    order.append(exp.Ordered(this=profile))

    def over(function: exp.Expr, ordering: list[exp.Ordered] | None) -> exp.Expr:
        by = exp.Order(expressions=ordering) if ordering else None
        window = exp.Window(this=function, partition_by=[one.copy() for one in partition], order=by)
        return exp.Case().when(part.copy().eq(number(1)), window)

    return over(exp.RowNumber(), order), over(exp.Count(this=exp.Star()), None)
