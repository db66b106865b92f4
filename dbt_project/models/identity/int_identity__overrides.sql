-- One row an override that has or had an effect. A resolution is noted where it came into force,
-- or went: what it says of its identifiers is resolved anew, and nothing else.
{%- set upstreams = ['int_identity__event_identifiers'] %}
{{ config(
    materialized='incremental',
    schema='internal',
    incremental_strategy='delete+insert',
    unique_key='override_id',
    on_schema_change='fail',
    pre_hook="{{ cdp_forget_all(" ~ upstreams ~ ") }}",
    post_hook="{{ cdp_note_progress(" ~ upstreams ~ ") }}"
) }}
-- depends_on: {{ ref('int_identity__event_identifiers') }}
{%- set standing = cdp_standing(upstreams) %}

with

identity_overrides as (
    select * from {{ ref('identity_overrides') }}
),

in_force as (
    select
        identity_overrides.override_id,
        identity_overrides.kind,
        identity_overrides.identifier_id,
        identity_overrides.other_id,
        identity_overrides.valid_from
    from identity_overrides
    where identity_overrides.invalid_reason is null
    group by
        identity_overrides.override_id,
        identity_overrides.kind,
        identity_overrides.identifier_id,
        identity_overrides.other_id,
        identity_overrides.valid_from
),

former as (
    {%- if standing.follows %}
    select * from {{ this }}
    {%- else %}
    select
        in_force.*,
        false as is_active
    from in_force
    where 1 = 0
    {%- endif %}
)

select
    in_force.override_id,
    in_force.kind,
    in_force.identifier_id,
    in_force.other_id,
    in_force.valid_from,
    true as is_active,
    cast({{ standing.resolution }} as bigint) as resolution
from in_force
left join former on in_force.override_id = former.override_id
where not coalesce(former.is_active, false)
union all
select
    former.override_id,
    former.kind,
    former.identifier_id,
    former.other_id,
    former.valid_from,
    false as is_active,
    cast({{ standing.resolution }} as bigint) as resolution
from former
left join in_force on former.override_id = in_force.override_id
where
    former.is_active
    and in_force.override_id is null
