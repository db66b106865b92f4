-- One row an identifier: when it was seen, and how many events it owns. One that nothing carries
-- any more stays with no evidence, so that what was made of it is forgotten.
{%- set upstreams = ['int_identity__event_identifiers', 'int_identity__overrides'] %}
{{ config(
    materialized='incremental',
    schema='internal',
    incremental_strategy='delete+insert',
    unique_key='identifier_id',
    on_schema_change='fail',
    pre_hook="{{ cdp_forget_all(['int_identity__event_identifiers', 'int_identity__overrides']) }}",
    post_hook="{{ cdp_note_progress(['int_identity__event_identifiers', 'int_identity__overrides']) }}"
) }}
{%- set follows = cdp_follows(upstreams) %}

with

event_identifiers as (
    select * from {{ ref('int_identity__event_identifiers') }}
),

forgotten as (
    select * from {{ ref('int_identity__forgotten') }}
),

overrides as (
    select * from {{ ref('int_identity__overrides') }}
),

sightings as (
    select * from {{ ref('int_identity__sightings') }}
),

{%- if follows %}

touched as (
    select event_identifiers.identifier_id
    from event_identifiers
    where event_identifiers.resolution > {{ cdp_followed() }}
    union
    select forgotten.identifier_id
    from forgotten
    where forgotten.resolution > {{ cdp_followed() }}
    union
    select overrides.identifier_id
    from overrides
    where overrides.resolution > {{ cdp_followed() }}
    union
    select overrides.other_id
    from overrides
    where
        overrides.resolution > {{ cdp_followed() }}
        and overrides.other_id is not null
    union
    -- A value that is blocked may have owned its events: who stood beside it owns them now.
    select beside.identifier_id
    from overrides
    inner join event_identifiers as carried on overrides.identifier_id = carried.identifier_id
    inner join event_identifiers as beside on carried.event_id = beside.event_id
    where
        overrides.resolution > {{ cdp_followed() }}
        and overrides.kind = 'block'
),
{%- endif %}

seen as (
    select
        sightings.identifier_id,
        sightings.identifier_type,
        sightings.identifier_value,
        sightings.priority,
        min(sightings.occurred_at) as first_seen_at,
        max(
            case when sightings.occurred_at < {{ cdp_no_time() }}
                then sightings.occurred_at end
        ) as last_seen_at,
        count(*) as evidence_count,
        sum(
            case
                -- Records have loads below zero.
                when sightings.identifier_id = sightings.owner_id
                    and sightings.load_id >= 0 then 1
                else 0
            end
        ) as owned_event_count
    from sightings
    {%- if follows %}
    where sightings.identifier_id in (select touched.identifier_id from touched)
    {%- endif %}
    group by
        sightings.identifier_id,
        sightings.identifier_type,
        sightings.identifier_value,
        sightings.priority
)

select
    seen.identifier_id,
    seen.identifier_type,
    seen.identifier_value,
    seen.priority,
    seen.first_seen_at,
    seen.last_seen_at,
    cast(seen.evidence_count as bigint) as evidence_count,
    cast(seen.owned_event_count as bigint) as owned_event_count,
    cast({{ cdp_resolution(upstreams) }} as bigint) as resolution
from seen
{%- if follows %}
union all
select
    gone.identifier_id,
    gone.identifier_type,
    gone.identifier_value,
    gone.priority,
    gone.first_seen_at,
    gone.last_seen_at,
    cast(0 as bigint) as evidence_count,
    cast(0 as bigint) as owned_event_count,
    cast({{ cdp_resolution(upstreams) }} as bigint) as resolution
from {{ this }} as gone
where
    gone.evidence_count > 0
    and gone.identifier_id in (select touched.identifier_id from touched)
    and gone.identifier_id not in (select seen.identifier_id from seen)
{%- endif %}
