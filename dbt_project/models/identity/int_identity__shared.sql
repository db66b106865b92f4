-- One row a value that is or was shared: seen, over all history, with more values of another
-- type than its rule allows. While it is, it joins nothing and keeps a profile of its own.
{%- set upstreams = ['int_identity__nodes'] %}
{{ config(
    materialized='incremental',
    schema='internal',
    incremental_strategy='delete+insert',
    unique_key='identifier_id',
    on_schema_change='fail',
    pre_hook="{{ cdp_forget_all(['int_identity__nodes']) }}",
    post_hook="{{ cdp_note_progress(['int_identity__nodes']) }}"
) }}
{%- set follows = cdp_follows(upstreams) %}

with

sightings as (
    select * from {{ ref('int_identity__sightings') }}
),

nodes as (
    select * from {{ ref('int_identity__nodes') }}
),

rules as (
    select * from {{ ref('int_identity__rules') }}
),

looked_at as (
    select
        nodes.identifier_id,
        nodes.identifier_type,
        rules.shared_with,
        rules.shared_more_than
    from nodes
    inner join rules on nodes.identifier_type = rules.identifier_type
    where
        rules.shared_with is not null
        {%- if follows %}
        and nodes.resolution > {{ cdp_followed() }}
        {%- endif %}
),

together as (
    select distinct
        looked_at.identifier_id,
        looked_at.identifier_type,
        looked_at.shared_more_than,
        others.identifier_id as other_id
    from looked_at
    inner join sightings on looked_at.identifier_id = sightings.identifier_id
    inner join sightings as others
        on sightings.event_id = others.event_id
        and looked_at.shared_with = others.identifier_type
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

{%- if not follows %}

select
    counted.identifier_id,
    counted.identifier_type,
    cast(counted.shared_count as bigint) as shared_count,
    true as is_shared,
    cast({{ cdp_resolution(upstreams) }} as bigint) as resolution
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
        else cast({{ cdp_resolution(upstreams) }} as bigint)
    end as resolution
from compared
{%- endif %}
