-- One row an audience and present member. Derived from audience_transitions alone; ids that have
-- merged since are one member, with the earliest entry.
{{ config(materialized='table') }}

with

audience_transitions as (
    select * from {{ ref('audience_transitions') }}
),

profile_merges as (
    select * from {{ ref('profile_merges') }}
),

open_entries as (
    select
        audience_transitions.audience_name,
        audience_transitions.canonical_profile_id as written_profile_id,
        max(
            case
                when audience_transitions.transition = 'entered'
                    then audience_transitions.transitioned_at
            end
        ) as entered_at
    from audience_transitions
    group by audience_transitions.audience_name, audience_transitions.canonical_profile_id
    having sum(case when audience_transitions.transition = 'entered' then 1 else -1 end) > 0
)

select
    open_entries.audience_name,
    profile_merges.canonical_profile_id,
    min(open_entries.entered_at) as entered_at
from open_entries
inner join profile_merges on open_entries.written_profile_id = profile_merges.profile_id
group by open_entries.audience_name, profile_merges.canonical_profile_id
