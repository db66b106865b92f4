"""Projects that run on PostgreSQL too, where CDP_TEST_POSTGRES names a server."""

from __future__ import annotations

import csv
import os
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from cdp.project import Project, find_project
from cdp.warehouse import open_warehouse
from tests.projects import compile_here, new_project

SCHEMA = "cdp_test"
# Tests run side by side, and each project takes the schema `raw` too.
DATABASE = f"cdp_test_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"


def connect() -> Any:
    """A connection to this worker's database on the server, emptied; skips without a server."""
    address = os.environ.get("CDP_TEST_POSTGRES")
    if not address:
        pytest.skip("CDP_TEST_POSTGRES names no server")
    psycopg2 = pytest.importorskip("psycopg2")
    server = psycopg2.connect(address)
    server.autocommit = True
    with server.cursor() as cursor:
        cursor.execute("select 1 from pg_database where datname = %s", [DATABASE])
        if cursor.fetchone() is None:
            cursor.execute(f"create database {DATABASE}")
    server.close()
    connection = psycopg2.connect(address, dbname=DATABASE)
    connection.autocommit = True
    with connection.cursor() as cursor:
        for schema in (SCHEMA, f"{SCHEMA}_internal", f"{SCHEMA}_ops"):
            cursor.execute(f"drop schema if exists {schema} cascade")
    return connection


def two_dialects(folder: Path) -> Project:
    """A new project that runs on DuckDB and, as its target `postgres`, on the server."""
    project = new_project(folder)
    (folder / "cdp.yml").write_text("dialects: [duckdb, postgres]\n")
    profiles = yaml.safe_load((folder / "profiles.yml").read_text())
    parts = urlsplit(os.environ["CDP_TEST_POSTGRES"])
    profiles["cdp"]["outputs"]["postgres"] = {
        "type": "postgres",
        "host": parts.hostname,
        "port": parts.port,
        "user": parts.username,
        "password": parts.password or "",
        "dbname": DATABASE,
        "schema": SCHEMA,
        "threads": 2,
    }
    (folder / "profiles.yml").write_text(yaml.safe_dump(profiles))
    project = find_project(folder)
    compile_here(project)
    return project


def copy_raw(project: Project, server: Any) -> None:
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
