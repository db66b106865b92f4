-- Two identifiers that stood on one event are one profile, where no limit could be broken.
select
    edges.source_id,
    edges.target_id
from {{ ref('int_identity__edges') }} as edges
inner join {{ ref('int_identity__components') }} as components
    on edges.source_id = components.identifier_id
left join {{ ref('int_identity__contested') }} as contested
    on components.component_id = contested.component_id
left join {{ ref('identity_graph') }} as source_side
    on edges.source_id = source_side.identifier_id
left join {{ ref('identity_graph') }} as target_side
    on edges.target_id = target_side.identifier_id
where
    contested.component_id is null
    and (
        source_side.identifier_id is null
        or target_side.identifier_id is null
        or source_side.canonical_profile_id <> target_side.canonical_profile_id
    )
