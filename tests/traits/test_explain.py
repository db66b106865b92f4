"""`cdp compile --explain` says what the definitions share, and writes nothing."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from cdp.cli import cli
from cdp.traits.explain import AGGREGATE, LOOKUP, SORT, STEPS, Use, explain_features
from tests.definitions import catalogue_of, write_definitions

TRAITS = """\
traits:
  - {name: orders, description: D., event: Order Completed, aggregate: count}
  - {name: spent, description: D., event: Order Completed, aggregate: sum, property: revenue}
  - {name: per_order, description: D., formula: "spent / orders"}
  - {name: doubled, description: D., formula: "per_order * 2 + orders"}
  - {name: quiet_days, description: D., event: Page Viewed, aggregate: days_since_last}
  - {name: last_page_at, description: D., event: Page Viewed, aggregate: last_time}
  - {name: first_page, description: D., event: Page Viewed, aggregate: first, property: page_name}
  - {name: visits, description: D., event: Page Viewed, aggregate: session_count}
  - {name: plan, description: D., profile_trait: plan}
"""
AUDIENCE = """\
name: buyers
description: D.
who: {all: [{did: Order Completed}, {trait: doubled, greater_than: 3}, {trait: plan, exists: true}]}
"""
FILES = {"traits/some.yml": TRAITS, "audiences/buyers.yml": AUDIENCE}
ORDERS, PAGES = "event__order_completed", "event__page_viewed"


def test_each_feature_names_everything_that_uses_it(tmp_path: Path) -> None:
    found = explain_features(catalogue_of(tmp_path, FILES))
    of_orders = ("trait per_order", "trait doubled", "audience buyers")
    assert found.uses == (
        Use("order_completed__count", ORDERS, AGGREGATE, ("trait orders", *of_orders)),
        Use("order_completed__sum_revenue", ORDERS, AGGREGATE, ("trait spent", *of_orders)),
        Use("page_viewed__last_time", PAGES, AGGREGATE, ("trait quiet_days", "trait last_page_at")),
        Use("profile_trait__plan", "user_traits", LOOKUP, ("trait plan", "audience buyers")),
        Use("page_viewed__first_page_name", PAGES, SORT, ("trait first_page",)),
        Use("page_viewed__session_count_30m", PAGES, STEPS, ("trait visits",)),
    )
    assert (found.asked, found.scans) == (14, 2)


def test_the_command_prints_rows_and_writes_nothing(tmp_path: Path) -> None:
    project = write_definitions(tmp_path, FILES)
    for name in ("cdp.yml", "dbt_project.yml"):
        (tmp_path / name).write_text("")
    arguments = ["compile", "--explain", "--project-dir", str(project.folder)]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert rows[-1] == {
        "feature": "page_viewed__session_count_30m",
        "reads": PAGES,
        "work": STEPS,
        "computed": "touched",
        "uses": 1,
        "used_by": "trait visits",
    }
    expected = "14 uses of 6 features, computed once each in 2 scans of event tables\n"
    assert result.stderr == expected
    assert not project.models.exists()
