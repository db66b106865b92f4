-- One row an entity's name and profile that is in one. A profile without any value that joins is
-- in none.
{{ config(materialized='table') }}

with

joining_values as (
    select * from {{ ref('int_entities__values') }}
),

entity_merges as (
    select * from {{ ref('entity_merges') }}
)

select
    joining_values.entity_name,
    entity_merges.entity_id,
    joining_values.canonical_profile_id
from joining_values
inner join entity_merges on joining_values.value_id = entity_merges.value_id
where joining_values.dropped_reason is null
group by
    joining_values.entity_name,
    entity_merges.entity_id,
    joining_values.canonical_profile_id
