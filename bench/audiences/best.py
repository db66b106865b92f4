"""The best SQL that we could write by hand for the three representative audiences.

One pass over each event table, semi joins where a single event decides, no window wider than
it must be. Tables as in `conditions`.
"""

from __future__ import annotations

BEST = {
    "cart_abandoners": """
        with added as (
            select distinct g.canonical_profile_id
            from event__product_added as e
            inner join identity_graph as g on e.identifier_id = g.identifier_id
            where e.occurred_at >= timestamp '{as_of}' - interval 30 day
                and e.occurred_at < timestamp '{as_of}'
        ),
        ordered as (
            select g.canonical_profile_id
            from event__order_completed as e
            inner join identity_graph as g on e.identifier_id = g.identifier_id
            where e.occurred_at >= timestamp '{as_of}' - interval 30 day
                and e.occurred_at < timestamp '{as_of}'
        )
        select added.canonical_profile_id
        from added
        semi join (select p.canonical_profile_id from profiles as p where not p.is_anonymous) as p
            on added.canonical_profile_id = p.canonical_profile_id
        anti join ordered on added.canonical_profile_id = ordered.canonical_profile_id
    """,
    "big_spenders": """
        with orders as (
            select g.canonical_profile_id
            from event__order_completed as e
            inner join identity_graph as g on e.identifier_id = g.identifier_id
            where e.occurred_at >= timestamp '{as_of}' - interval 90 day
                and e.occurred_at < timestamp '{as_of}'
            group by g.canonical_profile_id
            having count(*) >= 2
                and sum(e.property_revenue__decimal)
                    filter (where e.property_currency = 'EUR') >= 300
        )
        select orders.canonical_profile_id
        from orders
        semi join (select p.canonical_profile_id from profiles as p where not p.is_anonymous) as p
            on orders.canonical_profile_id = p.canonical_profile_id
    """,
    "lapsed_readers": """
        with orders as (
            select g.canonical_profile_id
            from event__order_completed as e
            inner join identity_graph as g on e.identifier_id = g.identifier_id
            where e.occurred_at < timestamp '{as_of}'
            group by g.canonical_profile_id
            having count(*) >= 3
                and max(e.occurred_at) < timestamp '{as_of}' - interval 60 day
        ),
        opened as (
            select g.canonical_profile_id
            from event__email_opened as e
            inner join identity_graph as g on e.identifier_id = g.identifier_id
            where e.occurred_at >= timestamp '{as_of}' - interval 30 day
                and e.occurred_at < timestamp '{as_of}'
            group by g.canonical_profile_id
            having count(*) >= 2
        )
        select orders.canonical_profile_id
        from orders
        semi join opened on orders.canonical_profile_id = opened.canonical_profile_id
        semi join (select p.canonical_profile_id from profiles as p where not p.is_anonymous) as p
            on orders.canonical_profile_id = p.canonical_profile_id
    """,
}
