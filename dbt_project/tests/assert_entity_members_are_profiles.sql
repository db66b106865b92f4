-- A profile is in at most one entity of a name; and accounts and entities name no profile that
-- was merged into another.
with

entity_members as (
    select * from {{ ref('entity_members') }}
),

account_memberships as (
    select * from {{ ref('account_memberships') }}
),

profiles as (
    select * from {{ ref('profiles') }}
),

members as (
    select
        entity_members.entity_name as member_of,
        entity_members.canonical_profile_id
    from entity_members
    union all
    select
        cast(account_memberships.account_id as {{ dbt.type_string() }}) as member_of,
        account_memberships.canonical_profile_id
    from account_memberships
)

select
    members.member_of,
    members.canonical_profile_id
from members
left join profiles on members.canonical_profile_id = profiles.canonical_profile_id
group by members.member_of, members.canonical_profile_id
having count(*) > 1 or count(profiles.canonical_profile_id) = 0
