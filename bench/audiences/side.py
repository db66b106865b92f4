"""One side, in a process of its own: python -m bench.audiences.side SIDE FOLDER COUNT MEMORY_GB.

FOLDER holds the world as WORLD. The side leaves
SIDE.duckdb with a table `members` (audience_name, canonical_profile_id), and its phases as
SIDE.json. Every side has two threads and the same memory; ours is the SQL of the generated
models, printed as `cdp compile` prints it and run without dbt: as tables and views (`together`,
`alone`), or as the one query of `cdp audience members --as-of` (`query`).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import duckdb

from bench.audiences.best import BEST
from bench.audiences.conditions import AS_OF
from bench.audiences.definitions import Audience, make_audiences
from bench.audiences.ours import make_project, one_query, statements
from bench.measure import Phases

WORLD = "world.duckdb"
TOGETHER, BY_HAND, ALONE, QUERY, OPTIMAL = "together", "by_hand", "alone", "query", "best"
THREADS = 2


def run(side: str, folder: Path, count: int, memory_gb: int) -> Phases:
    """Compute the members of the side's audiences."""
    phases = Phases()
    kind, _, name = side.partition(" ")
    audiences = {one.name: one for one in make_audiences(count)}
    chosen = [audiences[name]] if name else list(audiences.values())
    models = []
    query = ""
    if kind in (TOGETHER, ALONE):
        models = statements(make_project(folder / slug(side), chosen))
    if kind == QUERY:
        query = one_query(make_project(folder / slug(side), chosen), name)
    settings = {"threads": THREADS, "memory_limit": f"{memory_gb}GB"}
    with duckdb.connect(str(folder / f"{slug(side)}.duckdb"), config=settings) as connection:
        connection.execute("set preserve_insertion_order = false")
        _open_world(connection, folder)
        if kind in (TOGETHER, ALONE):
            for model, statement in models:
                with phases.measure("views" if model.startswith("audience__") else model):
                    connection.execute(statement)
            connection.execute("create view members as from int_audiences__members")
        else:
            _queries(connection, {one.name: _sql(one, kind, query) for one in chosen}, phases)
    phases.notes["seconds"] = sum(step.wall_s for step in phases.steps)
    return phases


def slug(side: str) -> str:
    """The name of a side's files."""
    return side.replace(" ", "_")


def _open_world(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """The world's tables under their bare names."""
    connection.execute(f"attach '{folder / WORLD}' as world (read_only)")
    tables = connection.execute(
        "select schema_name, table_name from duckdb_tables() where database_name = 'world'"
    ).fetchall()
    for schema, table in tables:
        connection.execute(
            f"create temp view {table} as select * from world.{schema}.{table}"  # noqa: S608 (constants)
        )


def _sql(audience: Audience, kind: str, query: str) -> str:
    return query or (BEST[audience.name].format(as_of=AS_OF) if kind == OPTIMAL else audience.sql)


def _queries(
    connection: duckdb.DuckDBPyConnection, queries: Mapping[str, str], phases: Phases
) -> None:
    connection.execute("create table members (audience_name text, canonical_profile_id uuid)")
    for name, sql in queries.items():
        with phases.measure(name):
            connection.execute(f"create table {name} as {sql}")
        connection.execute(f"insert into members select '{name}', * from {name}")  # noqa: S608 (constants)


if __name__ == "__main__":
    _side, _folder = sys.argv[1], Path(sys.argv[2])
    run(_side, _folder, int(sys.argv[3]), int(sys.argv[4])).write(_folder / f"{slug(_side)}.json")
