-- The members that the conditions give and the members that the transitions leave are the same,
-- one row each.
with

members as (
    select * from {{ ref('int_audiences__members') }}
),

memberships as (
    select * from {{ ref('audience_memberships') }}
),

both_sides as (
    select members.audience_name, members.canonical_profile_id, 1 as side
    from members
    union all
    select memberships.audience_name, memberships.canonical_profile_id, 2 as side
    from memberships
)

select
    both_sides.audience_name,
    both_sides.canonical_profile_id
from both_sides
group by both_sides.audience_name, both_sides.canonical_profile_id
having count(*) <> 2 or count(distinct both_sides.side) <> 2
