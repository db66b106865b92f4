-- One row an identify call and trait that it carried, keyed by the event's owner.
{{ config(
    materialized='incremental',
    schema='internal',
    incremental_strategy='append',
    on_schema_change='append_new_columns',
    pre_hook={
        'sql': "{{ cdp_forget_new_events(ref('stg_events'), cdp_identify_traits_version()) }}",
        'transaction': false,
    }
) }}

with

events as (
    {{ cdp_new_events(ref('stg_events'), cdp_identify_traits_version()) }}
),

identifies as (
    select
        events.event_id,
        events.source,
        events.message_id,
        events.occurred_at,
        events.load_id,
        events.traits
    from events
    where
        events.type = 'identify'
        and events.traits is not null
)

select
    identifies.event_id,
    identifies.source,
    identifies.message_id,
    identifies.occurred_at,
    identifies.load_id,
    cast(entry.name as {{ dbt.type_string() }}) as trait_name,
    cast(entry.value as {{ dbt.type_string() }}) as trait_value,
    cast('{{ cdp_identify_traits_version() }}' as {{ dbt.type_string() }}) as definition_hash
from identifies
{{ json_entries('identifies.traits', 'entry') }}
