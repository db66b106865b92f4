-- No table names a profile that was merged into another: every profile id in use resolves
-- to itself.
select
    profile_merges.profile_id,
    profile_merges.canonical_profile_id
from {{ ref('profile_merges') }} as profile_merges
inner join {{ ref('profiles') }} as profiles
    on profile_merges.profile_id = profiles.canonical_profile_id
where profile_merges.profile_id <> profile_merges.canonical_profile_id
