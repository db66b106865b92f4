"""`cdp compile --explain` names what audiences share beside features."""

from __future__ import annotations

from pathlib import Path

from cdp.audiences.explain import RANKING, explain
from cdp.traits.explain import AGGREGATE, STEPS, Use
from tests.definitions import catalogue_of

TRAITS = """\
traits:
  - {name: orders, description: D., event: Bought, aggregate: count}
  - {name: spent, description: D., event: Bought, aggregate: sum, property: price}
  - {name: quiet, description: D., event: Seen, aggregate: days_since_last}
"""
AUDIENCE = """\
name: NAME
description: D.
who:
  any:
    - {consent: ads}
    - {top: {trait: orders, count: 5}}
    - {did_regularly: Seen, at_least: 2, of_last: 4 weeks}
    - {did: Seen, where: [{property: price, less_than: {trait: spent}}]}
    - sequence: [{did: Seen}, {then: Bought}]
    - {did: Bought, where: [{property: price, less_than: {trait: quiet}}]}
"""


def test_conditions_are_computed_once_for_all_audiences(tmp_path: Path) -> None:
    files = {f"audiences/{name}.yml": AUDIENCE.replace("NAME", name) for name in ("one", "two")}
    found = explain(catalogue_of(tmp_path, {"traits/some.yml": TRAITS, **files}))
    both = ("audience one", "audience two")
    seen, bought = "event__seen", "event__bought"
    assert found.uses == (
        Use("bought__count", bought, AGGREGATE, ("trait orders", *both)),
        Use("bought__sum_price", bought, AGGREGATE, ("trait spent", *both)),
        Use("seen__last_time", seen, AGGREGATE, ("trait quiet", *both)),
        Use(
            "bought__matching__where_price_less_than_quiet", bought, AGGREGATE, both,
            "touched, and where quiet is another",
        ),
        Use("consent__ads", "int_profiles__consents", AGGREGATE, both),
        Use("seen__matching__where_price_less_than_spent", seen, AGGREGATE, both),
        Use("seen__then__bought", f"{seen}, {bought}", STEPS, both),
        Use("seen__weeks_of_4", seen, AGGREGATE, both),
        Use("top__orders", "int_features", RANKING, both, "all: an order"),
    )  # fmt: skip
    assert (found.asked, found.scans) == (21, 6)
