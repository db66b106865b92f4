-- One row a change of a profile's trait: the value from then on, and the call that made the change.
-- A call that says again what the trait is already changes nothing and has no row. It is the
-- history of the profile of today, as the data tell it now: a merge, a late call or another rule
-- gives it another history. The current rows with a value are those of user_traits. A view: it
-- costs when it is read, and for one profile little.
{{ config(materialized='view') }}

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

latest as (
    select
        trait_updates.canonical_profile_id,
        trait_updates.trait_name,
        trait_updates.trait_value,
        lag(trait_updates.trait_value) over (
            partition by trait_updates.canonical_profile_id, trait_updates.trait_name
            order by {{ cdp_trait_order('trait_updates') }}
        ) as previous_value,
        row_number() over (
            partition by trait_updates.canonical_profile_id, trait_updates.trait_name
            order by {{ cdp_trait_order('trait_updates') }}
        ) as update_number,
        trait_updates.occurred_at,
        trait_updates.source,
        trait_updates.message_id
    from trait_updates
),

kept as (
    select
        trait_states.canonical_profile_id,
        trait_states.trait_name,
        trait_states.trait_value,
        lag(trait_states.trait_value) over (
            partition by trait_states.canonical_profile_id, trait_states.trait_name
            order by trait_states.update_number
        ) as previous_value,
        trait_states.update_number,
        trait_states.occurred_at,
        trait_states.source,
        trait_states.message_id
    from trait_states
),

steps as (
    select
        latest.canonical_profile_id,
        latest.trait_name,
        latest.trait_value,
        latest.previous_value,
        latest.update_number,
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
        latest.trait_value is distinct from latest.previous_value
        and coalesce(own.keep, others.keep) = 'latest'
    union all
    select
        kept.canonical_profile_id,
        kept.trait_name,
        kept.trait_value,
        kept.previous_value,
        kept.update_number,
        kept.occurred_at,
        kept.source,
        kept.message_id
    from kept
    where kept.trait_value is distinct from kept.previous_value
),

changes as (
    select
        steps.canonical_profile_id,
        steps.trait_name,
        steps.trait_value,
        steps.previous_value,
        steps.occurred_at,
        steps.source,
        steps.message_id,
        lead(steps.update_number) over (
            partition by steps.canonical_profile_id, steps.trait_name
            order by steps.update_number
        ) is null as is_current,
        lead(steps.occurred_at) over (
            partition by steps.canonical_profile_id, steps.trait_name
            order by steps.update_number
        ) as valid_to,
        row_number() over (
            partition by steps.canonical_profile_id, steps.trait_name
            order by steps.update_number
        ) as change_number
    from steps
)

select
    changes.canonical_profile_id,
    changes.trait_name,
    changes.change_number,
    changes.trait_value,
    changes.previous_value,
    changes.occurred_at,
    changes.valid_to,
    changes.is_current,
    changes.source,
    changes.message_id
from changes
