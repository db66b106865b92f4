-- One row a profile and trait: what the latest identify call that mentioned it said.
-- A trait sent as null is removed; a trait that is not sent keeps its value.
{{ config(materialized='table') }}

with

identify_traits as (
    select * from {{ ref('int_profiles__identify_traits') }}
),

owners as (
    select * from {{ ref('int_identity__event_owners') }}
),

identity_graph as (
    select * from {{ ref('identity_graph') }}
),

ranked as (
    select
        identity_graph.canonical_profile_id,
        identify_traits.trait_name,
        identify_traits.trait_value,
        identify_traits.occurred_at,
        identify_traits.source,
        identify_traits.message_id,
        row_number() over (
            partition by identity_graph.canonical_profile_id, identify_traits.trait_name
            order by
                identify_traits.occurred_at desc,
                case when identify_traits.trait_value is null then 0 else 1 end desc,
                identify_traits.trait_value desc,
                identify_traits.message_id desc,
                identify_traits.source desc
        ) as recency_rank
    from identify_traits
    inner join owners on identify_traits.event_id = owners.event_id
    inner join identity_graph on owners.identifier_id = identity_graph.identifier_id
)

select
    ranked.canonical_profile_id,
    ranked.trait_name,
    ranked.trait_value,
    ranked.occurred_at,
    ranked.source,
    ranked.message_id
from ranked
where
    ranked.recency_rank = 1
    and ranked.trait_value is not null
