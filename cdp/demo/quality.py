"""How right the identity graph is, against a known truth.

Pairs of identifiers are counted. An identifier belongs to the person that most
of its messages came from. Precision: of the pairs in one profile, the share
that is one person. Recall: of the pairs of one person that some chain of
messages connects, whatever the rules, the share that is in one profile.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cdp.project import Project
from cdp.warehouse import Warehouse


@dataclass(frozen=True)
class Quality:
    """Counts of identifiers and profiles, and pairwise precision and recall (0 to 1)."""

    identifiers: int
    profiles: int
    largest_profile: int
    precision: float
    recall: float


def measure_quality(project: Project, warehouse: Warehouse, truth: Path) -> Quality:
    """Compare `identity_graph` with a CSV of (message_id, person). Read-only."""
    public, internal = project.schema("public"), project.schema("internal")
    profiles = _mapping(warehouse, _PROFILES.replace("{public}", public))
    people = _mapping(warehouse, _PEOPLE.replace("{internal}", internal), [str(truth)])
    components = _components(warehouse.rows(_PAIRS.replace("{internal}", internal)))
    placed = [
        (profiles.get(one, one), person, components.get(one, one)) for one, person in people.items()
    ]
    together = _pairs(profile for profile, _, _ in placed)
    rightly = _pairs((profile, person) for profile, person, _ in placed)
    reachable = _pairs((component, person) for _, person, component in placed)
    sizes = Counter(profiles.values())
    return Quality(
        identifiers=len(profiles),
        profiles=len(sizes),
        largest_profile=max(sizes.values(), default=0),
        precision=rightly / together if together else 1.0,
        recall=rightly / reachable if reachable else 1.0,
    )


def _mapping(warehouse: Warehouse, sql: str, values: list[Any] | None = None) -> dict[Any, Any]:
    return dict(warehouse.rows(sql, values or []))


def _pairs(groups: Iterable[Any]) -> int:
    return sum(size * (size - 1) // 2 for size in Counter(groups).values())


def _components(pairs: Iterable[tuple[Any, ...]]) -> Mapping[Any, Any]:
    """What chains of messages connect, shared values too: each identifier's representative."""
    parent: dict[Any, Any] = {}

    def find(node: Any) -> Any:
        while parent.setdefault(node, node) != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for left, right in pairs:
        parent[find(left)] = find(right)
    return {node: find(node) for node in parent}


_PROFILES = "select identifier_id, canonical_profile_id from {public}.identity_graph"
_PAIRS = """
select distinct owner_id, identifier_id from {internal}.int_identity__event_identifiers
where dropped_reason is null
"""
_PEOPLE = """
with messages as (
    select e.identifier_id, t.person, count(distinct s.message_id) as message_count
    from {internal}.int_identity__event_identifiers as e
    inner join {internal}.stg_events as s on e.event_id = s.event_id
    inner join read_csv(?, header = true, all_varchar = true) as t
        on s.message_id = t.message_id
    where e.dropped_reason is null
    group by all
)
select identifier_id, person
from messages
qualify row_number() over (
    partition by identifier_id order by message_count desc, person
) = 1
"""
