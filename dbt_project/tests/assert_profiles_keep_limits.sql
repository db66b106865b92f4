-- No profile holds more values of a type than a limit for all time allows, but those that an alias
-- call or an override linked: links join whatever the limits.
with

identity_graph as (
    select * from {{ ref('identity_graph') }}
),

links as (
    select * from {{ ref('int_identity__links') }}
),

rules as (
    select * from {{ ref('int_identity__rules') }}
    where limit_window = 'ever'
),

linked as (
    select identity_graph.canonical_profile_id
    from identity_graph
    inner join links on identity_graph.identifier_id = links.source_id
    union
    select identity_graph.canonical_profile_id
    from identity_graph
    inner join links on identity_graph.identifier_id = links.target_id
)

select
    identity_graph.canonical_profile_id,
    identity_graph.identifier_type
from identity_graph
inner join rules on identity_graph.identifier_type = rules.identifier_type
where identity_graph.canonical_profile_id not in (select linked.canonical_profile_id from linked)
group by
    identity_graph.canonical_profile_id,
    identity_graph.identifier_type,
    rules.limit_count
having count(*) > rules.limit_count
