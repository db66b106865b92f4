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

{#- The values below each of several keys: `json_opened` is a column of them in one query, from
    which `json_field` takes one in the next. DuckDB would parse the text once for each value;
    for other engines the column stays the text. -#}
{%- macro json_opened(column, keys) -%}
    {{ return(adapter.dispatch('json_opened', 'cdp')(column, keys)) }}
{%- endmacro -%}

{%- macro default__json_opened(column, keys) -%}
    {{ column }}
{%- endmacro -%}

{%- macro duckdb__json_opened(column, keys) -%}
    json_extract_string({{ column }}, ['$."{{ keys | join('"\', \'$."') }}"'])
{%- endmacro -%}

{%- macro json_field(opened, keys, key) -%}
    {{ return(adapter.dispatch('json_field', 'cdp')(opened, keys, key)) }}
{%- endmacro -%}

{%- macro default__json_field(opened, keys, key) -%}
    {{ json_text(opened, [key]) }}
{%- endmacro -%}

{%- macro duckdb__json_field(opened, keys, key) -%}
    {{ opened }}[{{ keys.index(key) + 1 }}]
{%- endmacro -%}
