"""Conditions in two languages: ours, and the SQL that an analyst would write for it.

Owns the pairs. The SQL reads the same tables (`profiles` as p, `identity_graph`, typed event
tables, `user_traits`) and asks one question of one event each time; it looks only at the days
that it needs. `AS_OF` stands in both for the moment that windows end at.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

AS_OF = "2026-09-01 00:00:00"
_NOW = f"timestamp '{AS_OF}'"
_TABLES = {
    "Page Viewed": "event__page_viewed",
    "Product Viewed": "event__product_viewed",
    "Product Added": "event__product_added",
    "Order Completed": "event__order_completed",
    "Email Opened": "event__email_opened",
}
EVENTS = tuple(_TABLES)


@dataclass(frozen=True)
class Condition:
    """One condition: as a definition has it, as SQL over `p`, and the traits it needs."""

    definition: dict[str, Any]
    sql: str
    traits: tuple[dict[str, Any], ...] = ()


def did(event: str, days: int | None, least: int = 1) -> Condition:
    """At least so many events in the last days, or ever."""
    having = f" group by g.canonical_profile_id having count(*) >= {least}" if least > 1 else ""
    wanted = {"did": event, "at_least": least, **_window(days)}
    return Condition(wanted, f"p.canonical_profile_id in ({_profiles(event, days)}{having})")


def did_not(event: str, days: int | None) -> Condition:
    """No event in the last days, or ever."""
    wanted = {"did_not": event, **_window(days)}
    return Condition(wanted, f"p.canonical_profile_id not in ({_profiles(event, days)})")


def viewed_above(price: int, days: int | None, least: int) -> Condition:
    """So many views of products above a price."""
    return Condition(
        {
            "did": "Product Viewed",
            "at_least": least,
            "where": [{"property": "price", "greater_than": price}],
            **_window(days),
        },
        "p.canonical_profile_id in ("
        + _profiles("Product Viewed", days, [f"e.property_price__decimal > {price}"])
        + f" group by g.canonical_profile_id having count(*) >= {least})",
    )


def spent(amount: int, days: int | None) -> Condition:
    """Orders in euros of the last days, or all, bring in so much."""
    name = f"revenue_{days}d" if days else "revenue_ever"
    trait = {
        "name": name,
        "event": "Order Completed",
        "aggregate": "sum",
        "property": "revenue",
        "where": [{"property": "currency", "equals": "EUR"}],
        **_window(days),
    }
    return Condition(
        {"trait": name, "greater_than_or_equal": amount},
        "p.canonical_profile_id in ("
        + _profiles("Order Completed", days, ["e.property_currency = 'EUR'"])
        + " group by g.canonical_profile_id "
        + f"having sum(e.property_revenue__decimal) >= {amount})",
        (trait,),
    )


def lapsed(orders: int, days: int) -> Condition:
    """So many orders ever, and the last of them before the last days."""
    traits = (
        {"name": "orders_ever", "event": "Order Completed", "aggregate": "count"},
        {"name": "last_order_at", "event": "Order Completed", "aggregate": "last_time"},
    )
    return Condition(
        {
            "all": [
                {"trait": "orders_ever", "greater_than_or_equal": orders},
                {"trait": "last_order_at", "before_last": f"{days} days"},
            ]
        },
        "p.canonical_profile_id in ("
        + _profiles("Order Completed", None)
        + f" group by g.canonical_profile_id having count(*) >= {orders} "
        + f"and max(e.occurred_at) < {_NOW} - interval {days} day)",
        traits,
    )


def plans(names: Iterable[str]) -> Condition:
    """The plan that identify calls gave."""
    listed = list(names)
    texts = ", ".join(f"'{one}'" for one in listed)
    return Condition(
        {"trait": "plan", "one_of": listed},
        "p.canonical_profile_id in (select t.canonical_profile_id from user_traits as t "  # noqa: S608 (constants)
        f"where t.trait_name = 'plan' and t.trait_value in ({texts}))",
        ({"name": "plan", "profile_trait": "plan"},),
    )


def favourite(category: str, days: int) -> Condition:
    """The category viewed most often in the last days; of several, the first in the alphabet."""
    name = f"favourite_{days}d"
    trait = {
        "name": name,
        "event": "Product Viewed",
        "aggregate": "most_frequent",
        "property": "category",
        "window": {"last": f"{days} days"},
    }
    views = _rows("Product Viewed", days)
    return Condition(
        {"trait": name, "equals": category},
        "p.canonical_profile_id in (select f.canonical_profile_id from ("  # noqa: S608 (constants)
        "select g.canonical_profile_id, e.property_category, row_number() over ("
        "partition by g.canonical_profile_id order by count(*) desc, e.property_category"
        f") as place {views} and e.property_category is not null "
        "group by g.canonical_profile_id, e.property_category"
        f") as f where f.place = 1 and f.property_category = '{category}')",
        (trait,),
    )


def several(products: int, days: int) -> Condition:
    """So many different products in the last days."""
    name = f"products_viewed_{days}d"
    trait = {
        "name": name,
        "event": "Product Viewed",
        "aggregate": "unique_list_count",
        "property": "product_id",
        "window": {"last": f"{days} days"},
    }
    return Condition(
        {"trait": name, "greater_than_or_equal": products},
        "p.canonical_profile_id in ("
        + _profiles("Product Viewed", days)
        + " group by g.canonical_profile_id "
        + f"having count(distinct e.property_product_id) >= {products})",
        (trait,),
    )


def _window(days: int | None) -> dict[str, Any]:
    return {"window": {"last": f"{days} days"}} if days else {}


def _profiles(event: str, days: int | None, tests: Iterable[str] = ()) -> str:
    return "select g.canonical_profile_id " + " and ".join([_rows(event, days), *tests])


def _rows(event: str, days: int | None) -> str:
    since = f" and e.occurred_at >= {_NOW} - interval {days} day" if days else ""
    return (
        f"from {_TABLES[event]} as e inner join identity_graph as g "
        f"on e.identifier_id = g.identifier_id where e.occurred_at < {_NOW}{since}"
    )
