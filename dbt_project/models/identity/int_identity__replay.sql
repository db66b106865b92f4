-- What the events of contested components decided, in the order of time: one row an identifier
-- that was created, attached or merged by an event, or demoted (let go) because a limit would
-- have been broken. What came before a limit could break was joined without a replay, and is
-- created or attached by the first event that carried it. An identifier is created or attached once; profile_number then is the
-- profile that it ended in. The materialisation says how.
{%- set upstreams = ['int_identity__components', 'int_identity__contested'] %}
{{ config(
    materialized='identity_replay',
    schema='internal',
    pre_hook="{{ cdp_forget_resolved_anew(" ~ upstreams ~ ") }}",
    post_hook="{{ cdp_note_progress(" ~ upstreams ~ ") }}"
) }}
{%- set standing = cdp_standing(upstreams) %}
-- depends_on: {{ ref('int_identity__overrides') }} {{ ref('int_identity__evidence') }}

with

contested as (
    select * from {{ ref('int_identity__contested') }}
    {%- if standing.follows %}
    where resolution > {{ standing.followed }}
    {%- endif %}
),

components as (
    select * from {{ ref('int_identity__components') }}
),

sightings as (
    select * from {{ ref('int_identity__sightings') }}
),

links as (
    select * from {{ ref('int_identity__links') }}
),

nodes as (
    select * from {{ ref('int_identity__nodes') }}
),

rules as (
    select * from {{ ref('int_identity__rules') }}
),

replayed as {{ cdp_not_materialized() }} (
    select
        components.component_id,
        components.identifier_id,
        contested.contested_from
    from contested
    inner join components on contested.component_id = components.component_id
),

-- Both ends of a link stand on it as identifiers stand on an event.
linked as (
    select
        links.event_id,
        links.source_id as identifier_id,
        links.occurred_at
    from links
    union
    select
        links.event_id,
        links.target_id as identifier_id,
        links.occurred_at
    from links
),

carried as (
    select
        sightings.event_id,
        sightings.occurred_at,
        sightings.identifier_id,
        sightings.identifier_type,
        sightings.identifier_value,
        replayed.component_id,
        replayed.contested_from,
        0 as is_forced
    from replayed
    inner join sightings on replayed.identifier_id = sightings.identifier_id
    union all
    select
        linked.event_id,
        linked.occurred_at,
        linked.identifier_id,
        nodes.identifier_type,
        nodes.identifier_value,
        replayed.component_id,
        replayed.contested_from,
        1 as is_forced
    from replayed
    inner join linked on replayed.identifier_id = linked.identifier_id
    inner join nodes on linked.identifier_id = nodes.identifier_id
)

select
    {{ cdp_key(["cast(carried.event_id as " ~ dbt.type_string() ~ ")",
        "cast(carried.is_forced as " ~ dbt.type_string() ~ ")"]) }} as step_id,
    carried.event_id,
    carried.occurred_at,
    carried.is_forced,
    carried.component_id,
    carried.identifier_id,
    carried.identifier_type,
    carried.identifier_value,
    rules.priority,
    rules.limit_count,
    rules.limit_window,
    case when carried.occurred_at < carried.contested_from then 1 else 0 end as is_settled
from carried
inner join rules on carried.identifier_type = rules.identifier_type
