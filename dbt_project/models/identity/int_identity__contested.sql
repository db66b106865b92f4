-- One row a component that could break a limit, or join what an override keeps apart: some trailing window of some type, ending when
-- a value was first seen, holds more values than the limit. All others are final: whatever the
-- order of their events, nothing in them was ever refused. Nor was anything in these before
-- contested_from, the end of the first such window.
-- A component is known by one of its identifiers, which says when it was made anew.
{%- set upstreams = ['int_identity__components'] %}
{{ config(
    materialized='incremental',
    schema='internal',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook=[
        "{{ cdp_forget_all(" ~ upstreams ~ ") }}",
        "{{ cdp_forget_resolved_anew(" ~ upstreams ~ ") }}",
    ],
    post_hook="{{ cdp_note_progress(" ~ upstreams ~ ") }}"
) }}
{%- set standing = cdp_standing(upstreams) %}

with

nodes as {{ cdp_not_materialized() }} (
    select * from {{ ref('int_identity__nodes') }}
),

components as {{ cdp_not_materialized() }} (
    select * from {{ ref('int_identity__components') }}
    {%- if standing.follows %}
    where resolution > {{ standing.followed }}
    {%- endif %}
),

rules as (
    select * from {{ ref('int_identity__rules') }}
),

nevers as (
    select * from {{ ref('int_identity__overrides') }}
    where
        kind = 'never'
        and is_active
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
        nodes.identifier_id,
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
),

over_limit as (
    select
        ranked.component_id,
        ranked.first_seen_at as breaks_at
    from ranked
    inner join ranked as earlier
        on ranked.component_id = earlier.component_id
        and ranked.identifier_type = earlier.identifier_type
        and ranked.age_rank - ranked.limit_count = earlier.age_rank
    where
        ranked.limit_window = 'ever'
        or earlier.first_seen_at > {{ cdp_window_start('ranked.first_seen_at', 'ranked.limit_window') }}
),

-- Two identifiers that may never be joined, in one component: from when both were seen.
kept_apart as (
    select
        one.component_id,
        greatest(
            coalesce(nevers.valid_from, one_node.first_seen_at),
            one_node.first_seen_at,
            other_node.first_seen_at
        ) as breaks_at
    from nevers
    inner join components as one on nevers.identifier_id = one.identifier_id
    inner join components as other
        on nevers.other_id = other.identifier_id
        and one.component_id = other.component_id
    inner join nodes as one_node on one.identifier_id = one_node.identifier_id
    inner join nodes as other_node on other.identifier_id = other_node.identifier_id
),

every_break as (
    select * from over_limit
    union all
    select * from kept_apart
),

breaking as (
    select
        every_break.component_id,
        min(every_break.breaks_at) as contested_from
    from every_break
    group by every_break.component_id
),

known_by as (
    select
        components.component_id,
        min({{ cdp_text_order('cast(components.identifier_id as ' ~ dbt.type_string() ~ ')') }})
            as identifier_id
    from components
    inner join breaking on components.component_id = breaking.component_id
    group by components.component_id
)

select
    breaking.component_id,
    breaking.contested_from,
    cast(known_by.identifier_id as {{ 'uuid' if target.type in ('duckdb', 'postgres')
        else dbt.type_string() }}) as identifier_id,
    cast({{ standing.resolution }} as bigint) as resolution
from breaking
inner join known_by on breaking.component_id = known_by.component_id
