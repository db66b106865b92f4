-- One row a profile and category of consent: the latest that was said, and since when it is so.
-- At one moment a denial counts more than a grant.
{{ config(materialized='table') }}

with

consents as (
    select * from {{ ref('int_profiles__consents') }}
),

event_owners as (
    select * from {{ ref('int_identity__event_owners') }}
),

identity_graph as (
    select * from {{ ref('identity_graph') }}
),

said as (
    select
        identity_graph.canonical_profile_id,
        consents.category,
        consents.is_granted,
        consents.occurred_at,
        consents.source,
        consents.message_id
    from consents
    inner join event_owners on consents.event_id = event_owners.event_id
    inner join identity_graph on event_owners.identifier_id = identity_graph.identifier_id
),

latest as (
    select
        said.canonical_profile_id,
        said.category,
        max(case when said.is_granted then said.occurred_at end) as granted_at,
        max(case when not said.is_granted then said.occurred_at end) as denied_at
    from said
    group by said.canonical_profile_id, said.category
),

decided as (
    select
        latest.canonical_profile_id,
        latest.category,
        latest.granted_at,
        latest.denied_at,
        latest.denied_at is null
        or coalesce(latest.granted_at > latest.denied_at, false) as is_granted
    from latest
),

-- What was said since somebody last said the opposite.
standing as (
    select
        said.canonical_profile_id,
        said.category,
        said.is_granted,
        said.occurred_at,
        said.source,
        said.message_id,
        row_number() over (
            partition by said.canonical_profile_id, said.category
            order by
                said.occurred_at,
                {{ cdp_text_order('said.source') }},
                {{ cdp_text_order('said.message_id') }}
        ) as place
    from said
    inner join decided
        on said.canonical_profile_id = decided.canonical_profile_id
        and said.category = decided.category
        and said.is_granted = decided.is_granted
    where
        case
            when decided.is_granted then decided.denied_at is null or said.occurred_at > decided.denied_at
            else decided.granted_at is null or said.occurred_at >= decided.granted_at
        end
)

select
    standing.canonical_profile_id,
    standing.category,
    cast(case when standing.is_granted then 'granted' else 'denied' end as {{ dbt.type_string() }}) as status,
    standing.occurred_at as since,
    standing.source,
    standing.message_id
from standing
where standing.place = 1
