"""`cdp sync plan`, `run` and `status`: what they print and how they exit."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cdp.cli import cli
from cdp.errors import CdpError

from .harness import Server, Shop


def invoke(shop: Shop, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["sync", *arguments, "--project-dir", str(shop.folder)])


def rows(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_the_plan_is_what_the_run_does(shop: Shop, server: Server) -> None:
    shop.desire([("a", "a@x", 1), ("b", "b@x", 1), (None, "c", 1)])
    planned = invoke(shop, "plan")
    assert planned.exit_code == 0
    (plan,) = rows(planned)
    assert len(plan.pop("plan_id")) == 12
    assert [plan] == [
        {
            "sync": "customers",
            "added": 2,
            "changed": 0,
            "removed": 0,
            "unchanged": 0,
            "kept": 0,
            "held": 0,
            "staged": 0,
            "invalid": 1,
        }
    ]
    assert server.bodies == []
    assert "main_ops" not in str(shop.rows("select schema_name from information_schema.schemata"))
    ran = invoke(shop, "run")
    assert ran.exit_code == 4
    assert rows(ran) == [
        {
            "sync": "customers",
            "added": 2,
            "changed": 0,
            "removed": 0,
            "held": 0,
            "invalid": 1,
            "sent": 2,
            "accepted": 2,
            "rejected": 0,
            "retry": 0,
            "unknown": 0,
            "staged": 0,
        }
    ]
    assert "1 rows are rejected or invalid; 'cdp sync status' says why" in ran.stderr


def test_samples_show_hashed_keys(shop: Shop) -> None:
    shop.desire({"a": "a@x", "b": "b@x"})
    result = invoke(shop, "plan", "--show", "1")
    assert rows(result) == [{"sync": "customers", "change": "added", "key_sha256": "ca978112ca1b"}]
    assert "customers: 2 added, 0 changed, 0 removed, 0 unchanged" in result.stderr


def test_a_guard_exits_with_3_and_the_other_syncs_still_run(shop: Shop, server: Server) -> None:
    shop.sync("zebras", destination="lines")
    shop.desire({"a": "a@x", "b": "b@x", "c": "c@x"})
    shop.desire({"z": "z@x"}, "zebras")
    assert invoke(shop, "run").exit_code == 0
    shop.desire({"a": "a@x"})
    shop.desire({"z": "new@x"}, "zebras")
    for name in ("plan", "run"):
        result = invoke(shop, name)
        assert result.exit_code == 3
        assert "error[too-many-removals]: sync 'customers' would remove 2 of 3" in result.stderr
    assert rows(result)[1]["accepted"] == 1
    assert sorted(server.state) == ["a", "b", "c"]
    assert shop.rows(
        "select state, problem from main_ops.sync_runs where sync_name = 'customers' "
        "order by started_at desc limit 1"
    ) == [("guarded", "too-many-removals")]
    assert invoke(shop, "run", "customers", "--allow-removals").exit_code == 0
    assert sorted(server.state) == ["a"]
    shop.desire({})
    emptied = invoke(shop, "run", "customers", "--allow-removals")
    assert emptied.exit_code == 3
    assert "error[empty-source]" in emptied.stderr
    assert sorted(server.state) == ["a"]


def test_rejected_rows_exit_with_4_and_failures_with_1(shop: Shop, server: Server) -> None:
    server.faults = [422]
    shop.desire({"a": "a@x"})
    assert invoke(shop, "run").exit_code == 4
    held = invoke(shop, "run")
    assert (held.exit_code, rows(held)[0]["held"], rows(held)[0]["sent"]) == (4, 1, 0)
    server.faults = [401]
    failed = invoke(shop, "run", "--retry-rejected")
    assert failed.exit_code == 1
    assert "error[destination-refused]" in failed.stderr


def test_an_unknown_sync_is_refused_before_anything_runs(shop: Shop, server: Server) -> None:
    shop.desire({"a": "a@x"})
    result = invoke(shop, "run", "customers", "custmers")
    assert isinstance(result.exception, CdpError)
    assert str(result.exception) == (
        "error[unknown-sync]: there is no sync 'custmers'\nhelp: did you mean 'customers'?"
    )
    assert server.bodies == []


@pytest.mark.parametrize("has_run", [False, True])
def test_status_tells_the_last_run_and_what_the_destination_holds(
    shop: Shop, server: Server, has_run: bool
) -> None:
    shop.desire({"a": "a@x", "b": "b@x"})
    if has_run:
        server.faults = [422, None, 422]
        invoke(shop, "run")
    (found,) = rows(invoke(shop, "status"))
    counts = (found["last_run"], found["present"], found["absent"], found["rejected"])
    assert counts == (("done", 1, 1, 1) if has_run else (None, 0, 0, 0))
    assert (found["sync"], found["destination"]) == ("customers", "hook")
