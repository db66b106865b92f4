-- One row an identifier, with the profile that it belongs to.
-- A profile is named after its oldest identifier, so the same events give the same id always.
{{ config(materialized='table') }}

with

nodes as (
    select * from {{ ref('int_identity__nodes') }}
),

components as (
    select * from {{ ref('int_identity__components') }}
),

connected as (
    select
        nodes.identifier_id,
        nodes.identifier_type,
        nodes.identifier_value,
        nodes.priority,
        nodes.first_seen_at,
        nodes.last_seen_at,
        components.component_id
    from nodes
    inner join components on nodes.identifier_id = components.identifier_id
),

-- Identifiers that nothing was ever seen with name their own profile.
alone as (
    select
        nodes.identifier_id,
        nodes.identifier_type,
        nodes.identifier_value,
        nodes.first_seen_at,
        nodes.last_seen_at
    from nodes
    where nodes.identifier_id not in (select components.identifier_id from components)
),

by_age as (
    select
        connected.component_id,
        connected.identifier_type,
        connected.identifier_value,
        row_number() over (
            partition by connected.component_id
            order by
                connected.first_seen_at,
                connected.priority,
                connected.identifier_value
        ) as age_rank
    from connected
),

named as (
    select
        by_age.component_id,
        {{ cdp_profile_id('by_age.identifier_type', 'by_age.identifier_value') }}
            as canonical_profile_id
    from by_age
    where by_age.age_rank = 1
)

select
    connected.identifier_id,
    connected.identifier_type,
    connected.identifier_value,
    named.canonical_profile_id,
    connected.first_seen_at,
    connected.last_seen_at
from connected
inner join named on connected.component_id = named.component_id
union all
select
    alone.identifier_id,
    alone.identifier_type,
    alone.identifier_value,
    {{ cdp_profile_id('alone.identifier_type', 'alone.identifier_value') }}
        as canonical_profile_id,
    alone.first_seen_at,
    alone.last_seen_at
from alone
