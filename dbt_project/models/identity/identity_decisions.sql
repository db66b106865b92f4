-- One row a decision about an identifier, with the rule and the message that it rests on:
--
--   created, attached, merged   into a profile
--   demoted                     an event let go of it, for a limit would have been broken
--   shared                      seen with too many people: it joins nothing
--   blocked, capped, invalid    the value identifies nobody (a placeholder, too long, not of its
--                               form), once, with the number of events that carried it
--
-- Where no limit can be broken the order of merges changes nothing and is not replayed: each
-- identifier of such a profile is created or attached by the first event that carried it.
-- A view: it costs when it is read.
{{ config(materialized='view') }}

with

overrides as (
    select * from {{ ref('identity_overrides') }}
),

links as (
    select * from {{ ref('int_identity__links') }}
),

evidence as (
    select * from {{ ref('int_identity__evidence') }}
),

-- What a decision may rest on: an event, a record, or an override that links.
events as (
    select
        evidence.event_id,
        evidence.source,
        evidence.message_id,
        evidence.occurred_at
    from evidence
    union all
    select
        links.event_id,
        'identity_overrides' as source,
        cast(links.event_id as {{ dbt.type_string() }}) as message_id,
        links.occurred_at
    from links
    where links.event_id in (select overrides.override_id from overrides)
),

event_identifiers as (
    select * from {{ ref('int_identity__event_identifiers') }}
),

rules as (
    select * from {{ ref('int_identity__rules') }}
),

nodes as (
    select * from {{ ref('int_identity__nodes') }}
),

shared as (
    select * from {{ ref('int_identity__shared') }}
    where is_shared
),

replay as (
    select * from {{ ref('int_identity__replay') }}
),

identity_graph as (
    select * from {{ ref('identity_graph') }}
),

carried as (
    select
        event_identifiers.event_id,
        event_identifiers.identifier_id,
        event_identifiers.identifier_type,
        event_identifiers.identifier_value,
        event_identifiers.dropped_reason,
        event_identifiers.occurred_at,
        count(*) over (partition by event_identifiers.identifier_id) as event_count,
        row_number() over (
            partition by event_identifiers.identifier_id
            order by
                events.occurred_at,
                {{ cdp_text_order('events.source') }},
                {{ cdp_text_order('events.message_id') }}
        ) as event_rank
    from event_identifiers
    inner join events on event_identifiers.event_id = events.event_id
    -- The previous id of an alias call is no sighting.
    where coalesce(event_identifiers.dropped_reason, '') <> 'link'
),

first_carried as (
    select * from carried
    where carried.event_rank = 1
),

dropped as (
    select
        case first_carried.dropped_reason
            when 'blocked' then 'blocked' when 'too_long' then 'capped' else 'invalid'
        end as decision,
        first_carried.identifier_id,
        first_carried.identifier_type,
        first_carried.identifier_value,
        first_carried.dropped_reason as rule,
        first_carried.event_id,
        first_carried.event_count
    from first_carried
    where first_carried.dropped_reason is not null
),

blocked as (
    select
        'blocked' as decision,
        first_carried.identifier_id,
        first_carried.identifier_type,
        first_carried.identifier_value,
        'override: ' || overrides.reason as rule,
        first_carried.event_id,
        first_carried.event_count
    from overrides
    inner join first_carried on overrides.identifier_id = first_carried.identifier_id
    where
        overrides.kind = 'block'
        and overrides.invalid_reason is null
),

joins_nothing as (
    select
        'shared' as decision,
        first_carried.identifier_id,
        first_carried.identifier_type,
        first_carried.identifier_value,
        'seen with ' || cast(shared.shared_count as {{ dbt.type_string() }}) || ' of '
        || rules.shared_with as rule,
        first_carried.event_id,
        first_carried.event_count
    from shared
    inner join first_carried on shared.identifier_id = first_carried.identifier_id
    inner join rules on shared.identifier_type = rules.identifier_type
),

replayed as (
    select
        replay.outcome as decision,
        nodes.identifier_id,
        nodes.identifier_type,
        nodes.identifier_value,
        case
            when replay.broken_type = 'never' then 'never: an override'
            else 'limit of ' || rules.identifier_type || ': '
                || cast(rules.limit_count as {{ dbt.type_string() }}) || ' ' || rules.limit_window
        end as rule,
        replay.event_id,
        1 as event_count
    from replay
    inner join nodes on replay.identifier_id = nodes.identifier_id
    left join rules on replay.broken_type = rules.identifier_type
),

not_replayed as (
    select
        case
            when identity_graph.canonical_profile_id = {{ cdp_profile_id(
                'first_carried.identifier_type', 'first_carried.identifier_value') }} then 'created'
            else 'attached'
        end as decision,
        first_carried.identifier_id,
        first_carried.identifier_type,
        first_carried.identifier_value,
        cast(null as {{ dbt.type_string() }}) as rule,
        first_carried.event_id,
        first_carried.event_count
    from first_carried
    inner join identity_graph on first_carried.identifier_id = identity_graph.identifier_id
    where first_carried.identifier_id not in (select replay.identifier_id from replay)
),

decisions as (
    select * from dropped
    union all
    select * from blocked
    union all
    select * from joins_nothing
    union all
    select * from replayed
    union all
    select * from not_replayed
)

select
    cast(decisions.decision as {{ dbt.type_string() }}) as decision,
    decisions.identifier_id,
    decisions.identifier_type,
    decisions.identifier_value,
    identity_graph.canonical_profile_id,
    cast(decisions.rule as {{ dbt.type_string() }}) as rule,
    events.source,
    events.message_id,
    nullif(events.occurred_at, {{ cdp_no_time() }}) as decided_at,
    cast(decisions.event_count as bigint) as event_count
from decisions
inner join events on decisions.event_id = events.event_id
left join identity_graph on decisions.identifier_id = identity_graph.identifier_id
