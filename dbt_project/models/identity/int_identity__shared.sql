-- One row a shared value: seen, over all history, with more values of another type than its rule
-- allows. It joins nothing and keeps a profile of its own.
{{ config(materialized='table', schema='internal') }}

with

event_identifiers as (
    select * from {{ ref('int_identity__event_identifiers') }}
),

rules as (
    select * from {{ ref('int_identity__rules') }}
),

together as (
    select distinct
        event_identifiers.identifier_id,
        others.identifier_id as other_id
    from rules
    inner join event_identifiers on rules.identifier_type = event_identifiers.identifier_type
    inner join event_identifiers as others
        on event_identifiers.event_id = others.event_id
        and rules.shared_with = others.identifier_type
    where
        rules.shared_with is not null
        and event_identifiers.dropped_reason is null
        and others.dropped_reason is null
),

counted as (
    select
        together.identifier_id,
        count(*) as shared_count
    from together
    group by together.identifier_id
)

select
    event_identifiers.identifier_id,
    event_identifiers.identifier_type,
    cast(counted.shared_count as bigint) as shared_count
from counted
inner join event_identifiers on counted.identifier_id = event_identifiers.identifier_id
inner join rules on event_identifiers.identifier_type = rules.identifier_type
where counted.shared_count > rules.shared_more_than
group by
    event_identifiers.identifier_id,
    event_identifiers.identifier_type,
    counted.shared_count
