-- One row an account and profile: some event of the profile named the account. Events keep the
-- identifier that owns them, so memberships move when profiles merge. Nobody ever leaves: no
-- call says so.
{{ config(materialized='table') }}

with

account_events as (
    select * from {{ ref('int_entities__account_events') }}
),

owners as (
    select * from {{ ref('int_identity__event_owners') }}
),

identity_graph as (
    select * from {{ ref('identity_graph') }}
),

memberships as (
    select
        identity_graph.canonical_profile_id,
        account_events.group_id,
        min(account_events.occurred_at) as first_seen_at,
        max(account_events.occurred_at) as last_seen_at
    from account_events
    inner join owners on account_events.event_id = owners.event_id
    inner join identity_graph on owners.identifier_id = identity_graph.identifier_id
    where account_events.dropped_reason is null
    group by identity_graph.canonical_profile_id, account_events.group_id
)

select
    memberships.canonical_profile_id,
    {{ cdp_account_id('memberships.group_id') }} as account_id,
    memberships.first_seen_at,
    memberships.last_seen_at
from memberships
