-- One row an identify call and trait that it carried, under the profile of today. A view: a merge
-- rewrites nothing.
{{ config(materialized='view', schema='internal') }}

with

identify_traits as (
    select * from {{ ref('int_profiles__identify_traits') }}
),

owners as (
    select * from {{ ref('int_identity__event_owners') }}
),

identity_graph as (
    select * from {{ ref('identity_graph') }}
)

select
    identity_graph.canonical_profile_id,
    identify_traits.trait_name,
    identify_traits.trait_value,
    identify_traits.occurred_at,
    identify_traits.source,
    identify_traits.message_id
from identify_traits
inner join owners on identify_traits.event_id = owners.event_id
inner join identity_graph on owners.identifier_id = identity_graph.identifier_id
