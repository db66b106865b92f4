"""Alerts on sizes: from the definition to the limit that was broken, and the exit code."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from cdp.audiences.compile import DEFINED, compile_audiences
from cdp.audiences.members import broken_alerts
from cdp.cli import cli
from cdp.sql.text import sql_text
from cdp.warehouse import Warehouse
from tests.audiences.transitions import render
from tests.conftest import BuiltStore
from tests.definitions import catalogue_of

APRIL, MAY = datetime(2026, 4, 1), datetime(2026, 5, 1)


def alerts_of(folder: Path, sizes: list[tuple[str, datetime, int]]) -> list[tuple[object, ...]]:
    """What the models say of sizes, under definitions with limits."""
    limits = {"steady": "{change: 12.5%}", "ample": "{minimum: 10, maximum: 20}", "free": ""}
    files = {
        f"audiences/{name}.yml": f"name: {name}\ndescription: D.\nwho: {{did: E}}\n"
        + (f"alert: {limit}\n" if limit else "")
        for name, limit in limits.items()
    }
    models = {one.name: one for one in compile_audiences(catalogue_of(folder, files))}
    with duckdb.connect(":memory:") as connection:
        defined = sql_text(models[DEFINED].body("duckdb"), "duckdb")
        connection.execute(f"create table {DEFINED} as {defined}")
        connection.execute(
            "create table audience_sizes (audience_name text, as_of timestamp, member_count bigint)"
        )
        for row in sizes:
            connection.execute("insert into audience_sizes values (?, ?, ?)", list(row))
        view = render("audience_alerts", is_incremental=False)
        connection.execute(f"create view audience_alerts as {view}")
        return broken_alerts(Warehouse(connection, folder), "main")


def test_a_limit_of_the_definition_is_a_row_once_it_is_broken(tmp_path: Path) -> None:
    before = [("steady", APRIL, 80), ("ample", APRIL, 5), ("free", APRIL, 1)]
    assert alerts_of(tmp_path, [*before, ("steady", MAY, 69), ("ample", MAY, 21)]) == [
        ("ample", "maximum", 20.0, MAY, 21, 5),
        ("steady", "change", 12.5, MAY, 69, 80),
    ]
    assert alerts_of(tmp_path, [*before, ("steady", MAY, 70), ("ample", MAY, 20)]) == []


def test_a_broken_limit_exits_with_three(
    built_store: BuiltStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = ("vip_customers", "change", 20.0, MAY, 79, 100)
    monkeypatch.setattr("cdp.audiences.members.broken_alerts", lambda *given: [row])
    folder = ["--project-dir", str(built_store.project.folder)]
    result = CliRunner().invoke(cli, ["audience", "alerts", "--format", "csv", *folder])
    assert result.exit_code == 3
    assert result.stdout.splitlines() == [
        "audience,alert,limit,as_of,members,before",
        "vip_customers,change,20.0,2026-05-01 00:00:00,79,100",
    ]
