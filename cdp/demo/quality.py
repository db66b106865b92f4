"""How right the identity graph is, against a known truth.

Pairs of identifiers are counted. An identifier belongs to the person that most
of its messages came from. Precision: of the pairs in one profile, the share
that is one person. Recall: of the pairs of one person that some chain of
messages connects, the share that is in one profile.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

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
    names = {"{public}": project.schema("public"), "{internal}": project.schema("internal")}
    sql = _SQL
    for mark, name in names.items():
        sql = sql.replace(mark, name)
    identifiers, profiles, largest, precision, recall = warehouse.rows(sql, [str(truth)])[0]
    return Quality(identifiers, profiles, largest, float(precision), float(recall))


_SQL = """
with messages as (
    select e.identifier_id, t.person, count(distinct s.message_id) as message_count
    from {internal}.int_identity__event_identifiers as e
    inner join {internal}.stg_events as s on e.event_id = s.event_id
    inner join read_csv(?, header = true, all_varchar = true) as t
        on s.message_id = t.message_id
    group by all
),
people as (
    select identifier_id, person
    from messages
    qualify row_number() over (
        partition by identifier_id order by message_count desc, person
    ) = 1
),
placed as (
    select
        g.identifier_id,
        g.canonical_profile_id as profile,
        p.person,
        coalesce(c.component_id::varchar, g.identifier_id::varchar) as component
    from {public}.identity_graph as g
    inner join people as p using (identifier_id)
    left join {internal}.int_identity__components as c using (identifier_id)
),
-- Each level of grouping, and how many identifiers share a group of it.
groups as (
    select
        grouping_id(profile, person, component) as level,
        count(*) * (count(*) - 1) / 2 as pairs
    from placed
    group by grouping sets (
        (profile),
        (profile, person),
        (component, person),
        (component, profile, person)
    )
),
sizes as (
    select
        sum(case when level = 3 then pairs end) as together,
        sum(case when level = 1 then pairs end) as rightly,
        sum(case when level = 4 then pairs end) as reachable,
        sum(case when level = 0 then pairs end) as reached
    from groups
)
select
    (select count(*) from {public}.identity_graph),
    (select count(distinct canonical_profile_id) from {public}.identity_graph),
    (select max(n) from (
        select count(*) as n from {public}.identity_graph group by canonical_profile_id)),
    coalesce(rightly / nullif(together, 0), 1),
    coalesce(reached / nullif(reachable, 0), 1)
from sizes
"""
