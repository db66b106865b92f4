"""Which definitions share which features, and what each feature takes: a report.

Reads the plan that the models are compiled from; nothing is run and nothing is measured.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cdp.audiences.conditions import Did, leaves, used_traits
from cdp.audiences.spec import Audience
from cdp.features import (
    Feature,
    FeaturePlan,
    ProfileFeature,
    did_feature,
    plan_features,
    trait_feature,
)
from cdp.sql.formulas import formula_names
from cdp.traits.event_rows import ORDERED
from cdp.traits.feature_table import is_grouped
from cdp.traits.levels import PROFILE
from cdp.traits.spec import LEVELS, FormulaTrait, Trait

if TYPE_CHECKING:
    from cdp.catalogue import Catalogue

AGGREGATE = "one aggregate of the scan"
SORT = "a sort of the scan"
STEPS = "steps of its own"
LOOKUP = "one column of the traits"
OF_TOUCHED, OF_ALL = "touched", "all"
_Computed = tuple[str, "Feature | ProfileFeature"]


@dataclass(frozen=True)
class Use:
    """A feature: the column of int_features, what it reads, its work, and who uses it.

    `computed` says of which profiles a run computes it, and where it is of all, why.
    """

    feature: str
    reads: str
    work: str
    used_by: tuple[str, ...]
    computed: str = OF_TOUCHED


@dataclass(frozen=True)
class Explanation:
    """Every feature, the most used first; and how many scans and uses there are."""

    uses: tuple[Use, ...]
    scans: int

    @property
    def asked(self) -> int:
        """How many values the definitions ask for: without sharing, each would be computed."""
        return sum(len(one.used_by) for one in self.uses)


def explain_features(catalogue: Catalogue) -> Explanation:
    """The features of a checked catalogue with the definitions that use each. Pure."""
    plan = plan_features(catalogue.traits, catalogue.audiences)
    users: dict[_Computed, dict[str, None]] = {}
    for trait in catalogue.traits.values():
        for feature in _of_trait(trait, plan):
            users.setdefault((trait.level, feature), {})[f"trait {trait.name}"] = None
    for audience in catalogue.audiences.values():
        for feature in _of_audience(audience, plan):
            users.setdefault(("profile", feature), {})[f"audience {audience.name}"] = None
    uses = [_use(level, feature, plan, tuple(by)) for (level, feature), by in users.items()]
    scans = sum(len(plan.events_of(level)) for level in LEVELS)
    return Explanation(tuple(sorted(uses, key=lambda one: (-len(one.used_by), one.feature))), scans)


def _of_trait(trait: Trait, plan: FeaturePlan) -> Iterator[Feature | ProfileFeature]:
    """The features of a trait, through the formulas that it reads."""
    pending, seen = [trait], {trait.name}
    while pending:
        one = pending.pop()
        feature = trait_feature(one)
        if feature is not None:
            yield feature
        if isinstance(one.origin, FormulaTrait):
            fresh = [name for name in formula_names(one.origin.text) if name not in seen]
            seen.update(fresh)
            pending += [plan.traits[name] for name in fresh]


def _of_audience(audience: Audience, plan: FeaturePlan) -> Iterator[Feature | ProfileFeature]:
    for leaf in leaves(audience.who):
        if isinstance(leaf, Did):
            yield did_feature(leaf)
        for name in used_traits(leaf):
            yield from _of_trait(plan.traits[name], plan)


def _use(
    level: str, feature: Feature | ProfileFeature, plan: FeaturePlan, used_by: tuple[str, ...]
) -> Use:
    computed = OF_TOUCHED if level == PROFILE.name else f"{OF_ALL}: of accounts"
    if isinstance(feature, ProfileFeature):
        reads = "user_traits" if level == PROFILE.name else "account_traits"
        return Use(plan.traits_of(level)[feature], reads, LOOKUP, used_by, computed)
    reads = plan.event_model(feature.query.event)
    if feature.query.event in plan.tables and level == PROFILE.name:
        computed = f"{OF_ALL}: of a table"
    return Use(plan.of(level)[feature], reads, _work(feature), used_by, computed)


def _work(feature: Feature) -> str:
    if is_grouped(feature):
        return STEPS
    return SORT if feature.aggregate in ORDERED else AGGREGATE
