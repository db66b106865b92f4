-- One row a profile id that was ever issued, with the profile that it is part of today.
-- Every profile is named after one of its identifiers, so the id that each identifier alone
-- would give covers all that were issued, whatever the order in which events arrived. The id of
-- an identifier that every event let go of leads to the profile of the first event that
-- carried it.
{{ config(materialized='table') }}

with

nodes as (
    select * from {{ ref('int_identity__nodes') }}
),

identity_graph as (
    select * from {{ ref('identity_graph') }}
),

replay as (
    select * from {{ ref('int_identity__replay') }}
),

event_owners as (
    select * from {{ ref('int_identity__event_owners') }}
),

let_go as (
    select
        nodes.identifier_id,
        nodes.identifier_type,
        nodes.identifier_value
    from nodes
    left join identity_graph on nodes.identifier_id = identity_graph.identifier_id
    where identity_graph.identifier_id is null
),

let_go_by as (
    select
        let_go.identifier_id,
        let_go.identifier_type,
        let_go.identifier_value,
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
    {{ cdp_profile_id('identity_graph.identifier_type', 'identity_graph.identifier_value') }}
        as profile_id,
    identity_graph.canonical_profile_id,
    identity_graph.identifier_id
from identity_graph
union all
select
    {{ cdp_profile_id('let_go_by.identifier_type', 'let_go_by.identifier_value') }}
        as profile_id,
    identity_graph.canonical_profile_id,
    let_go_by.identifier_id
from let_go_by
inner join identity_graph on let_go_by.owner_id = identity_graph.identifier_id
where let_go_by.event_rank = 1
