-- One row a profile and trait: the value that the trait's rule keeps, and the call that gave it.
-- A trait sent as null is removed; a trait that is not sent keeps its value.
{{ config(materialized='table') }}

with

trait_updates as (
    select * from {{ ref('int_profiles__trait_updates') }}
),

trait_states as (
    select * from {{ ref('int_profiles__trait_states') }}
),

trait_rules as (
    select * from {{ ref('int_profiles__trait_rules') }}
),

-- Of every trait: to leave out those with another rule is cheaper afterwards.
latest as (
    select
        trait_updates.canonical_profile_id,
        trait_updates.trait_name,
        trait_updates.trait_value,
        trait_updates.occurred_at,
        trait_updates.source,
        trait_updates.message_id,
        row_number() over (
            partition by trait_updates.canonical_profile_id, trait_updates.trait_name
            order by {{ cdp_trait_order('trait_updates', 'desc') }}
        ) as recency_rank
    from trait_updates
),

kept as (
    select
        trait_states.canonical_profile_id,
        trait_states.trait_name,
        trait_states.trait_value,
        trait_states.value_occurred_at,
        trait_states.value_source,
        trait_states.value_message_id,
        row_number() over (
            partition by trait_states.canonical_profile_id, trait_states.trait_name
            order by trait_states.update_number desc
        ) as recency_rank
    from trait_states
)

select
    latest.canonical_profile_id,
    latest.trait_name,
    latest.trait_value,
    latest.occurred_at,
    latest.source,
    latest.message_id
from latest
inner join trait_rules as others
    on others.trait_name = ''
    and others.source = ''
left join trait_rules as own
    on latest.trait_name = own.trait_name
    and own.source = ''
where
    latest.recency_rank = 1
    and latest.trait_value is not null
    and coalesce(own.keep, others.keep) = 'latest'
union all
select
    kept.canonical_profile_id,
    kept.trait_name,
    kept.trait_value,
    kept.value_occurred_at as occurred_at,
    kept.value_source as source,
    kept.value_message_id as message_id
from kept
where
    kept.recency_rank = 1
    and kept.trait_value is not null
