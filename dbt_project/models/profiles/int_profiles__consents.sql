-- One row an event and category of consent that it carries: what was said, when.
-- A load has one row without a category, so that a load in which nobody says anything is read once.
{%- set version = '1' %}
{{ config(
    materialized='incremental',
    schema='internal',
    incremental_strategy='append',
    on_schema_change='append_new_columns',
    pre_hook={
        'sql': "{{ cdp_forget_repeated_events(ref('stg_events'), '1') }}",
        'transaction': false,
    }
) }}

with

new_events as (
    {{ cdp_new_events(ref('stg_events'), version) }}
),

said as (
    select
        new_events.event_id,
        new_events.source,
        new_events.message_id,
        new_events.occurred_at,
        new_events.load_id,
        {{ json_object(json_text('new_events.context', ['consent', 'categoryPreferences'])) }} as preferences
    from new_events
    -- A look at the text is cheaper than reading the JSON of every event.
    where new_events.context like '%categoryPreferences%'
)

select
    said.event_id,
    said.source,
    said.message_id,
    said.occurred_at,
    said.load_id,
    cast(entry.name as {{ dbt.type_string() }}) as category,
    entry.value = 'true' as is_granted,
    cast('{{ version }}' as {{ dbt.type_string() }}) as definition_hash
from said
{{ json_entries('said.preferences', 'entry') }}
where entry.value in ('true', 'false')
union all
select distinct
    cast(null as {{ 'uuid' if target.type in ('duckdb', 'postgres') else 'string' }}) as event_id,
    cast(null as {{ dbt.type_string() }}) as source,
    cast(null as {{ dbt.type_string() }}) as message_id,
    cast(null as timestamp) as occurred_at,
    new_events.load_id,
    cast(null as {{ dbt.type_string() }}) as category,
    cast(null as boolean) as is_granted,
    cast('{{ version }}' as {{ dbt.type_string() }}) as definition_hash
from new_events
