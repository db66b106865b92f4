{#- Text that is a JSON object, as the engine reads JSON; null for any other text. Leaves are stored
    as text: what a person called "{oops" must not stop a build. -#}
{%- macro json_object(value) -%}
    {{ return(adapter.dispatch('json_object', 'cdp')(value)) }}
{%- endmacro -%}

{#- Reading what is no JSON gives null anyway. -#}
{%- macro default__json_object(value) -%}
    case when substr({{ value }}, 1, 1) = '{' then {{ value }} end
{%- endmacro -%}

{%- macro duckdb__json_object(value) -%}
    case when substr({{ value }}, 1, 1) = '{' then try_cast({{ value }} as json) end
{%- endmacro -%}

{#- PostgreSQL 15 cannot try a cast. The pattern takes objects of scalars and, one level deeper, of
    objects and lists of scalars, as PostgreSQL writes them. -#}
{%- macro postgres__json_object(value) -%}
    {%- set text = '"([^"\\\\\\x01-\\x1f]|\\\\["\\\\/bfnrt])*"' -%}
    {%- set number = '-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,30})?([eE][-+]?[0-9]{1,2})?' -%}
    {%- set leaf = '(' ~ text ~ '|' ~ number ~ '|true|false|null)' -%}
    {%- set leaves = '(' ~ leaf ~ '(, ?' ~ leaf ~ ')*)?' -%}
    {%- set pair = text ~ ': ?' ~ leaf -%}
    {%- set pairs = '(' ~ pair ~ '(, ?' ~ pair ~ ')*)?' -%}
    {%- set branch = text ~ ': ?(' ~ leaf ~ '|\\[' ~ leaves ~ '\\]|\\{' ~ pairs ~ '\\})' -%}
    case
        when substr({{ value }}, 1, 1) = '{'
            and {{ value }} ~ '^\{({{ branch }}(, ?{{ branch }})*)?\}$'
            then cast({{ value }} as jsonb)
    end
{%- endmacro -%}
