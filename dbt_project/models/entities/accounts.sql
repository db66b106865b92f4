-- One row an account: a group id that some event named, with or without a known member.
{{ config(materialized='table') }}

with

account_events as (
    select * from {{ ref('int_entities__account_events') }}
),

account_memberships as (
    select * from {{ ref('account_memberships') }}
),

named as (
    select
        account_events.group_id,
        min(account_events.occurred_at) as first_seen_at,
        max(account_events.occurred_at) as last_seen_at
    from account_events
    where account_events.dropped_reason is null
    group by account_events.group_id
),

keyed as (
    select
        {{ cdp_account_id('named.group_id') }} as account_id,
        named.group_id,
        named.first_seen_at,
        named.last_seen_at
    from named
),

members as (
    select
        account_memberships.account_id,
        count(*) as member_count
    from account_memberships
    group by account_memberships.account_id
)

select
    keyed.account_id,
    keyed.group_id,
    keyed.first_seen_at,
    keyed.last_seen_at,
    cast(coalesce(members.member_count, 0) as bigint) as member_count
from keyed
left join members on keyed.account_id = members.account_id
