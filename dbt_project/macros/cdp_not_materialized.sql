{#- After `as` of a common table expression. DuckDB and PostgreSQL write down whole whatever is
    named more than once, which costs more than all else where few of its rows are wanted: then
    each reader should filter the table itself. Other engines decide, and have no word for it. -#}
{%- macro cdp_not_materialized() -%}
    {{ return('not materialized' if target.type in ('duckdb', 'postgres') else '') }}
{%- endmacro -%}
