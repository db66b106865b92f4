-- One row an event and identifier that counts: what the extraction kept, less what an override
-- blocks. An event whose owner is blocked belongs to the highest identifier that is left.
-- The extraction is named where it is read, and not imported once: of a view DuckDB keeps no
-- `not materialized` (macros/cdp_not_materialized.sql), and would write it down whole for each reader.
{{ config(schema='internal') }}

with

blocks as (
    select * from {{ ref('int_identity__overrides') }}
    where
        kind = 'block'
        and is_active
),

blocked as (
    select
        event_identifiers.event_id,
        event_identifiers.identifier_id,
        event_identifiers.owner_id
    from blocks
    inner join {{ ref('int_identity__event_identifiers') }} as event_identifiers
        on blocks.identifier_id = event_identifiers.identifier_id
    where
        event_identifiers.dropped_reason is null
        and (
            blocks.valid_from is null
            or event_identifiers.occurred_at >= blocks.valid_from
        )
),

left_over as (
    select
        event_identifiers.event_id,
        event_identifiers.identifier_id,
        row_number() over (
            partition by event_identifiers.event_id
            order by
                event_identifiers.priority,
                {{ cdp_text_order('event_identifiers.identifier_value') }}
        ) as identifier_rank
    from {{ ref('int_identity__event_identifiers') }} as event_identifiers
    where
        event_identifiers.dropped_reason is null
        and event_identifiers.event_id in (
            select blocked.event_id
            from blocked
            where blocked.identifier_id = blocked.owner_id
        )
        and not exists (
            select 1
            from blocked
            where
                blocked.event_id = event_identifiers.event_id
                and blocked.identifier_id = event_identifiers.identifier_id
        )
),

new_owners as (
    select
        left_over.event_id,
        left_over.identifier_id
    from left_over
    where left_over.identifier_rank = 1
)

select
    event_identifiers.event_id,
    event_identifiers.identifier_id,
    event_identifiers.identifier_type,
    event_identifiers.identifier_value,
    event_identifiers.priority,
    coalesce(new_owners.identifier_id, event_identifiers.owner_id) as owner_id,
    event_identifiers.occurred_at,
    event_identifiers.load_id
from {{ ref('int_identity__event_identifiers') }} as event_identifiers
left join new_owners on event_identifiers.event_id = new_owners.event_id
left join blocked
    on event_identifiers.event_id = blocked.event_id
    and event_identifiers.identifier_id = blocked.identifier_id
where
    event_identifiers.dropped_reason is null
    and blocked.event_id is null
