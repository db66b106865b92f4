-- No profile holds more values of a type than a limit for all time allows.
select
    identity_graph.canonical_profile_id,
    identity_graph.identifier_type
from {{ ref('identity_graph') }} as identity_graph
inner join {{ ref('int_identity__rules') }} as rules
    on identity_graph.identifier_type = rules.identifier_type
where rules.limit_window = 'ever'
group by
    identity_graph.canonical_profile_id,
    identity_graph.identifier_type,
    rules.limit_count
having count(*) > rules.limit_count
