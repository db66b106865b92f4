-- One row an event that carries a kept identifier: the highest-priority one owns the event.
-- Event tables are keyed by the owner and never re-keyed; joining identity_graph gives the profile.
{{ config(schema='internal') }}

with

sightings as (
    select * from {{ ref('int_identity__sightings') }}
)

select
    sightings.event_id,
    sightings.identifier_id,
    sightings.load_id
from sightings
where sightings.identifier_id = sightings.owner_id
