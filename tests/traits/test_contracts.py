"""Every trait that can be defined keeps the contract of its models: one dbt build of all."""

from __future__ import annotations

from pathlib import Path

import yaml

from cdp.project import Project
from cdp.warehouse import open_warehouse
from tests.projects import build, load
from tests.traits.test_aggregates import all_traits
from tests.traits.test_history import WITHOUT_TESTS, land, only_these, order

FORMULAS = {
    "ratio": ("sum_as_decimal_0 / count_as_integer_0", "decimal"),
    "twice": ("2 * count_as_integer_0", "integer"),
    "is_new": ("days_between(first_time_as_timestamp_0, as_of) < 30", "boolean"),
    "label": ("coalesce(first_as_string_0 || '!', 'none')", "string"),
    "latest": ("greatest(first_time_as_timestamp_0, last_time_as_timestamp_0)", "timestamp"),
}

TICKETS = """\
select 'U1' as customer_no, cast('2026-05-02 10:00:00' as timestamp) as opened_at, 2 as priority
union all
select 'nobody', cast('2026-05-02 10:00:00' as timestamp), 1
"""
OF_TICKETS = {
    "model": "tickets",
    "identifier": {"user_id": "customer_no"},
    "occurred_at": "opened_at",
}
TABLES = {
    "urgency": ({"aggregate": "maximum", "column": "priority"}, "decimal"),
    "last_ticket_at": ({"aggregate": "last_time"}, "timestamp"),
}


def test_every_trait_is_built_with_the_type_it_declares(project: Project, tmp_path: Path) -> None:
    traits = [one | {"event": "Order Completed"} for one in all_traits()]
    traits += [
        {"name": name, "description": "Of others.", "formula": text, "type": kind}
        for name, (text, kind) in FORMULAS.items()
    ]
    traits += [
        {"name": name, "description": "Of tickets.", "type": kind, **OF_TICKETS, **asked}
        for name, (asked, kind) in TABLES.items()
    ]
    of_accounts = {"name": "account_orders", "level": "account", "aggregate": "count"}
    traits.append(of_accounts | {"description": "D.", "event": "Order Completed"})
    (project.models / "tickets.sql").write_text(TICKETS, encoding="utf-8")
    only_these(project, yaml.safe_dump({"traits": traits}), {})
    load(project, "web", [land(tmp_path, "1.ndjson", [order("U1", 1, 90), order("u2", 2, 7.5)])])
    build(project, *WITHOUT_TESTS)
    with open_warehouse(project, read_only=True) as warehouse:
        found = dict(
            warehouse.rows(
                "select column_name, data_type from information_schema.columns "
                "where table_schema = 'main' and table_name = 'computed_traits'"
            )
        )
        assert warehouse.value("select count(*) from main.computed_traits") == 2
        assert (
            warehouse.value("select count(account_orders) from main.account_computed_traits") == 0
        )
        urgencies = warehouse.rows("select urgency from main.computed_traits order by urgency")
        assert urgencies == [(2,), (None,)]
    assert traits.pop()["name"] not in found
    named = {
        "decimal": "DECIMAL(38,6)",
        "integer": "BIGINT",
        "string": "VARCHAR",
        "boolean": "BOOLEAN",
        "timestamp": "TIMESTAMP",
        "string_list": "VARCHAR[]",
    }
    assert {one["name"]: found[one["name"]] for one in traits} == {
        one["name"]: named[one["type"]] for one in traits
    }
