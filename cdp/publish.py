"""The read copy: profile-grain public tables for people who query while cron builds.

DuckDB has one writer, and a writer keeps every reader out. After a build the
public tables are copied into a second file, which replaces the former copy in
one step, so a reader sees one build or the next and never waits. Events stay
out: they are large, and the warehouse has them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cdp.project import Project
from cdp.warehouse import Warehouse, quoted, quoted_text, read_copy

EVENT_GRAIN = frozenset({"profile_events"})
AUDIENCE_PREFIX = "audience__"


def publish(
    project: Project, warehouse: Warehouse, left_out: Callable[[str], object] = lambda name: None
) -> Path:
    """Copy the public tables and replace the read copy with them, atomically.

    Views become tables, and each audience a view over the memberships. A view that reads what
    is no longer there, or casts a value that cannot be, is left out, and `left_out` is told its
    name: dbt drops no view whose definition was removed and reads none that it makes, and one
    that is broken must not keep readers from a new copy.
    Returns the path of the copy.
    """
    final = read_copy(warehouse.path)
    fresh = final.with_name(final.name + ".new")
    fresh.unlink(missing_ok=True)
    schema = project.schema("public")
    names = [
        str(name)
        for (name,) in warehouse.rows(
            "select table_name from information_schema.tables "
            "where table_schema = ? and table_catalog = current_database() order by table_name",
            [schema],
        )
    ]
    # The older storage version is read by every DuckDB that we support.
    warehouse.execute(f"attach {quoted_text(str(fresh))} as published (storage_version 'v1.5.0')")
    try:
        warehouse.execute(f"create schema if not exists published.{quoted(schema)}")
        for name in names:
            if name in EVENT_GRAIN or name.startswith(AUDIENCE_PREFIX):
                continue
            if not _copy_table(warehouse, schema, name):
                left_out(name)
        if "audience_memberships" in names:
            for name in names:
                if name.startswith(AUDIENCE_PREFIX):
                    _create_audience(warehouse, schema, name)
    finally:
        warehouse.execute("detach published")
    fresh.replace(final)
    return final


def _copy_table(warehouse: Warehouse, schema: str, name: str) -> bool:
    """Whether it could: not a view of what is no longer there, or with a cast that fails."""
    import duckdb

    table = f"{quoted(schema)}.{quoted(name)}"
    try:
        warehouse.execute(
            f"create table published.{table} as from {table}"  # names come from the catalogue
        )
    except (
        duckdb.BinderException,
        duckdb.CatalogException,
        duckdb.DataError,
        duckdb.InvalidInputException,
    ):
        return False
    return True


def _create_audience(warehouse: Warehouse, schema: str, name: str) -> None:
    audience = quoted_text(name.removeprefix(AUDIENCE_PREFIX))
    warehouse.execute(
        f"create view published.{quoted(schema)}.{quoted(name)} as "  # noqa: S608 (a table's name)
        f"select canonical_profile_id from {quoted(schema)}.audience_memberships "
        f"where audience_name = {audience}"
    )
