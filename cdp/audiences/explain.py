"""The report of `cdp compile --explain`: features, and what else audiences need computed.

Reads the plan that the models are compiled from; nothing is run and nothing is measured.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cdp.audiences.conditions import Consent, Counted, Leaf, Sequence, leaves, measured
from cdp.audiences.consent_rows import SOURCE as CONSENTS
from cdp.audiences.following import Following, plan_following
from cdp.audiences.plan import AudiencePlan, plan_audiences, ranked
from cdp.traits.explain import (
    AGGREGATE,
    OF_ALL,
    OF_TOUCHED,
    STEPS,
    Explanation,
    Use,
    explain_features,
)
from cdp.traits.feature_table import NAME as FEATURES

if TYPE_CHECKING:
    from cdp.catalogue import Catalogue

RANKING = "a sort of all profiles"
_Need = tuple[str, str, str, str]
"""The column, what it reads, its work, and of which profiles a run computes it."""


def explain(catalogue: Catalogue) -> Explanation:
    """Every feature, condition and order of a checked catalogue, the most used first. Pure."""
    plan = plan_audiences(catalogue)
    found = explain_features(catalogue)
    following = plan_following(plan)
    users: dict[_Need, dict[str, None]] = {}
    for audience in catalogue.audiences.values():
        for leaf in leaves(audience.who):
            for need in _needs(leaf, plan, following):
                users.setdefault(need, {})[f"audience {audience.name}"] = None
    uses = [*found.uses, *(_use(need, tuple(by)) for need, by in users.items())]
    parts = (following.followed, following.moved)
    scans = sum(len({query.event for one in part for query, _ in measured(one)}) for part in parts)
    in_order = sorted(uses, key=lambda one: (-len(one.used_by), one.feature))
    return Explanation(tuple(in_order), found.scans + scans + bool(plan.consents))


def _use(need: _Need, used_by: tuple[str, ...]) -> Use:
    column, reads, work, computed = need
    return Use(column, reads, work, used_by, computed)


def _needs(leaf: Leaf, plan: AudiencePlan, following: Following) -> Iterator[_Need]:
    """What a leaf needs beside features."""
    if isinstance(leaf, Consent):
        yield plan.consents[leaf.category], CONSENTS, AGGREGATE, OF_TOUCHED
    if isinstance(leaf, Counted):
        events = dict.fromkeys(query.event for query, _ in measured(leaf.measure))
        reads = ", ".join(plan.features.event_model(one) for one in events)
        work = STEPS if isinstance(leaf.measure, Sequence) else AGGREGATE
        moved = " or ".join(following.moved.get(leaf.measure, ()))
        computed = f"{OF_TOUCHED}, and where {moved} is another" if moved else OF_TOUCHED
        yield plan.measures[leaf.measure], reads, work, computed
    for ranking in ranked(leaf):
        yield plan.rankings[ranking], FEATURES, RANKING, f"{OF_ALL}: an order"
