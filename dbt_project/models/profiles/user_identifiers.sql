-- One row a profile and identifier.

with

identity_graph as (
    select * from {{ ref('identity_graph') }}
)

select
    identity_graph.canonical_profile_id,
    identity_graph.identifier_type,
    identity_graph.identifier_value,
    identity_graph.first_seen_at,
    identity_graph.last_seen_at
from identity_graph
