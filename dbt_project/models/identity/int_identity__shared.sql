-- One row a value that is or was shared: seen, over all history, with more values of another
-- type than its rule allows. While it is, it joins nothing and keeps a profile of its own.
{%- set upstreams = ['int_identity__nodes'] %}
{{ config(
    materialized='incremental',
    schema='internal',
    incremental_strategy='delete+insert',
    unique_key='identifier_id',
    on_schema_change='fail',
    pre_hook=[
        "{{ cdp_forget_all(" ~ upstreams ~ ") }}",
        "{{ cdp_note_touched(" ~ upstreams ~ ", cdp_may_be_shared(cdp_followed())) }}",
        "{{ cdp_note_touched(" ~ upstreams ~ ", cdp_events_under(cdp_touched()), 'events') }}",
    ],
    post_hook=[
        "{{ cdp_note_progress(" ~ upstreams ~ ") }}",
        "{{ cdp_drop_touched('events') }}",
        "{{ cdp_drop_touched() }}",
    ]
) }}
{%- set standing = cdp_standing(upstreams) %}
-- depends_on: {{ ref('int_identity__nodes') }} {{ ref('int_identity__rules') }}

with

sightings as (
    select * from {{ ref('int_identity__sightings') }}
),

looked_at as (
    {%- if standing.follows %}
    select * from {{ cdp_touched() }}
    {%- else %}
    {{ cdp_may_be_shared() }}
    {%- endif %}
),

events_under as (
    {%- if standing.follows %}
    select * from {{ cdp_touched('events') }}
    {%- else %}
    {{ cdp_events_under('looked_at') }}
    {%- endif %}
),

together as (
    select distinct
        events_under.identifier_id,
        events_under.identifier_type,
        events_under.shared_more_than,
        others.identifier_id as other_id
    from sightings as others
    inner join events_under
        on others.event_id = events_under.event_id
        and others.identifier_type = events_under.shared_with
),

counted as (
    select
        together.identifier_id,
        together.identifier_type,
        count(*) as shared_count
    from together
    group by
        together.identifier_id,
        together.identifier_type,
        together.shared_more_than
    having count(*) > together.shared_more_than
)

{%- if not standing.follows %}

select
    counted.identifier_id,
    counted.identifier_type,
    cast(counted.shared_count as bigint) as shared_count,
    true as is_shared,
    cast({{ standing.resolution }} as bigint) as resolution
from counted
{%- else %},

-- A resolution is noted where the value became shared, or ceased to be: what it joins changed.
compared as (
    select
        coalesce(counted.identifier_id, former.identifier_id) as identifier_id,
        coalesce(counted.identifier_type, former.identifier_type) as identifier_type,
        coalesce(counted.shared_count, 0) as shared_count,
        counted.identifier_id is not null as is_shared,
        coalesce(former.is_shared, false) as was_shared,
        former.resolution
    from counted
    full outer join (
        select * from {{ this }}
        where identifier_id in (select looked_at.identifier_id from looked_at)
    ) as former
        on counted.identifier_id = former.identifier_id
)

select
    compared.identifier_id,
    compared.identifier_type,
    cast(compared.shared_count as bigint) as shared_count,
    compared.is_shared,
    case
        when compared.is_shared = compared.was_shared then compared.resolution
        else cast({{ standing.resolution }} as bigint)
    end as resolution
from compared
{%- endif %}
