{#- The overrides that stand in the table raw.identity_overrides, where there is one. -#}
{%- macro cdp_override_rows() -%}
    {%- set table = source('raw', 'identity_overrides') -%}
    {%- set text = dbt.type_string() -%}
    {%- if execute and load_relation(table) is not none -%}
    select
        cast(kind as {{ text }}) as kind,
        cast(identifier_type as {{ text }}) as identifier_type,
        cast(identifier_value as {{ text }}) as identifier_value,
        cast(other_type as {{ text }}) as other_type,
        cast(other_value as {{ text }}) as other_value,
        cast(author as {{ text }}) as author,
        cast(reason as {{ text }}) as reason,
        cast(valid_from as timestamp) as valid_from,
        cast('table' as {{ text }}) as declared_in
    from {{ table }}
    {%- else -%}
    select
        {%- for column in ['kind', 'identifier_type', 'identifier_value', 'other_type',
            'other_value', 'author', 'reason'] %}
        cast(null as {{ text }}) as {{ column }},
        {%- endfor %}
        cast(null as timestamp) as valid_from,
        cast('table' as {{ text }}) as declared_in
    where 1 = 0
    {%- endif -%}
{%- endmacro -%}
