{#- When a record without a time is taken to have been seen: after everything that has one. So it
    is replayed last and names no profile that has an identifier with a time. -#}
{%- macro cdp_no_time() -%}
    cast('9999-12-31 00:00:00' as timestamp)
{%- endmacro -%}

{#- The records as the last run left them. -#}
{%- macro cdp_former_records() -%}
    {%- if is_incremental() -%}
    select * from {{ this }}
    {%- else -%}
    select
        cast(null as {{ 'uuid' if target.type in ('duckdb', 'postgres') else dbt.type_string() }})
            as event_id,
        cast(null as {{ dbt.type_string() }}) as source,
        cast(null as {{ dbt.type_string() }}) as message_id,
        cast(null as timestamp) as occurred_at,
        cast(null as bigint) as row_count,
        cast(null as {{ 'uuid' if target.type in ('duckdb', 'postgres') else dbt.type_string() }})
            as content_hash,
        false as is_deleted
    where 1 = 0
    {%- endif -%}
{%- endmacro -%}

{#- The number of the load that this run's changes are. It counts down with the clock and not from
    the last load, so that a table of records that was rebuilt alone does not use one again that
    other tables have processed. -#}
{%- macro cdp_record_load() -%}
    select cast(-{{ (run_started_at.timestamp() * 1000) | int }} as bigint) as load_id
{%- endmacro -%}

{#- One row a record and value that it has in the place of an identifier. -#}
{%- macro cdp_record_identifiers(records) -%}
    select
        {{ records }}.event_id,
        {{ records }}.occurred_at,
        {{ records }}.load_id,
        {{ records }}.resolution,
        entry.name as identifier_type,
        entry.value as identifier_value
    from {{ records }}
    {{ cdp.json_entries(records ~ '.identifiers', 'entry') }}
    where {{ records }}.is_deleted = false
{%- endmacro -%}
