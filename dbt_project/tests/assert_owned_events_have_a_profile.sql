-- The identifier that owns an event is never let go of: every owned event has a profile.
select owners.event_id
from {{ ref('int_identity__event_owners') }} as owners
left join {{ ref('identity_graph') }} as identity_graph
    on owners.identifier_id = identity_graph.identifier_id
where identity_graph.identifier_id is null
