"""Identifiers that many others stand with: the kiosk's cookie, the team's e-mail address.

Read-only; ranks what the last build extracted. Does not judge which of them to block.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cdp.errors import RunError
from cdp.project import Project
from cdp.warehouse import Warehouse


@dataclass(frozen=True)
class Hub:
    """An identifier and how many distinct values of other types stood with it on an event.

    `neighbour_types` counts them by type, the most first; `profile_size` is the number of
    identifiers of its profile.
    """

    key: str
    type: str
    value: str
    neighbours: int
    neighbour_types: str
    events: int
    first_seen_at: datetime
    last_seen_at: datetime
    profile: str
    profile_size: int


def find_hubs(
    project: Project,
    warehouse: Warehouse,
    *,
    most: int = 20,
    least_neighbours: int = 2,
    identifier_type: str | None = None,
) -> list[Hub]:
    """The identifiers with the most neighbours, at most `most`; ties by events, type, value.

    Raises RunError when the identity tables are not built.
    """
    public, internal = project.schema("public"), project.schema("internal")
    if not warehouse.exists(public, "identity_graph"):
        raise RunError(
            "identity-not-built",
            "the identity tables do not exist yet: identity_graph is missing",
            help="run 'cdp build' first",
        )
    sql = _HUBS.replace("{public}", public).replace("{internal}", internal)
    rows = warehouse.rows(sql, [identifier_type, identifier_type, least_neighbours, most])
    return [Hub(*row) for row in rows]


_HUBS = """
with

event_identifiers as (
    select event_id, identifier_id, identifier_type, occurred_at
    from {internal}.int_identity__event_identifiers
    -- A value that the rules dropped identifies nobody, and is nobody's neighbour.
    where identifier_id in (select identifier_id from {public}.identity_graph)
),

pairs as (
    select distinct
        one.identifier_id,
        other.identifier_type,
        other.identifier_id as neighbour_id
    from event_identifiers as one
    inner join event_identifiers as other on one.event_id = other.event_id
    where one.identifier_type <> other.identifier_type
        and (one.identifier_type = ? or ? is null)
),

by_type as (
    select identifier_id, identifier_type, count(*) as neighbour_count
    from pairs
    group by identifier_id, identifier_type
),

ranked as (
    select
        identifier_id,
        cast(sum(neighbour_count) as bigint) as neighbour_count,
        string_agg(
            identifier_type || ' ' || neighbour_count, ', '
            order by neighbour_count desc, identifier_type
        ) as neighbour_types
    from by_type
    group by identifier_id
    having sum(neighbour_count) >= ?
),

events as (
    select identifier_id, count(*) as event_count
    from event_identifiers
    where identifier_id in (select identifier_id from ranked)
    group by identifier_id
),

sizes as (
    select canonical_profile_id, count(*) as identifier_count
    from {public}.identity_graph
    group by canonical_profile_id
)

select
    cast(graph.identifier_id as varchar),
    graph.identifier_type,
    graph.identifier_value,
    ranked.neighbour_count,
    ranked.neighbour_types,
    events.event_count,
    graph.first_seen_at,
    graph.last_seen_at,
    cast(graph.canonical_profile_id as varchar),
    sizes.identifier_count
from ranked
inner join {public}.identity_graph as graph on ranked.identifier_id = graph.identifier_id
inner join events on ranked.identifier_id = events.identifier_id
inner join sizes on graph.canonical_profile_id = sizes.canonical_profile_id
order by
    ranked.neighbour_count desc,
    events.event_count desc,
    graph.identifier_type,
    graph.identifier_value
limit ?
"""
