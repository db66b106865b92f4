-- One row a pair of identifiers that stood on one event: its highest one that may join, and
-- another; or that a link joins. Shared values join nothing.
{%- set upstreams = ['int_identity__nodes', 'int_identity__shared'] %}
{{ config(
    materialized='incremental',
    schema='internal',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook=[
        "{{ cdp_forget_all(" ~ upstreams ~ ") }}",
        "{{ cdp_note_touched(" ~ upstreams ~ ", cdp_joined_anew()) }}",
        "{{ cdp_forget_touched_edges(" ~ upstreams ~ ") }}",
    ],
    post_hook=[
        "{{ cdp_note_progress(" ~ upstreams ~ ") }}",
        "{{ cdp_drop_touched() }}",
    ]
) }}
{%- set standing = cdp_standing(upstreams) %}
-- depends_on: {{ ref('int_identity__nodes') }} {{ ref('int_identity__event_identifiers') }}

with

sightings as {{ cdp_not_materialized() }} (
    select * from {{ ref('int_identity__sightings') }}
),

shared as (
    select * from {{ ref('int_identity__shared') }}
    where is_shared
),

links as (
    select * from {{ ref('int_identity__links') }}
),

{%- if standing.follows %}

touched as (
    select * from {{ cdp_touched() }}
),
{%- endif %}

-- Almost every event: its owner may join, and is what the others are joined to.
from_owners as (
    select
        sightings.owner_id as source_id,
        sightings.identifier_id as target_id,
        sightings.occurred_at
    from sightings
    where
        sightings.identifier_id <> sightings.owner_id
        and sightings.owner_id not in (select shared.identifier_id from shared)
        and sightings.identifier_id not in (select shared.identifier_id from shared)
        {%- if standing.follows %}
        and sightings.owner_id in (select touched.identifier_id from touched)
        and sightings.identifier_id in (select touched.identifier_id from touched)
        {%- endif %}
),

-- An event whose owner is shared: what is left of it still stood together.
ranked as (
    select
        sightings.event_id,
        sightings.identifier_id,
        sightings.occurred_at,
        row_number() over (
            partition by sightings.event_id
            order by
                sightings.priority,
                {{ cdp_text_order('sightings.identifier_value') }}
        ) as identifier_rank
    from sightings
    where
        sightings.owner_id in (select shared.identifier_id from shared)
        and sightings.identifier_id not in (select shared.identifier_id from shared)
),

from_others as (
    select
        highest.identifier_id as source_id,
        ranked.identifier_id as target_id,
        ranked.occurred_at
    from ranked
    inner join ranked as highest on ranked.event_id = highest.event_id
    where
        highest.identifier_rank = 1
        and ranked.identifier_rank > 1
        {%- if standing.follows %}
        and highest.identifier_id in (select touched.identifier_id from touched)
        and ranked.identifier_id in (select touched.identifier_id from touched)
        {%- endif %}
),

from_links as (
    select
        links.source_id,
        links.target_id,
        links.occurred_at
    from links
    {%- if standing.follows %}
    where
        links.source_id in (select touched.identifier_id from touched)
        and links.target_id in (select touched.identifier_id from touched)
    {%- endif %}
),

every_pair as (
    select * from from_owners
    union all
    select * from from_others
    union all
    select * from from_links
)

select
    every_pair.source_id,
    every_pair.target_id,
    min(every_pair.occurred_at) as first_seen_at,
    count(*) as event_count,
    cast({{ standing.resolution }} as bigint) as resolution
from every_pair
group by every_pair.source_id, every_pair.target_id
