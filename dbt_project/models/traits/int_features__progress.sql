-- As of when each table of features was computed, and up to which resolution of the identities.
-- The model makes the table and adds no rows: the tables note their own progress
-- (macros/profile_features.sql). A full refresh empties it, and all features are computed.
{{ config(
    materialized='incremental',
    schema='internal',
    incremental_strategy='append',
    on_schema_change='append_new_columns'
) }}

select
    cast(null as bigint) as note_number,
    cast(null as {{ dbt.type_string() }}) as model_name,
    cast(null as timestamp) as as_of,
    cast(null as bigint) as resolution,
    cast(null as bigint) as rebuilt_in,
    cast(null as {{ dbt.type_string() }}) as definition_hash
where 1 = 0
