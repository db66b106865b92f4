-- What the values connect, of all entities together: one row a member or value, a member being
-- an entity and profile. The number of a component means nothing; entity_merges names it.
{{ config(materialized='connected_components', schema='internal') }}

with

joining_values as (
    select * from {{ ref('int_entities__values') }}
)

select
    joining_values.member_id as source_id,
    joining_values.value_id as target_id
from joining_values
where joining_values.dropped_reason is null
