"""The queries of `explain`, with the schemas as {public} and {internal}. Values are bound."""

# Columns: key, type, value, profile, and whether it was written exactly so.
FIND = """
select
    cast(identifier_id as varchar),
    identifier_type,
    identifier_value,
    cast(canonical_profile_id as varchar),
    identifier_value = ? or identifier_type || ':' || identifier_value = ? as is_exact
from {public}.identity_graph
where identifier_value in (?, lower(?))
    or (
        starts_with(?, identifier_type || ':')
        and lower(identifier_type || ':' || identifier_value) = lower(?)
    )
    or cast(identifier_id as varchar) = lower(?)
order by 2, 3
"""
IDENTIFIERS = """
select
    cast(identifier_id as varchar),
    identifier_type,
    identifier_value,
    cast(canonical_profile_id as varchar)
from {public}.identity_graph
where identifier_id in (select unnest(cast(? as uuid[])))
"""
LINKS = """
select
    cast(edges.source_id as varchar),
    cast(edges.target_id as varchar),
    edges.event_count
from {internal}.int_identity__edges as edges
inner join {public}.identity_graph as one on edges.source_id = one.identifier_id
inner join {public}.identity_graph as other on edges.target_id = other.identifier_id
where one.canonical_profile_id = cast(? as uuid)
    and other.canonical_profile_id = cast(? as uuid)
"""
# Read from the events, since a rule may have taken the link out of the edges.
CROSSINGS = """
select
    cast(found.owner_id as varchar),
    cast(found.identifier_id as varchar),
    count(*),
    cast(min(one.canonical_profile_id) as varchar),
    cast(min(other.canonical_profile_id) as varchar)
from {internal}.int_identity__event_identifiers as found
inner join {public}.identity_graph as one on found.owner_id = one.identifier_id
inner join {public}.identity_graph as other on found.identifier_id = other.identifier_id
where one.canonical_profile_id <> other.canonical_profile_id
group by found.owner_id, found.identifier_id
order by 1, 2
"""
EVIDENCE = """
with

proofs as (
    select
        events.source,
        events.message_id,
        events.occurred_at,
        case when 'link' in (one.dropped_reason, other.dropped_reason) then 'alias call' end as rule
    from {internal}.int_identity__event_identifiers as one
    inner join {internal}.int_identity__event_identifiers as other on one.event_id = other.event_id
    inner join {internal}.int_identity__evidence as events on one.event_id = events.event_id
    where one.identifier_id = cast(? as uuid) and other.identifier_id = cast(? as uuid)
    union all
    select
        'identity_overrides' as source,
        cast(overrides.override_id as varchar) as message_id,
        links.occurred_at,
        'override: ' || overrides.reason as rule
    from {internal}.int_identity__links as links
    inner join {public}.identity_overrides as overrides on links.event_id = overrides.override_id
    where least(links.source_id, links.target_id) = least(cast(? as uuid), cast(? as uuid))
        and greatest(links.source_id, links.target_id) = greatest(cast(? as uuid), cast(? as uuid))
)

select
    proofs.source,
    proofs.message_id,
    nullif(proofs.occurred_at, cast('9999-12-31' as timestamp)),
    count(*) over () as event_count,
    proofs.rule
from proofs
order by proofs.occurred_at, proofs.source, proofs.message_id
limit 1
"""
DECISION = """
with

together as (
    select events.source, events.message_id
    from {internal}.int_identity__event_identifiers as one
    inner join {internal}.int_identity__event_identifiers as other
        on one.event_id = other.event_id
    inner join {internal}.int_identity__evidence as events on one.event_id = events.event_id
    where one.identifier_id = cast(? as uuid) and other.identifier_id = cast(? as uuid)
)

select
    case when decisions.decision = 'shared' then decisions.identifier_type || ' ' else '' end
    || coalesce(decisions.rule, decisions.decision)
from {public}.identity_decisions as decisions
where decisions.identifier_id in (cast(? as uuid), cast(? as uuid))
    and (
        decisions.decision = 'shared'
        or (
            decisions.decision = 'demoted'
            and (decisions.source, decisions.message_id) in (
                select (together.source, together.message_id) from together
            )
        )
    )
order by decisions.decision desc, decisions.decided_at, decisions.message_id
limit 1
"""
LOOK_ALIKES = """
with

one as (
    select identifier_id, identifier_type, identifier_value
    from {public}.identity_graph
    where canonical_profile_id = cast(? as uuid)
    order by last_seen_at desc, identifier_id
    limit ?
),

other as (
    select identifier_id, identifier_type, identifier_value
    from {public}.identity_graph
    where canonical_profile_id = cast(? as uuid)
    order by last_seen_at desc, identifier_id
    limit ?
)

select
    cast(one.identifier_id as varchar),
    one.identifier_type,
    one.identifier_value,
    cast(other.identifier_id as varchar),
    other.identifier_type,
    other.identifier_value
from one
inner join other
    on regexp_replace(lower(one.identifier_value), '[^\\pL\\pN@]', '', 'g')
    = regexp_replace(lower(other.identifier_value), '[^\\pL\\pN@]', '', 'g')
where regexp_matches(one.identifier_value, '[\\pL\\pN]')
order by 2, 3, 5, 6
"""
SENT = """
select count(*)
from (
    select event_id
    from {internal}.stg_events
    where user_id in (?, nullif(split_part(?, ':', 2), ''))
        or anonymous_id in (?, nullif(split_part(?, ':', 2), ''))
    union
    select event_id
    from {internal}.int_identity__event_identifiers
    where identifier_value in (?, lower(?), nullif(split_part(?, ':', 2), ''))
) as carrying
"""
