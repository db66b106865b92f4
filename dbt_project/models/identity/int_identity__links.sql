-- One row a pair of identifiers that is joined whatever the limits: by an override, or by an alias
-- call. It takes effect when both were seen.
{{ config(schema='internal') }}

with

event_identifiers as (
    select * from {{ ref('int_identity__event_identifiers') }}
    where dropped_reason = 'link'
),

overrides as (
    select * from {{ ref('int_identity__overrides') }}
    where
        kind = 'link'
        and is_active
),

source_nodes as (
    select * from {{ ref('int_identity__nodes') }}
    where evidence_count > 0
),

target_nodes as (
    select * from {{ ref('int_identity__nodes') }}
    where evidence_count > 0
),

shared as (
    select * from {{ ref('int_identity__shared') }}
    where is_shared
),

pairs as (
    select
        overrides.override_id as event_id,
        overrides.identifier_id as source_id,
        overrides.other_id as target_id,
        overrides.valid_from as linked_at
    from overrides
    union all
    select
        event_identifiers.event_id,
        event_identifiers.owner_id as source_id,
        event_identifiers.identifier_id as target_id,
        event_identifiers.occurred_at as linked_at
    from event_identifiers
    where event_identifiers.identifier_id <> event_identifiers.owner_id
)

select
    pairs.event_id,
    pairs.source_id,
    pairs.target_id,
    greatest(
        coalesce(pairs.linked_at, source_nodes.first_seen_at),
        source_nodes.first_seen_at,
        target_nodes.first_seen_at
    ) as occurred_at
from pairs
inner join source_nodes on pairs.source_id = source_nodes.identifier_id
inner join target_nodes on pairs.target_id = target_nodes.identifier_id
where
    pairs.source_id not in (select shared.identifier_id from shared)
    and pairs.target_id not in (select shared.identifier_id from shared)
