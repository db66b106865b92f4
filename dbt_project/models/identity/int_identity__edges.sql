-- One row a pair of identifiers that stood on one event: its highest one that may join, and
-- another. Shared values join nothing.
{{ config(materialized='table', schema='internal') }}

with

event_identifiers as (
    select * from {{ ref('int_identity__event_identifiers') }}
),

shared as (
    select * from {{ ref('int_identity__shared') }}
),

-- Almost every event: its owner may join, and is what the others are joined to.
from_owners as (
    select
        event_identifiers.owner_id as source_id,
        event_identifiers.identifier_id as target_id,
        event_identifiers.occurred_at
    from event_identifiers
    where
        event_identifiers.identifier_id <> event_identifiers.owner_id
        and event_identifiers.dropped_reason is null
        and event_identifiers.owner_id not in (select shared.identifier_id from shared)
        and event_identifiers.identifier_id not in (select shared.identifier_id from shared)
),

-- An event whose owner is shared: what is left of it still stood together.
ranked as (
    select
        event_identifiers.event_id,
        event_identifiers.identifier_id,
        event_identifiers.occurred_at,
        row_number() over (
            partition by event_identifiers.event_id
            order by
                event_identifiers.priority,
                {{ cdp_text_order('event_identifiers.identifier_value') }}
        ) as identifier_rank
    from event_identifiers
    where
        event_identifiers.dropped_reason is null
        and event_identifiers.owner_id in (select shared.identifier_id from shared)
        and event_identifiers.identifier_id not in (select shared.identifier_id from shared)
),

from_others as (
    select
        highest.identifier_id as source_id,
        ranked.identifier_id as target_id,
        ranked.occurred_at
    from ranked
    inner join ranked as highest on ranked.event_id = highest.event_id
    where
        highest.identifier_rank = 1
        and ranked.identifier_rank > 1
),

every_pair as (
    select * from from_owners
    union all
    select * from from_others
)

select
    every_pair.source_id,
    every_pair.target_id,
    min(every_pair.occurred_at) as first_seen_at,
    count(*) as event_count
from every_pair
group by every_pair.source_id, every_pair.target_id
