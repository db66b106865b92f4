-- One row an identifier: when it was seen, and how many events it owns. One that nothing carries
-- any more stays with no evidence, so that what was made of it is forgotten.
{%- set upstreams = ['int_identity__event_identifiers', 'int_identity__overrides'] %}
{{ config(
    materialized='incremental',
    schema='internal',
    incremental_strategy='delete+insert',
    unique_key='identifier_id',
    on_schema_change='fail',
    pre_hook=[
        "{{ cdp_forget_all(" ~ upstreams ~ ") }}",
        "{{ cdp_note_touched(" ~ upstreams ~ ", cdp_sighted_anew()) }}",
    ],
    post_hook=[
        "{{ cdp_note_progress(" ~ upstreams ~ ") }}",
        "{{ cdp_drop_touched() }}",
    ]
) }}
{%- set standing = cdp_standing(upstreams) %}
-- depends_on: {{ ref('int_identity__event_identifiers') }} {{ ref('int_identity__forgotten') }}
-- depends_on: {{ ref('int_identity__overrides') }}

with

sightings as (
    select * from {{ ref('int_identity__sightings') }}
),

{%- if standing.follows %}

touched as (
    select * from {{ cdp_touched() }}
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
    {%- if standing.follows %}
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
    cast({{ standing.resolution }} as bigint) as resolution
from seen
{%- if standing.follows %}
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
    cast({{ standing.resolution }} as bigint) as resolution
from {{ this }} as gone
where
    gone.evidence_count > 0
    and gone.identifier_id in (select touched.identifier_id from touched)
    and gone.identifier_id not in (select seen.identifier_id from seen)
{%- endif %}
