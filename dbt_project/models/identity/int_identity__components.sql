-- The connected components of the identifiers: one row an identifier.
-- The number of a component means nothing; the profile's id is chosen in int_identity__resolved.
-- Where the table follows, only the components that the change touches are made anew.
{%- set upstreams = ['int_identity__nodes', 'int_identity__edges'] %}
{{ config(
    materialized='identity_components',
    schema='internal',
    post_hook=[
        "{{ cdp_forget_gone(['int_identity__nodes', 'int_identity__edges']) }}",
        "{{ cdp_note_progress(['int_identity__nodes', 'int_identity__edges']) }}",
    ]
) }}
{%- set follows = cdp_follows(upstreams) %}

with

nodes as (
    select * from {{ ref('int_identity__nodes') }}
),

edges as (
    select * from {{ ref('int_identity__edges') }}
),

{%- if follows %}

touched as (
    select nodes.identifier_id
    from nodes
    where nodes.resolution > {{ cdp_followed() }}
    union
    select edges.source_id as identifier_id
    from edges
    where edges.resolution > {{ cdp_followed() }}
    union
    select edges.target_id as identifier_id
    from edges
    where edges.resolution > {{ cdp_followed() }}
),

former as (
    select * from {{ this }}
),

-- Whatever was connected with what is touched may come apart, or be connected with more.
anew as (
    select touched.identifier_id
    from touched
    union
    select former.identifier_id
    from former
    where former.component_id in (
        select reached.component_id
        from touched
        inner join former as reached on touched.identifier_id = reached.identifier_id
    )
),
{%- endif %}

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
{%- if follows %}
where every_edge.source_id in (select anew.identifier_id from anew)
{%- endif %}
