-- One row an identifier: the profile that it belongs to, and the id that it alone would give.
-- A profile is named after its oldest identifier, so the same events give the same id always.
-- An identifier that every event let go of, because of a limit, belongs to none; the id that it
-- alone would give leads to the profile of the first event that carried it.
{%- set upstreams = ['int_identity__components', 'int_identity__contested', 'int_identity__replay'] %}
{{ config(
    materialized='incremental',
    schema='internal',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook=[
        "{{ cdp_forget_all(" ~ upstreams ~ ") }}",
        "{{ cdp_forget_resolved_anew(" ~ upstreams ~ ") }}",
    ],
    post_hook="{{ cdp_note_progress(" ~ upstreams ~ ") }}"
) }}
{%- set standing = cdp_standing(upstreams) %}


with

nodes as {{ cdp_not_materialized() }} (
    select * from {{ ref('int_identity__nodes') }}
    where evidence_count > 0
),

components as {{ cdp_not_materialized() }} (
    select * from {{ ref('int_identity__components') }}
    {%- if standing.follows %}
    where resolution > {{ standing.followed }}
    {%- endif %}
),

contested as (
    select * from {{ ref('int_identity__contested') }}
),

replay as (
    select * from {{ ref('int_identity__replay') }}
),

event_owners as (
    select * from {{ ref('int_identity__event_owners') }}
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
        components.identifier_id,
        1 as is_replayed,
        replay.profile_number,
        replay.decided_at as attached_at
    from components
    inner join replay on components.identifier_id = replay.identifier_id
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
        coalesce(placed.attached_at, nodes.first_seen_at) as attached_at,
        {{ cdp_profile_id('nodes.identifier_type', 'nodes.identifier_value') }} as profile_id
    from nodes
    inner join placed on nodes.identifier_id = placed.identifier_id
),

by_age as (
    select
        connected.is_replayed,
        connected.profile_number,
        connected.profile_id,
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
    select * from by_age
    where by_age.age_rank = 1
),

let_go as (
    select
        nodes.identifier_id,
        nodes.identifier_type,
        nodes.identifier_value,
        nodes.first_seen_at,
        nodes.last_seen_at
    from contested
    inner join components on contested.component_id = components.component_id
    inner join nodes on components.identifier_id = nodes.identifier_id
    where nodes.identifier_id not in (select placed.identifier_id from placed)
),

let_go_by as (
    select
        let_go.identifier_id,
        let_go.identifier_type,
        let_go.identifier_value,
        let_go.first_seen_at,
        let_go.last_seen_at,
        event_owners.identifier_id as owner_id,
        row_number() over (
            partition by let_go.identifier_id
            order by replay.decided_at, replay.event_id
        ) as event_rank
    from let_go
    inner join replay on let_go.identifier_id = replay.identifier_id
    inner join event_owners on replay.event_id = event_owners.event_id
)

select
    connected.identifier_id,
    connected.identifier_type,
    connected.identifier_value,
    connected.profile_id,
    named.profile_id as canonical_profile_id,
    false as is_let_go,
    nullif(connected.first_seen_at, {{ cdp_no_time() }}) as first_seen_at,
    connected.last_seen_at,
    cast({{ standing.resolution }} as bigint) as resolution
from connected
inner join named
    on connected.is_replayed = named.is_replayed
    and connected.profile_number = named.profile_number
union all
select
    let_go_by.identifier_id,
    let_go_by.identifier_type,
    let_go_by.identifier_value,
    {{ cdp_profile_id('let_go_by.identifier_type', 'let_go_by.identifier_value') }} as profile_id,
    named.profile_id as canonical_profile_id,
    true as is_let_go,
    nullif(let_go_by.first_seen_at, {{ cdp_no_time() }}) as first_seen_at,
    let_go_by.last_seen_at,
    cast({{ standing.resolution }} as bigint) as resolution
from let_go_by
inner join placed on let_go_by.owner_id = placed.identifier_id
inner join named
    on placed.is_replayed = named.is_replayed
    and placed.profile_number = named.profile_number
where let_go_by.event_rank = 1
