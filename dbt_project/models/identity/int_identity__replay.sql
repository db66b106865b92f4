-- What the events of contested components decided, in the order of time: one row an identifier
-- that was created, attached or merged by an event, or demoted (let go) because a limit would
-- have been broken. What came before a limit could break was joined without a replay, and is
-- created or attached by the first event that carried it. An identifier is created or attached once; profile_number then is the
-- profile that it ended in. The materialisation says how.
{{ config(materialized='identity_replay', schema='internal') }}

with

contested as (
    select * from {{ ref('int_identity__contested') }}
),

components as (
    select * from {{ ref('int_identity__components') }}
),

settled as (
    select * from {{ ref('int_identity__settled') }}
),

event_identifiers as (
    select * from {{ ref('int_identity__event_identifiers') }}
),

rules as (
    select * from {{ ref('int_identity__rules') }}
),

events as (
    select * from {{ ref('int_identity__evidence') }}
)

select
    events.event_id,
    events.occurred_at,
    events.source,
    events.message_id,
    event_identifiers.identifier_id,
    event_identifiers.identifier_type,
    event_identifiers.identifier_value,
    rules.priority,
    rules.limit_count,
    rules.limit_window,
    settled.component_id as settled_number,
    case when event_identifiers.occurred_at < contested.contested_from then 1 else 0 end
        as is_settled
from contested
inner join components on contested.component_id = components.component_id
inner join event_identifiers on components.identifier_id = event_identifiers.identifier_id
inner join rules on event_identifiers.identifier_type = rules.identifier_type
inner join events on event_identifiers.event_id = events.event_id
left join settled on event_identifiers.identifier_id = settled.identifier_id
where event_identifiers.dropped_reason is null
