-- One row an event that carries a kept identifier: the highest-priority one owns the event.
-- Event tables are keyed by the owner and never re-keyed; joining identity_graph gives the profile.
{{ config(schema='internal') }}

with

event_identifiers as (
    select * from {{ ref('int_identity__event_identifiers') }}
)

select
    event_identifiers.event_id,
    event_identifiers.identifier_id,
    event_identifiers.load_id
from event_identifiers
where
    event_identifiers.identifier_id = event_identifiers.owner_id
    and event_identifiers.dropped_reason is null
