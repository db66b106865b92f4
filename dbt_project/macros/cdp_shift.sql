{#- One timestamp moved by the distance between two others: point + (later - earlier). -#}
{%- macro cdp_shift(point, later, earlier) -%}
    {%- if target.type == 'bigquery' -%}
        datetime_add({{ point }}, interval datetime_diff({{ later }}, {{ earlier }}, microsecond) microsecond)
    {%- elif target.type == 'snowflake' -%}
        dateadd(microsecond, datediff(microsecond, {{ earlier }}, {{ later }}), {{ point }})
    {%- else -%}
        {{ point }} + ({{ later }} - {{ earlier }})
    {%- endif -%}
{%- endmacro -%}
