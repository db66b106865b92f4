-- One row a trait that an identify call or a record gave somebody: the one door of traits.
-- A null on an identify call takes a trait away; in a table it says nothing.
{{ config(
    materialized='incremental',
    schema='internal',
    incremental_strategy='append',
    on_schema_change='append_new_columns',
    pre_hook={
        'sql': "{{ cdp_forget_repeated_events(ref('int_identity__evidence'), cdp_identify_traits_version()) }}",
        'transaction': false,
    }
) }}

with

events as (
    {{ cdp_new_events(ref('stg_events'), cdp_identify_traits_version()) }}
),

records as (
    {{ cdp_new_events(ref('int_identity__records'), cdp_identify_traits_version()) }}
),

updates as (
    select
        events.event_id,
        events.source,
        events.message_id,
        events.occurred_at,
        events.load_id,
        events.traits,
        1 as says_null
    from events
    where
        events.type = 'identify'
        and events.traits is not null
    union all
    select
        records.event_id,
        records.source,
        records.message_id,
        nullif(records.occurred_at, {{ cdp_no_time() }}) as occurred_at,
        records.load_id,
        records.traits,
        0 as says_null
    from records
    where records.is_deleted = false
)

select
    updates.event_id,
    updates.source,
    updates.message_id,
    updates.occurred_at,
    updates.load_id,
    cast(entry.name as {{ dbt.type_string() }}) as trait_name,
    cast(entry.value as {{ dbt.type_string() }}) as trait_value,
    cast('{{ cdp_identify_traits_version() }}' as {{ dbt.type_string() }}) as definition_hash
from updates
{{ json_entries('updates.traits', 'entry') }}
where
    updates.says_null = 1
    or entry.value is not null
