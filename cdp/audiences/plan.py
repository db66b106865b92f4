"""What all audiences need beside the features: each distinct condition once.

Owns the names of the columns of `int_conditions` and `int_rankings`. Computing them belongs
to `condition_table` and `ranking_table`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from cdp.audiences.conditions import (
    Active,
    Consent,
    Counted,
    Measure,
    Ranking,
    Sequence,
    Split,
    Top,
    leaves,
)
from cdp.audiences.spec import Audience
from cdp.features import FeaturePlan, definition_path, plan_features, query_name
from cdp.sql.names import slug, unique_names

if TYPE_CHECKING:
    from cdp.catalogue import Catalogue

# The number of profiles of a ranking is a column named after it, with an ending.
OF = "__of"
_LONGEST_RANKING = 60 - len(OF)


@dataclass(frozen=True)
class AudiencePlan:
    """The features, and the column of each measure, category of consent and ranking.

    `users` are the definition files that need a table, by its name.
    """

    features: FeaturePlan
    measures: Mapping[Measure, str]
    consents: Mapping[str, str]
    rankings: Mapping[Ranking, str]
    users: Mapping[str, tuple[PurePosixPath, ...]]


CONDITIONS, RANKINGS = "int_conditions", "int_rankings"


def plan_audiences(catalogue: Catalogue) -> AudiencePlan:
    """The plan for all audiences of a checked catalogue."""
    features = plan_features(catalogue.traits, catalogue.audiences)
    audiences = list(catalogue.audiences.values())
    found = [leaf for one in audiences for leaf in leaves(one.who)]
    measures = {
        one.measure: _name(one.measure, features) for one in found if isinstance(one, Counted)
    }
    consents = {
        one.category: f"consent__{slug(one.category)}" for one in found if isinstance(one, Consent)
    }
    rankings = {one: _ranking_name(one) for leaf in found for one in ranked(leaf)}
    return AudiencePlan(
        features=features,
        measures=unique_names(measures, {one: repr(one) for one in measures}),
        consents=unique_names(consents, {one: one for one in consents}),
        rankings=unique_names(rankings, {one: repr(one) for one in rankings}, _LONGEST_RANKING),
        users={table: _users(table, audiences) for table in (CONDITIONS, RANKINGS)},
    )


def used_tables(audience: Audience) -> list[str]:
    """The tables beside the features that an audience reads: each has a row for every profile."""
    return sorted({table for leaf in leaves(audience.who) for table in _tables(leaf)})


def ranked(leaf: object) -> list[Ranking]:
    """The ranking that a leaf needs."""
    ranking = leaf.ranking if isinstance(leaf, (Top, Split)) else None
    return [] if ranking is None else [ranking]


def _tables(leaf: object) -> list[str]:
    if isinstance(leaf, (Counted, Consent)):
        return [CONDITIONS]
    return [RANKINGS] if ranked(leaf) else []


def _users(table: str, audiences: Iterable[Audience]) -> tuple[PurePosixPath, ...]:
    return tuple(
        sorted(definition_path(one.path) for one in audiences if table in used_tables(one))
    )


def _name(measure: Measure, features: FeaturePlan) -> str:
    if isinstance(measure, Sequence):
        words = [
            ("not__" if one.comparison == "exactly" and not one.count else "")
            + features.event_slugs[one.query.event]
            for one in measure.steps
        ]
        return "__then__".join(words)
    if isinstance(measure, Active):
        what = f"{measure.periods.unit}s_of_{measure.periods.count}"
    else:
        what = "matching"
    return query_name(measure.query, features.event_slugs[measure.query.event], what)


def _ranking_name(ranking: Ranking) -> str:
    if ranking.sample:
        name = f"split__{ranking.sample}__by__{ranking.trait}"
    else:
        name = f"{'top' if ranking.is_descending else 'bottom'}__{ranking.trait}"
    return name if ranking.known_only else f"{name}__with_anonymous"
