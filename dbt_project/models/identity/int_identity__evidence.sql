-- One row a piece of evidence about who somebody is: every event, and every record of the record
-- sources. A record that vanished is here too, in the load that found it gone, so that what was
-- made of it is forgotten.
{{ config(schema='internal') }}

with

events as (
    select * from {{ ref('stg_events') }}
),

records as (
    select * from {{ ref('int_identity__records') }}
)

select
    events.event_id,
    events.source,
    events.message_id,
    events.type,
    events.occurred_at,
    events.load_id,
    events.is_repeated
from events
union all
select
    records.event_id,
    records.source,
    records.message_id,
    cast('record' as {{ dbt.type_string() }}) as type,
    records.occurred_at,
    records.load_id,
    true as is_repeated
from records
