-- What contested components consist of before they can break a limit: one row an identifier that
-- was seen by then, and the number of what chains of those events connect. The replay begins
-- with these.
{{ config(materialized='connected_components', schema='internal') }}

with

contested as (
    select * from {{ ref('int_identity__contested') }}
),

components as (
    select * from {{ ref('int_identity__components') }}
),

event_identifiers as (
    select * from {{ ref('int_identity__event_identifiers') }}
),

ranked as (
    select
        event_identifiers.event_id,
        event_identifiers.identifier_id,
        row_number() over (
            partition by event_identifiers.event_id
            order by
                event_identifiers.priority,
                {{ cdp_text_order('event_identifiers.identifier_value') }}
        ) as identifier_rank
    from contested
    inner join components on contested.component_id = components.component_id
    inner join event_identifiers on components.identifier_id = event_identifiers.identifier_id
    where
        event_identifiers.dropped_reason is null
        and event_identifiers.occurred_at < contested.contested_from
)

-- The highest identifier stands beside itself too: one that was seen alone is a row.
select
    highest.identifier_id as source_id,
    ranked.identifier_id as target_id
from ranked
inner join ranked as highest on ranked.event_id = highest.event_id
where highest.identifier_rank = 1
