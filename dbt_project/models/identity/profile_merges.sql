-- One row a profile id that was ever issued, with the profile that it is part of today.
-- Every profile is named after one of its identifiers, so the id that each identifier alone
-- would give covers all that were issued, whatever the order in which events arrived.
{{ config(materialized='table') }}

with

identity_graph as (
    select * from {{ ref('identity_graph') }}
)

select
    {{ cdp_profile_id('identity_graph.identifier_type', 'identity_graph.identifier_value') }}
        as profile_id,
    identity_graph.canonical_profile_id,
    identity_graph.identifier_id
from identity_graph
