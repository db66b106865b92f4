-- One row a pair of identifiers that stood on one event: the event's owner and another.
{{ config(materialized='table', schema='internal') }}

with

event_identifiers as (
    select * from {{ ref('int_identity__event_identifiers') }}
)

select
    event_identifiers.owner_id as source_id,
    event_identifiers.identifier_id as target_id,
    min(event_identifiers.occurred_at) as first_seen_at,
    count(*) as event_count
from event_identifiers
where event_identifiers.identifier_id <> event_identifiers.owner_id
group by event_identifiers.owner_id, event_identifiers.identifier_id
