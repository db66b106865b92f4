"""What all audiences need beside the features: each distinct condition on events once.

Owns the names of the columns of `int_conditions`. Computing them belongs to `condition_table`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from cdp.audiences.conditions import Active, Counted, Measure, Sequence, leaves
from cdp.features import FeaturePlan, definition_path, plan_features, query_name
from cdp.sql.names import unique_names

if TYPE_CHECKING:
    from cdp.catalogue import Catalogue


@dataclass(frozen=True)
class AudiencePlan:
    """The features, and the column of each measure; `users` are the files that need any."""

    features: FeaturePlan
    measures: Mapping[Measure, str]
    users: tuple[PurePosixPath, ...]


def plan_audiences(catalogue: Catalogue) -> AudiencePlan:
    """The plan for all audiences of a checked catalogue."""
    features = plan_features(catalogue.traits, catalogue.audiences)
    measures: dict[Measure, str] = {}
    users: set[PurePosixPath] = set()
    for audience in catalogue.audiences.values():
        for leaf in leaves(audience.who):
            if isinstance(leaf, Counted):
                measures.setdefault(leaf.measure, _name(leaf.measure, features))
                users.add(definition_path(audience.path))
    names = unique_names(measures, {one: repr(one) for one in measures})
    return AudiencePlan(features, names, tuple(sorted(users)))


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
