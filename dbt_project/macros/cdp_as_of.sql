{#- The moment that every window ends at: the var, else the start of the run, in UTC.
    Only the features model reads it; everything above reads its column. -#}
{%- macro cdp_as_of() -%}
    {%- set moment = var('cdp_as_of', '') or run_started_at.strftime('%Y-%m-%d %H:%M:%S.%f') -%}
    cast('{{ moment | replace("'", "") }}' as timestamp)
{%- endmacro -%}
