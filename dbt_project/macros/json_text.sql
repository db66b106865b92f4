{#- The value below `keys` in a column of JSON text, as text; null where missing or JSON null. -#}
{%- macro json_text(column, keys) -%}
    {{ return(adapter.dispatch('json_text', 'cdp')(column, keys)) }}
{%- endmacro -%}

{%- macro default__json_text(column, keys) -%}
    {{ exceptions.raise_compiler_error("cdp has no JSON access for " ~ target.type
        ~ "; supported: duckdb, postgres, spark, snowflake, bigquery") }}
{%- endmacro -%}

{%- macro duckdb__json_text(column, keys) -%}
    json_extract_string({{ column }}, '$."{{ keys | join('"."') }}"')
{%- endmacro -%}

{%- macro postgres__json_text(column, keys) -%}
    (cast({{ column }} as jsonb) #>> '{"{{ keys | join('","') }}"}')
{%- endmacro -%}

{%- macro spark__json_text(column, keys) -%}
    get_json_object({{ column }}, "$['{{ keys | join("']['") }}']")
{%- endmacro -%}

{%- macro snowflake__json_text(column, keys) -%}
    cast(get_path(try_parse_json({{ column }}), '["{{ keys | join('"]["') }}"]') as varchar)
{%- endmacro -%}

{%- macro bigquery__json_text(column, keys) -%}
    coalesce(json_value({{ column }}, '$."{{ keys | join('"."') }}"'),
        json_query({{ column }}, '$."{{ keys | join('"."') }}"'))
{%- endmacro -%}
