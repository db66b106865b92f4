-- One row a value that joins profiles, with the id that it alone would give and the entity that it
-- is part of today. Entities are named after a value, so these are all ids that an entity may
-- have had, but for those whose value nobody has any more.
--
-- An entity is named after its oldest value, not after a member: that merging profiles, or
-- members who come and go, change no id.
{{ config(materialized='table') }}

with

joining_values as (
    select * from {{ ref('int_entities__values') }}
),

components as (
    select * from {{ ref('int_entities__components') }}
),

kept as (
    select
        joining_values.entity_name,
        joining_values.value_id,
        joining_values.rule_number,
        joining_values.joined_value,
        joining_values.first_seen_at
    from joining_values
    where joining_values.dropped_reason is null
    group by
        joining_values.entity_name,
        joining_values.value_id,
        joining_values.rule_number,
        joining_values.joined_value,
        joining_values.first_seen_at
),

by_age as (
    select
        kept.entity_name,
        kept.value_id,
        kept.first_seen_at,
        components.component_id,
        row_number() over (
            partition by components.component_id
            order by
                kept.first_seen_at nulls last,
                kept.rule_number,
                {{ cdp_text_order('kept.joined_value') }},
                kept.value_id
        ) as age_rank
    from kept
    inner join components on kept.value_id = components.identifier_id
),

named as (
    select
        by_age.component_id,
        {{ cdp_entity_id('by_age.entity_name', 'by_age.value_id') }} as entity_id
    from by_age
    where by_age.age_rank = 1
)

select
    by_age.entity_name,
    {{ cdp_entity_id('by_age.entity_name', 'by_age.value_id') }} as issued_entity_id,
    named.entity_id,
    by_age.value_id,
    by_age.first_seen_at
from by_age
inner join named on by_age.component_id = named.component_id
