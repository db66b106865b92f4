-- The connected components of the identifiers: one row an identifier.
-- The number of a component means nothing; the profile's id is chosen in int_identity__resolved.
-- Where the table follows, only the components that the change touches are made anew.
{%- set upstreams = ['int_identity__nodes', 'int_identity__edges'] %}
{{ config(
    materialized='identity_components',
    schema='internal',
    pre_hook="{{ cdp_note_touched(" ~ upstreams ~ ", cdp_connected_anew()) }}",
    post_hook=[
        "{{ cdp_forget_gone(" ~ upstreams ~ ") }}",
        "{{ cdp_note_progress(" ~ upstreams ~ ") }}",
        "{{ cdp_drop_touched() }}",
    ]
) }}
{%- set standing = cdp_standing(upstreams) %}

with

nodes as (
    select * from {{ ref('int_identity__nodes') }}
),

edges as (
    select * from {{ ref('int_identity__edges') }}
),

-- An edge from each identifier to itself: one that stands alone is a component too.
every_edge as (
    select
        edges.source_id,
        edges.target_id
    from edges
    union all
    select
        nodes.identifier_id as source_id,
        nodes.identifier_id as target_id
    from nodes
    where nodes.evidence_count > 0
)

select
    every_edge.source_id,
    every_edge.target_id
from every_edge
{%- if standing.follows %}
where every_edge.source_id in (select touched.identifier_id from {{ cdp_touched() }} as touched)
{%- endif %}
