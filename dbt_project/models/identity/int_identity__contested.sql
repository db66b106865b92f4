-- One row a component that could break a limit: some trailing window of some type, ending when
-- a value was first seen, holds more values than the limit. All others are final: whatever the
-- order of their events, nothing in them was ever refused. Nor was anything in these before
-- contested_from, the end of the first such window.
{{ config(materialized='table', schema='internal') }}

with

nodes as (
    select * from {{ ref('int_identity__nodes') }}
),

components as (
    select * from {{ ref('int_identity__components') }}
),

rules as (
    select * from {{ ref('int_identity__rules') }}
),

-- Few components hold more values of a type than its limit at all; only those are looked at.
crowded as (
    select
        components.component_id,
        nodes.identifier_type,
        rules.limit_count,
        rules.limit_window
    from nodes
    inner join components on nodes.identifier_id = components.identifier_id
    inner join rules on nodes.identifier_type = rules.identifier_type
    group by
        components.component_id,
        nodes.identifier_type,
        rules.limit_count,
        rules.limit_window
    having count(*) > rules.limit_count
),

ranked as (
    select
        crowded.component_id,
        crowded.identifier_type,
        crowded.limit_count,
        crowded.limit_window,
        nodes.first_seen_at,
        row_number() over (
            partition by crowded.component_id, crowded.identifier_type
            order by
                nodes.first_seen_at,
                {{ cdp_text_order('nodes.identifier_value') }}
        ) as age_rank
    from crowded
    inner join components on crowded.component_id = components.component_id
    inner join nodes
        on components.identifier_id = nodes.identifier_id
        and crowded.identifier_type = nodes.identifier_type
)

select
    ranked.component_id,
    min(ranked.first_seen_at) as contested_from
from ranked
inner join ranked as earlier
    on ranked.component_id = earlier.component_id
    and ranked.identifier_type = earlier.identifier_type
    and ranked.age_rank - ranked.limit_count = earlier.age_rank
where
    ranked.limit_window = 'ever'
    or earlier.first_seen_at > {{ cdp_window_start('ranked.first_seen_at', 'ranked.limit_window') }}
group by ranked.component_id
