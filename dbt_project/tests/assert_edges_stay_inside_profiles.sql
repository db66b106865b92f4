-- Two identifiers that stood on one event are one profile.
select
    edges.source_id,
    edges.target_id
from {{ ref('int_identity__edges') }} as edges
inner join {{ ref('identity_graph') }} as source_side
    on edges.source_id = source_side.identifier_id
inner join {{ ref('identity_graph') }} as target_side
    on edges.target_id = target_side.identifier_id
where source_side.canonical_profile_id <> target_side.canonical_profile_id
