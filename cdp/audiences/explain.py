"""The report of `cdp compile --explain`: features, and what else audiences need computed.

Reads the plan that the models are compiled from; nothing is run and nothing is measured.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cdp.audiences.conditions import Consent, Counted, Leaf, Sequence, leaves, measured
from cdp.audiences.consent_rows import SOURCE as CONSENTS
from cdp.audiences.plan import AudiencePlan, plan_audiences, ranked
from cdp.traits.explain import AGGREGATE, STEPS, Explanation, Use, explain_features
from cdp.traits.feature_table import NAME as FEATURES

if TYPE_CHECKING:
    from cdp.catalogue import Catalogue

RANKING = "a sort of all profiles"


def explain(catalogue: Catalogue) -> Explanation:
    """Every feature, condition and order of a checked catalogue, the most used first. Pure."""
    plan = plan_audiences(catalogue)
    found = explain_features(catalogue)
    users: dict[tuple[str, str, str], dict[str, None]] = {}
    for audience in catalogue.audiences.values():
        for leaf in leaves(audience.who):
            for need in _needs(leaf, plan):
                users.setdefault(need, {})[f"audience {audience.name}"] = None
    uses = [*found.uses, *(Use(*need, tuple(by)) for need, by in users.items())]
    events = {query.event for one in plan.measures for query, _ in measured(one)}
    in_order = sorted(uses, key=lambda one: (-len(one.used_by), one.feature))
    return Explanation(tuple(in_order), found.scans + len(events) + bool(plan.consents))


def _needs(leaf: Leaf, plan: AudiencePlan) -> Iterator[tuple[str, str, str]]:
    """(column, what it reads, its work) of what a leaf needs beside features."""
    if isinstance(leaf, Consent):
        yield plan.consents[leaf.category], CONSENTS, AGGREGATE
    if isinstance(leaf, Counted):
        events = dict.fromkeys(query.event for query, _ in measured(leaf.measure))
        reads = ", ".join(plan.features.event_model(one) for one in events)
        work = STEPS if isinstance(leaf.measure, Sequence) else AGGREGATE
        yield plan.measures[leaf.measure], reads, work
    for ranking in ranked(leaf):
        yield plan.rankings[ranking], FEATURES, RANKING
