-- One row an audience and run: its size, and who came and went, as the run saw it. A size cannot
-- be derived from transitions: members who merge write none, and neither does a run that changes
-- nothing. So it is kept, and a full refresh keeps it; a run at the same as_of replaces its rows.
{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['audience_name', 'as_of'],
    on_schema_change='append_new_columns',
    full_refresh=false
) }}
{{- cdp_refuse_earlier_clock(this, 'as_of') }}

with

audience_memberships as (
    select * from {{ ref('audience_memberships') }}
),

audience_transitions as (
    select * from {{ ref('audience_transitions') }}
),

defined as (
    select * from {{ ref('int_audiences__defined') }}
),

profile_merges as (
    select * from {{ ref('profile_merges') }}
),

int_features as (
    select * from {{ ref('int_features') }}
),

clock as (
    -- As in audience_transitions.
    select coalesce(max(int_features.as_of), {{ cdp_as_of() }}) as as_of
    from int_features
),

sizes as (
    select
        audience_memberships.audience_name,
        count(*) as member_count
    from audience_memberships
    group by audience_memberships.audience_name
),

changes as (
    -- Members are counted, not the ids that their transitions were written with.
    select
        audience_transitions.audience_name,
        count(
            distinct case
                when audience_transitions.transition = 'entered'
                    then coalesce(
                        profile_merges.canonical_profile_id,
                        audience_transitions.canonical_profile_id
                    )
            end
        ) as entered_count,
        count(
            distinct case
                when audience_transitions.transition = 'exited'
                    then coalesce(
                        profile_merges.canonical_profile_id,
                        audience_transitions.canonical_profile_id
                    )
            end
        ) as exited_count
    from audience_transitions
    inner join clock on audience_transitions.transitioned_at = clock.as_of
    left join profile_merges
        on audience_transitions.canonical_profile_id = profile_merges.profile_id
    group by audience_transitions.audience_name
),

audiences as (
    select defined.audience_name from defined
    union distinct
    -- One that was removed has its last row from the run that wrote its exits.
    select changes.audience_name from changes
)

select
    audiences.audience_name,
    clock.as_of,
    cast(coalesce(sizes.member_count, 0) as bigint) as member_count,
    cast(coalesce(changes.entered_count, 0) as bigint) as entered_count,
    cast(coalesce(changes.exited_count, 0) as bigint) as exited_count,
    cast('{{ invocation_id }}' as {{ dbt.type_string() }}) as run_id
from audiences
cross join clock
left join sizes on audiences.audience_name = sizes.audience_name
left join changes on audiences.audience_name = changes.audience_name
