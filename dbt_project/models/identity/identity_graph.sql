-- One row an identifier, with the profile that it belongs to. An identifier that every event let
-- go of, because of a limit, belongs to none and has no row.
-- A profile is named after its oldest identifier, so the same events give the same id always.
{{ config(materialized='table') }}

with

nodes as (
    select * from {{ ref('int_identity__nodes') }}
),

components as (
    select * from {{ ref('int_identity__components') }}
),

contested as (
    select * from {{ ref('int_identity__contested') }}
),

replay as (
    select * from {{ ref('int_identity__replay') }}
),

-- A component that can break no limit is one profile; one that could is what the replay made.
placed as (
    select
        components.identifier_id,
        0 as is_replayed,
        components.component_id as profile_number,
        cast(null as timestamp) as attached_at
    from components
    where components.component_id not in (select contested.component_id from contested)
    union all
    select
        replay.identifier_id,
        1 as is_replayed,
        replay.profile_number,
        replay.decided_at as attached_at
    from replay
    where replay.outcome in ('created', 'attached')
),

connected as (
    select
        nodes.identifier_id,
        nodes.identifier_type,
        nodes.identifier_value,
        nodes.priority,
        nodes.first_seen_at,
        nodes.last_seen_at,
        placed.is_replayed,
        placed.profile_number,
        coalesce(placed.attached_at, nodes.first_seen_at) as attached_at
    from nodes
    inner join placed on nodes.identifier_id = placed.identifier_id
),

-- Identifiers that nothing was ever seen with name their own profile, as shared ones do.
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
        connected.is_replayed,
        connected.profile_number,
        connected.identifier_type,
        connected.identifier_value,
        row_number() over (
            partition by connected.is_replayed, connected.profile_number
            order by
                connected.attached_at,
                connected.priority,
                {{ cdp_text_order('connected.identifier_value') }}
        ) as age_rank
    from connected
),

named as (
    select
        by_age.is_replayed,
        by_age.profile_number,
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
    nullif(connected.first_seen_at, {{ cdp_no_time() }}) as first_seen_at,
    connected.last_seen_at
from connected
inner join named
    on connected.is_replayed = named.is_replayed
    and connected.profile_number = named.profile_number
union all
select
    alone.identifier_id,
    alone.identifier_type,
    alone.identifier_value,
    {{ cdp_profile_id('alone.identifier_type', 'alone.identifier_value') }}
        as canonical_profile_id,
    nullif(alone.first_seen_at, {{ cdp_no_time() }}) as first_seen_at,
    alone.last_seen_at
from alone
