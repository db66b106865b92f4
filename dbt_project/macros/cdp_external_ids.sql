{#- The entries of context.externalIds that name a person: one row an event and entry. Entries
    of another collection (accounts), or encoded, are left out, and so is whatever is no list. -#}
{%- macro cdp_external_ids(events) -%}
    {{ return(adapter.dispatch('cdp_external_ids', 'cdp')(events)) }}
{%- endmacro -%}

{%- macro cdp_external_ids_of(events, lateral) -%}
    select
        {{ events }}.event_id,
        {{ events }}.occurred_at,
        {{ events }}.load_id,
        {{ events }}.resolution,
        {{ cdp.json_text('entry.value', ['type']) }} as identifier_type,
        {{ cdp.json_text('entry.value', ['id']) }} as identifier_value
    from {{ events }}
    {{ lateral }}
    where
        {{ cdp.json_text('entry.value', ['collection']) }} = 'users'
        and coalesce({{ cdp.json_text('entry.value', ['encoding']) }}, 'none') = 'none'
{%- endmacro -%}

{%- macro default__cdp_external_ids(events) -%}
    {{ exceptions.raise_compiler_error("cdp cannot read external ids on " ~ target.type
        ~ "; supported: duckdb, postgres, spark") }}
{%- endmacro -%}

{%- macro duckdb__cdp_external_ids(events) -%}
    {{ return(cdp.cdp_external_ids_of(events, "cross join lateral (select unnest(json_extract("
        ~ events ~ ".context, '$.externalIds[*]')) as value) as entry")) }}
{%- endmacro -%}

{%- macro postgres__cdp_external_ids(events) -%}
    {%- set list = "(cast(" ~ events ~ ".context as jsonb) -> 'externalIds')" -%}
    {{ return(cdp.cdp_external_ids_of(events, "cross join lateral jsonb_array_elements(case when "
        ~ "jsonb_typeof(" ~ list ~ ") = 'array' then " ~ list
        ~ " else cast('[]' as jsonb) end) as entry (value)")) }}
{%- endmacro -%}

{%- macro spark__cdp_external_ids(events) -%}
    {{ return(cdp.cdp_external_ids_of(events, "lateral view explode(from_json(get_json_object("
        ~ events ~ ".context, '$.externalIds'), 'array<string>')) entry as value")) }}
{%- endmacro -%}
