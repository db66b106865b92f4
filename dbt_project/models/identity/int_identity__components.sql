-- The connected components of the identifiers: one row an identifier that has an edge.
-- The number of a component means nothing; the profile's id is chosen in identity_graph.
{{ config(materialized='connected_components', schema='internal') }}

with

edges as (
    select * from {{ ref('int_identity__edges') }}
)

select
    edges.source_id,
    edges.target_id
from edges
