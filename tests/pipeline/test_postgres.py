"""The same project on PostgreSQL makes the same tables, first built and then incremental.

Runs where CDP_TEST_POSTGRES holds a connection string. dbt's own tests stay green on wrong
data more easily than one would think, so the rows themselves are compared.
"""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from cdp.project import Project, find_project
from cdp.warehouse import open_warehouse
from tests.projects import COMPARED, build, compile_here, load, new_project, run

pytestmark = pytest.mark.postgres
AS_OF = '{"cdp_as_of": "2026-09-01 00:00:00"}'
TEXT_OF_JSON = {"properties", "traits", "context"}
"""PostgreSQL writes JSON text with other spaces and in another order of keys."""
LEFT_OUT = {"load_id", "entered_at", "profile_number", *TEXT_OF_JSON}


@pytest.fixture
def server() -> Iterator[Any]:
    address = os.environ.get("CDP_TEST_POSTGRES")
    if not address:
        pytest.skip("CDP_TEST_POSTGRES names no server")
    psycopg2 = pytest.importorskip("psycopg2")
    connection = psycopg2.connect(address)
    connection.autocommit = True
    with connection.cursor() as cursor:
        for schema in ("cdp_test", "cdp_test_internal", "cdp_test_ops"):
            cursor.execute(f"drop schema if exists {schema} cascade")
    yield connection
    connection.close()


def test_both_engines_make_the_same_tables(server: Any, store_data: Path, tmp_path: Path) -> None:
    project = _two_dialects(tmp_path / "shop", os.environ["CDP_TEST_POSTGRES"])
    on_postgres = find_project(project.folder, "postgres")
    for source in ("web", "app"):
        load(project, source, [store_data / source])
        build(project, "--vars", AS_OF)
        _copy_raw(project, server)
        if source == "web":
            build(on_postgres, "--vars", AS_OF)
        else:
            run(on_postgres, "--vars", AS_OF)
    with open_warehouse(project, read_only=True) as warehouse, server.cursor() as cursor:
        for layer, tables in COMPARED.items():
            for table in tables:
                names, ours = warehouse.table(f"select * from {project.schema(layer)}.{table}")
                columns = [name for name in names if name not in LEFT_OUT]
                cursor.execute(
                    f"select {', '.join(columns)} from {on_postgres.schema(layer)}.{table}"
                )
                theirs = cursor.fetchall()
                kept = [index for index, name in enumerate(names) if name in columns]
                expected = [tuple(row[index] for index in kept) for row in ours]
                assert _sorted(theirs) == _sorted(expected), table


def _two_dialects(folder: Path, address: str) -> Project:
    project = new_project(folder)
    (folder / "cdp.yml").write_text("dialects: [duckdb, postgres]\n")
    profiles = yaml.safe_load((folder / "profiles.yml").read_text())
    parts = urlsplit(address)
    profiles["cdp"]["outputs"]["postgres"] = {
        "type": "postgres",
        "host": parts.hostname,
        "port": parts.port,
        "user": parts.username,
        "password": parts.password or "",
        "dbname": parts.path.lstrip("/"),
        "schema": "cdp_test",
        "threads": 2,
    }
    (folder / "profiles.yml").write_text(yaml.safe_dump(profiles))
    project = find_project(folder)
    compile_here(project)
    return project


def _copy_raw(project: Project, server: Any) -> None:
    """Put the raw tables where another loader would have put them."""
    with open_warehouse(project, read_only=True) as warehouse, server.cursor() as cursor:
        cursor.execute("drop schema if exists raw cascade; create schema raw")
        for table in ("events", "load_files", "rejected"):
            columns = warehouse.rows(
                "select column_name, data_type from information_schema.columns "
                "where table_schema = 'raw' and table_name = ? order by ordinal_position",
                [table],
            )
            typed = ", ".join(f'"{name}" {kind}' for name, kind in columns)
            cursor.execute(f"create table raw.{table} ({typed})")
            with tempfile.TemporaryFile("w+", newline="", encoding="utf-8") as file:
                writer = csv.writer(file)
                for row in warehouse.rows(f"select * from raw.{table}"):
                    writer.writerow("\\N" if value is None else value for value in row)
                file.seek(0)
                cursor.copy_expert(f"copy raw.{table} from stdin (format csv, null '\\N')", file)


def _sorted(rows: list[tuple[Any, ...]]) -> list[tuple[str, ...]]:
    """Rows as texts, in one order; nested JSON, which engines write differently, as a mark."""
    return sorted(tuple(_text(value) for value in row) for row in rows)


def _text(value: Any) -> str:
    text = f"{value:.6f}" if isinstance(value, Decimal) else str(value)
    return "(json)" if text[:1] in "{[" and '"' in text else text
