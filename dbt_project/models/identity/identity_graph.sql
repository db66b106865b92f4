-- One row an identifier, with the profile that it belongs to. An identifier that every event let
-- go of, because of a limit, belongs to none and has no row.

with

resolved as (
    select * from {{ ref('int_identity__resolved') }}
)

select
    resolved.identifier_id,
    resolved.identifier_type,
    resolved.identifier_value,
    resolved.canonical_profile_id,
    resolved.first_seen_at,
    resolved.last_seen_at
from resolved
where not resolved.is_let_go
