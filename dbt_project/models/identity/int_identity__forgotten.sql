-- The identifiers of events that were forgotten because another delivery took their place. The
-- model makes the table and adds no rows: the extraction does, before it forgets
-- (macros/identity_resolution.sql).
{{ config(
    materialized='incremental',
    schema='internal',
    incremental_strategy='append',
    on_schema_change='append_new_columns'
) }}

select
    cast(null as {{ 'uuid' if target.type in ('duckdb', 'postgres') else dbt.type_string() }}) as identifier_id,
    cast(null as bigint) as resolution
where 1 = 0
