-- One row an entry into an audience or an exit from it, as the runs saw them. Append only, and
-- the only state of membership: it cannot be computed again, so a full refresh keeps it.
-- An entry stays open until an exit with the same audience and the same id as written. Open
-- entries are carried through profile_merges first: a changed id is not an exit, and two
-- members who merge stay one member with the earlier entry.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='append_new_columns',
    full_refresh=false
) }}
{{- cdp_refuse_earlier_clock(this, 'transitioned_at') }}

with

members as (
    select * from {{ ref('int_audiences__members') }}
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
    -- Without any profile there are no features, and the run's own moment serves.
    select coalesce(max(int_features.as_of), {{ cdp_as_of() }}) as as_of
    from int_features
),

history as (
    {%- if is_incremental() %}
    select audience_name, canonical_profile_id, transition, transitioned_at
    from {{ this }}
    {%- else %}
    select
        members.audience_name,
        members.canonical_profile_id,
        cast('' as {{ dbt.type_string() }}) as transition,
        clock.as_of as transitioned_at
    from members
    cross join clock
    where 1 = 0
    {%- endif %}
),

open_entries as (
    select
        history.audience_name,
        history.canonical_profile_id as written_profile_id
    from history
    group by history.audience_name, history.canonical_profile_id
    having sum(case when history.transition = 'entered' then 1 else -1 end) > 0
),

carried as (
    select
        open_entries.audience_name,
        open_entries.written_profile_id,
        profile_merges.canonical_profile_id
    from open_entries
    left join profile_merges on open_entries.written_profile_id = profile_merges.profile_id
),

entering as (
    select
        members.audience_name,
        members.canonical_profile_id,
        'entered' as transition,
        'condition' as reason
    from members
    left join carried
        on members.audience_name = carried.audience_name
        and members.canonical_profile_id = carried.canonical_profile_id
    where carried.audience_name is null
),

exiting as (
    -- One exit an open entry, under the id that the entry was written with.
    select
        carried.audience_name,
        carried.written_profile_id as canonical_profile_id,
        'exited' as transition,
        case
            when defined.audience_name is null then 'definition_removed'
            when carried.canonical_profile_id is null then 'profile_removed'
            else 'condition'
        end as reason
    from carried
    left join members
        on carried.audience_name = members.audience_name
        and carried.canonical_profile_id = members.canonical_profile_id
    left join defined on carried.audience_name = defined.audience_name
    where members.audience_name is null
),

changes as (
    select
        entering.audience_name,
        entering.canonical_profile_id,
        entering.transition,
        entering.reason
    from entering
    union all
    select
        exiting.audience_name,
        exiting.canonical_profile_id,
        exiting.transition,
        exiting.reason
    from exiting
)

select
    changes.audience_name,
    changes.canonical_profile_id,
    cast(changes.transition as {{ dbt.type_string() }}) as transition,
    clock.as_of as transitioned_at,
    cast(changes.reason as {{ dbt.type_string() }}) as reason,
    cast('{{ invocation_id }}' as {{ dbt.type_string() }}) as run_id
from changes
cross join clock
