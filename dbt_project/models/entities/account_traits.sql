-- One row an account and trait: what the latest group call that mentioned it said. As for people:
-- a trait sent as null is removed, a trait that is not sent keeps its value.
{{ config(materialized='table') }}

with

account_events as (
    select * from {{ ref('int_entities__account_events') }}
),

group_calls as (
    select
        account_events.group_id,
        account_events.traits,
        account_events.occurred_at,
        account_events.source,
        account_events.message_id
    from account_events
    where
        account_events.traits is not null
        and account_events.dropped_reason is null
),

said as (
    select
        group_calls.group_id,
        cast(entry.name as {{ dbt.type_string() }}) as trait_name,
        cast(entry.value as {{ dbt.type_string() }}) as trait_value,
        group_calls.occurred_at,
        group_calls.source,
        group_calls.message_id
    from group_calls
    {{ json_entries('group_calls.traits', 'entry') }}
),

ranked as (
    select
        said.group_id,
        said.trait_name,
        said.trait_value,
        said.occurred_at,
        said.source,
        said.message_id,
        row_number() over (
            partition by said.group_id, said.trait_name
            order by {{ cdp_trait_order('said', 'desc') }}
        ) as recency_rank
    from said
)

select
    {{ cdp_account_id('ranked.group_id') }} as account_id,
    ranked.trait_name,
    ranked.trait_value,
    ranked.occurred_at,
    ranked.source,
    ranked.message_id
from ranked
where
    ranked.recency_rank = 1
    and ranked.trait_value is not null
