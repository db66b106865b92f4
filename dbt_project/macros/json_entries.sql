{#- A lateral join that gives one row a key of a JSON object, as `alias.name, alias.value`. A
    value is the leaf's text, null for a JSON null, and JSON text for objects and arrays. -#}
{%- macro json_entries(column, alias) -%}
    {{ return(adapter.dispatch('json_entries', 'cdp')(column, alias)) }}
{%- endmacro -%}

{%- macro default__json_entries(column, alias) -%}
    {{ exceptions.raise_compiler_error("cdp cannot list JSON keys on " ~ target.type
        ~ "; supported: duckdb, postgres, spark") }}
{%- endmacro -%}

{%- macro duckdb__json_entries(column, alias) -%}
    cross join lateral (
        select
            entry.key as name,
            entry.value ->> '$' as value
        from json_each({{ column }}) as entry
    ) as {{ alias }}
{%- endmacro -%}

{%- macro postgres__json_entries(column, alias) -%}
    cross join lateral jsonb_each_text(cast({{ column }} as jsonb)) as {{ alias }} (name, value)
{%- endmacro -%}

{%- macro spark__json_entries(column, alias) -%}
    lateral view explode(from_json({{ column }}, 'map<string,string>')) {{ alias }} as name, value
{%- endmacro -%}
