-- One row a message (source, message id): of its deliveries the one received earliest.
-- A tie is decided by the content, so that the order of loading cannot show.
{{ config(
    materialized='incremental',
    schema='internal',
    incremental_strategy='delete+insert',
    unique_key='event_id',
    on_schema_change='fail'
) }}
{%- set columns = [
    'event_id', 'source', 'message_id', 'load_id', 'type', 'event_name', 'page_name',
    'page_category', 'user_id', 'anonymous_id', 'group_id', 'previous_id', 'occurred_at',
    'received_at', 'sent_at', 'is_clock_fallback', 'properties', 'traits', 'context',
] %}
{%- set parts = ['name', 'category', 'properties', 'traits', 'context'] %}

with

deliveries as (
    select * from {{ source('raw', 'events') }}
    {%- if is_incremental() %}
    -- Not "greater than the greatest": loads may commit in any order.
    where load_id not in (select distinct done.load_id from {{ this }} as done)
    {%- endif %}
),

clocked as (
    select
        deliveries.*,
        case
            -- Both fields: the receiver has corrected the clock already.
            when deliveries.timestamp is not null and deliveries.original_timestamp is not null
                then deliveries.timestamp
            when deliveries.sent_at is not null
                then {{ cdp_shift('coalesce(deliveries.original_timestamp, deliveries.timestamp)',
                    'deliveries.received_at', 'deliveries.sent_at') }}
            else coalesce(deliveries.original_timestamp, deliveries.timestamp)
        end as claimed_at
    from deliveries
),

judged as (
    select
        clocked.*,
        {{ json_opened('clocked.payload', parts) }} as opened,
        clocked.claimed_at is null
        or (
            clocked.claimed_at <> clocked.received_at
            and (
                clocked.claimed_at < cast('2000-01-01' as timestamp)
                or clocked.claimed_at > clocked.received_at + interval '1' day
            )
        ) as is_clock_fallback
    from clocked
),

typed as (
    select
        {{ cdp_key(['judged.source', 'judged.message_id']) }} as event_id,
        cast(judged.source as {{ dbt.type_string() }}) as source,
        cast(judged.message_id as {{ dbt.type_string() }}) as message_id,
        judged.load_id,
        cast(judged.type as {{ dbt.type_string() }}) as type,
        cast(
            case judged.type
                when 'track' then judged.event
                when 'page' then 'Page Viewed'
                when 'screen' then 'Screen Viewed'
            end as {{ dbt.type_string() }}
        ) as event_name,
        case when judged.type in ('page', 'screen')
            then {{ json_field('judged.opened', parts, 'name') }} end as page_name,
        case when judged.type in ('page', 'screen')
            then {{ json_field('judged.opened', parts, 'category') }} end as page_category,
        cast(judged.user_id as {{ dbt.type_string() }}) as user_id,
        cast(judged.anonymous_id as {{ dbt.type_string() }}) as anonymous_id,
        cast(judged.group_id as {{ dbt.type_string() }}) as group_id,
        cast(judged.previous_id as {{ dbt.type_string() }}) as previous_id,
        case when judged.is_clock_fallback then judged.received_at else judged.claimed_at end
            as occurred_at,
        judged.received_at,
        judged.sent_at,
        judged.is_clock_fallback,
        {{ json_field('judged.opened', parts, 'properties') }} as properties,
        {{ json_field('judged.opened', parts, 'traits') }} as traits,
        {{ json_field('judged.opened', parts, 'context') }} as context
    from judged
),

candidates as (
    select {{ columns | join(', ') }} from typed
    {%- if is_incremental() %}
    union all
    select {{ columns | join(', ') }} from {{ this }}
    where event_id in (select typed.event_id from typed)
    {%- endif %}
),

repeated as (
    select candidates.event_id
    from candidates
    group by candidates.event_id
    having count(*) > 1
),

ranked as (
    select
        candidates.*,
        row_number() over (
            partition by candidates.event_id
            order by
                candidates.received_at,
                candidates.occurred_at,
                candidates.type,
                coalesce(candidates.event_name, ''),
                coalesce(candidates.user_id, ''),
                coalesce(candidates.anonymous_id, ''),
                coalesce(candidates.group_id, ''),
                coalesce(candidates.previous_id, ''),
                coalesce(candidates.properties, ''),
                coalesce(candidates.traits, ''),
                coalesce(candidates.context, ''),
                coalesce(candidates.page_name, ''),
                coalesce(candidates.page_category, ''),
                candidates.load_id
        ) as delivery_rank
    from candidates
    where candidates.event_id in (select repeated.event_id from repeated)
)

select
    {{ columns | join(', ') }},
    false as is_repeated
from candidates
where candidates.event_id not in (select repeated.event_id from repeated)
union all
select
    {{ columns | join(', ') }},
    true as is_repeated
from ranked
where ranked.delivery_rank = 1
