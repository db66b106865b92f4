{#- A text as JSON: in quotes, with what must be escaped escaped; null for null. -#}
{%- macro json_string(value) -%}
    {{ return(adapter.dispatch('json_string', 'cdp')(value)) }}
{%- endmacro -%}

{%- macro default__json_string(value) -%}
    {{ exceptions.raise_compiler_error("cdp cannot write JSON on " ~ target.type
        ~ "; supported: duckdb, postgres, spark, snowflake, bigquery") }}
{%- endmacro -%}

{%- macro duckdb__json_string(value) -%}
    cast(to_json({{ value }}) as varchar)
{%- endmacro -%}

{%- macro postgres__json_string(value) -%}
    cast(to_json(cast({{ value }} as text)) as text)
{%- endmacro -%}

{#- Spark writes structs alone, and leaves out what is null: this is null then. -#}
{%- macro spark__json_string(value) -%}
    case
        when {{ value }} is not null
            then regexp_extract(to_json(named_struct('v', {{ value }})), '^.{5}(.*).$', 1)
    end
{%- endmacro -%}

{%- macro snowflake__json_string(value) -%}
    to_json(to_variant({{ value }}))
{%- endmacro -%}

{%- macro bigquery__json_string(value) -%}
    case when {{ value }} is not null then to_json_string({{ value }}) end
{%- endmacro -%}
