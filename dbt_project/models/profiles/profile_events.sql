-- One row an event that belongs to a profile. A view: events are never re-keyed when profiles
-- merge, the join with identity_graph says whose they are today.

with

events as (
    select * from {{ ref('stg_events') }}
),

owners as (
    select * from {{ ref('int_identity__event_owners') }}
),

identity_graph as (
    select * from {{ ref('identity_graph') }}
)

select
    identity_graph.canonical_profile_id,
    events.event_id,
    events.source,
    events.message_id,
    events.type,
    events.event_name,
    events.page_name,
    events.page_category,
    events.user_id,
    events.anonymous_id,
    events.group_id,
    events.occurred_at,
    events.received_at,
    events.properties,
    events.traits,
    events.context
from events
inner join owners on events.event_id = owners.event_id
inner join identity_graph on owners.identifier_id = identity_graph.identifier_id
