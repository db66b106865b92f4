-- One row an identifier: when it was seen, and how many events it owns.
{{ config(materialized='table', schema='internal') }}

with

event_identifiers as (
    select * from {{ ref('int_identity__event_identifiers') }}
)

select
    event_identifiers.identifier_id,
    event_identifiers.identifier_type,
    event_identifiers.identifier_value,
    event_identifiers.priority,
    min(event_identifiers.occurred_at) as first_seen_at,
    max(
        case when event_identifiers.occurred_at < {{ cdp_no_time() }}
            then event_identifiers.occurred_at end
    ) as last_seen_at,
    cast(
        sum(
            case
                -- Records have loads below zero.
                when event_identifiers.identifier_id = event_identifiers.owner_id
                    and event_identifiers.load_id >= 0 then 1
                else 0
            end
        ) as bigint
    ) as owned_event_count
from event_identifiers
where event_identifiers.dropped_reason is null
group by
    event_identifiers.identifier_id,
    event_identifiers.identifier_type,
    event_identifiers.identifier_value,
    event_identifiers.priority
