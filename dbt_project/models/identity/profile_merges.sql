-- One row a profile id that was ever issued, with the profile that it is part of today.
-- Every profile is named after one of its identifiers, so the id that each identifier alone
-- would give covers all that were issued, whatever the order in which events arrived. The id of
-- an identifier that every event let go of leads to the profile of the first event that
-- carried it.

with

resolved as (
    select * from {{ ref('int_identity__resolved') }}
)

select
    resolved.profile_id,
    resolved.canonical_profile_id,
    resolved.identifier_id
from resolved
