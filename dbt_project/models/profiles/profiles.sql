-- One row a profile.
{{ config(materialized='table') }}

with

identity_graph as (
    select * from {{ ref('identity_graph') }}
),

nodes as (
    select * from {{ ref('int_identity__nodes') }}
),

totals as (
    select
        identity_graph.canonical_profile_id,
        min(identity_graph.first_seen_at) as first_seen_at,
        max(identity_graph.last_seen_at) as last_seen_at,
        count(*) as identifier_count,
        sum(nodes.owned_event_count) as event_count,
        sum(
            case when identity_graph.identifier_type in ('user_id', 'email') then 1 else 0 end
        ) as known_count
    from identity_graph
    inner join nodes on identity_graph.identifier_id = nodes.identifier_id
    group by identity_graph.canonical_profile_id
),

by_recency as (
    select
        identity_graph.canonical_profile_id,
        identity_graph.identifier_type,
        identity_graph.identifier_value,
        row_number() over (
            partition by identity_graph.canonical_profile_id, identity_graph.identifier_type
            order by
                -- Seen in records without a time alone.
                case when identity_graph.last_seen_at is null then 1 else 0 end,
                identity_graph.last_seen_at desc,
                identity_graph.identifier_value
        ) as recency_rank
    from identity_graph
    where identity_graph.identifier_type in ('user_id', 'email')
),

latest as (
    select
        by_recency.canonical_profile_id,
        max(case when by_recency.identifier_type = 'user_id' then by_recency.identifier_value end)
            as user_id,
        max(case when by_recency.identifier_type = 'email' then by_recency.identifier_value end)
            as email
    from by_recency
    where by_recency.recency_rank = 1
    group by by_recency.canonical_profile_id
)

select
    totals.canonical_profile_id,
    latest.user_id,
    latest.email,
    totals.known_count = 0 as is_anonymous,
    totals.first_seen_at,
    totals.last_seen_at,
    cast(totals.event_count as bigint) as event_count,
    totals.identifier_count
from totals
left join latest on totals.canonical_profile_id = latest.canonical_profile_id
