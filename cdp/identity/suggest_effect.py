"""What proposed identity rules would make of the events: profiles, before anything is built.

Works on `suggest_values` (see `suggest_measure`). Components are found by SQL: each node takes
the least label around it and then its label's label, until nothing changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cdp.identity.suggest_measure import USER
from cdp.warehouse import Warehouse


@dataclass(frozen=True)
class Rule:
    """A type of identifier, the paths that it is read from, and whether case matters."""

    type: str
    paths: tuple[str, ...]
    is_lower: bool = False


@dataclass(frozen=True)
class Effect:
    """What a set of rules gives. `several_users` counts profiles of two or more user ids.

    `coverage` is the share of messages that belong to some profile.
    """

    rules: str
    identifiers: int
    profiles: int
    largest_profile: int
    several_users: int
    coverage: float


def effects(warehouse: Warehouse, rules: Sequence[Rule], *, shared: bool) -> list[Effect]:
    """Each rule on top of those before it; then all of them, with one thing changed.

    `shared` adds what they give when cookies seen with two or more user ids join nothing.
    """
    found: list[Effect] = []
    if not rules:
        return found
    for count in range(1, len(rules) + 1):
        name = rules[count - 1].type
        found.append(_effect(warehouse, f"{'+ ' if count > 1 else ''}{name}", rules[:count]))
    if warehouse.value("select count(*) from suggest_values where is_placeholder"):
        found.append(_effect(warehouse, "all, nothing blocked", rules, is_blocking=False))
    if any(rule.is_lower for rule in rules):
        exact = [Rule(rule.type, rule.paths) for rule in rules]
        found.append(_effect(warehouse, "all, case kept", exact))
    if shared:
        found.append(_effect(warehouse, "all, shared cookies apart", rules, is_parting=True))
    return found


def _effect(
    warehouse: Warehouse,
    name: str,
    rules: Sequence[Rule],
    *,
    is_blocking: bool = True,
    is_parting: bool = False,
) -> Effect:
    read = [(path, rule.type, rule.is_lower) for rule in rules for path in rule.paths]
    paths, types, lower = (list(column) for column in zip(*read, strict=True))
    user_type = next((rule.type for rule in rules if USER in rule.paths), "")
    warehouse.execute(_NODES, [paths, types, lower, not is_blocking])
    warehouse.execute(_PARTED, [is_parting, user_type])
    for statement in _EDGES:
        warehouse.execute(statement)
    _connect(warehouse)
    identifiers, profiles, largest, several, coverage = warehouse.rows(_RESULT, [user_type])[0]
    return Effect(name, int(identifiers), profiles, int(largest), several, float(coverage))


def _connect(warehouse: Warehouse) -> None:
    """Labels fall until they are the least of their component."""
    while True:
        warehouse.execute(_LABEL)
        changed = warehouse.value(
            "select count(*) from suggest_next as n inner join suggest_labels as l "
            "on n.node = l.node where n.label <> l.label"
        )
        warehouse.execute(
            "create or replace temp table suggest_labels as select node, label from suggest_next"
        )
        if not changed:
            return


_NODES = """
create or replace temp table suggest_nodes as
with

kinds as (
    select unnest(?) as path, unnest(?) as type, unnest(?) as is_lower
)

select distinct
    found.message,
    kinds.type,
    hash(kinds.type, case when kinds.is_lower then lower(found.value) else found.value end) as node
from suggest_values as found
inner join kinds on found.path = kinds.path
where not found.is_placeholder or ?
"""
_PARTED = """
create or replace temp table suggest_parted as
select one.node
from suggest_nodes as one
inner join suggest_nodes as other on one.message = other.message
where ? and one.type = 'anonymous_id' and other.type = ?
group by one.node
having count(distinct other.node) > 1
"""
_EDGES = (
    """
create or replace temp table suggest_pairs as
with

joining as (
    select message, node
    from suggest_nodes
    where node not in (select node from suggest_parted)
),

hubs as (
    select message, min(node) as hub from joining group by message
)

select distinct hubs.hub as one, joining.node as other
from joining
inner join hubs on joining.message = hubs.message
where hubs.hub <> joining.node
""",
    """
create or replace temp table suggest_edges as
select one, other from suggest_pairs
union all
select other, one from suggest_pairs
""",
    """
create or replace temp table suggest_labels as
select distinct node, node as label from suggest_nodes
""",
)
_LABEL = """
create or replace temp table suggest_next as
with

near as (
    select edges.one as node, min(labels.label) as label
    from suggest_edges as edges
    inner join suggest_labels as labels on edges.other = labels.node
    group by edges.one
),

lowered as (
    select labels.node, least(labels.label, coalesce(near.label, labels.label)) as label
    from suggest_labels as labels
    left join near on labels.node = near.node
)

select lowered.node, least(lowered.label, above.label) as label
from lowered
inner join lowered as above on lowered.label = above.node
"""
_RESULT = """
with

typed as (
    select distinct nodes.node, nodes.type, labels.label
    from suggest_nodes as nodes
    inner join suggest_labels as labels on nodes.node = labels.node
),

profiles as (
    select label, count(*) as identifiers, count(*) filter (where type = ?) as users
    from typed
    group by label
)

select
    coalesce(sum(identifiers), 0),
    count(*),
    coalesce(max(identifiers), 0),
    count(*) filter (where users > 1),
    (select count(distinct message) from suggest_nodes)
        / greatest((select count(*) from suggest_messages), 1)
from profiles
"""
