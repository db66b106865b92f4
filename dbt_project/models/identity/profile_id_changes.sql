-- One row a profile id that a run saw for the first time (issued), or saw lead to another profile
-- than before (changed): what the runs saw, in their order. Append only, and no function of the
-- data: a full refresh keeps it. What an id leads to today is in profile_merges.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='append_new_columns',
    full_refresh=false
) }}

with

profile_merges as (
    select * from {{ ref('profile_merges') }}
),

history as (
    {%- if is_incremental() %}
    select profile_id, canonical_profile_id, change_number
    from {{ this }}
    {%- else %}
    select
        profile_merges.profile_id,
        profile_merges.canonical_profile_id,
        cast(0 as bigint) as change_number
    from profile_merges
    where 1 = 0
    {%- endif %}
),

last_numbers as (
    select
        history.profile_id,
        max(history.change_number) as change_number
    from history
    group by history.profile_id
),

last_seen as (
    select
        history.profile_id,
        history.canonical_profile_id,
        history.change_number
    from history
    inner join last_numbers
        on history.profile_id = last_numbers.profile_id
        and history.change_number = last_numbers.change_number
),

-- An id counts from the run that first named a profile by it.
compared as (
    select
        coalesce(profile_merges.profile_id, last_seen.profile_id) as profile_id,
        last_seen.canonical_profile_id as previous_profile_id,
        profile_merges.canonical_profile_id,
        coalesce(last_seen.change_number, 0) as change_number,
        case when last_seen.profile_id is null then 1 else 0 end as is_new
    from profile_merges
    full outer join last_seen on profile_merges.profile_id = last_seen.profile_id
)

select
    compared.profile_id,
    compared.previous_profile_id,
    compared.canonical_profile_id,
    cast(
        case
            when compared.is_new = 1 then 'issued'
            when compared.canonical_profile_id is null then 'removed'
            else 'changed'
        end as {{ dbt.type_string() }}
    ) as change,
    cast(compared.change_number + 1 as bigint) as change_number,
    {{ cdp_as_of() }} as changed_at,
    cast('{{ invocation_id }}' as {{ dbt.type_string() }}) as run_id
from compared
where
    (compared.is_new = 1 and compared.profile_id = compared.canonical_profile_id)
    or (
        compared.is_new = 0
        and (
            compared.previous_profile_id <> compared.canonical_profile_id
            or (compared.previous_profile_id is null) <> (compared.canonical_profile_id is null)
        )
    )
