"""The hand-written side: runs `handwritten.sql` phase by phase and sends the rows.

Owns the loop over the graph and the sending; the tables are the SQL's. A process
of its own: python -m bench.handwritten FOLDER EVENTS AS_OF URL.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import httpx

from bench.measure import Phases

SCRIPT = Path(__file__).with_name("handwritten.sql")
DATABASE = "handwritten.duckdb"
CSV = "vip_customers.csv"
RESULT = "handwritten.json"
BATCH = 100
THREADS = 2


def run(folder: Path, events: Path, as_of: str, url: str) -> Phases:
    """Make the tables in `folder`, write the CSV file and send the rows to `url`."""
    phases = Phases()
    blocks = dict(_blocks())
    with duckdb.connect(str(folder / DATABASE)) as connection:
        # Without keeping the order of insertion DuckDB may write from several threads.
        connection.execute(f"set threads = {THREADS}")
        connection.execute("set preserve_insertion_order = false")
        connection.execute("set timezone = 'UTC'")
        files = [str(path) for path in sorted(events.glob("*/*.ndjson*"))]
        connection.execute("set variable files = ?::varchar[]", [files])
        connection.execute("set variable as_of = ?::timestamp", [as_of])
        for name, sql in blocks.items():
            if name == "loop":
                continue
            with phases.measure(name):
                connection.execute(sql)
                if name == "identity":
                    phases.notes["rounds"] = _label_components(connection, blocks["loop"])
                elif name == "sync csv":
                    connection.execute(
                        f"copy vip_rows to '{folder / CSV}' (format csv, header true)"
                    )
                elif name == "sync http":
                    phases.notes["sent"] = _send(connection, url)
    return phases


def _blocks() -> Iterator[tuple[str, str]]:
    """The script's phases by name, in order, and its `loop`."""
    for part in SCRIPT.read_text(encoding="utf-8").split("\n-- phase: ")[1:]:
        head, _, body = part.partition("\n")
        body, _, loop = body.partition("\n-- loop: round\n")
        yield head, body
        if loop:
            yield "loop", loop


def _label_components(connection: duckdb.DuckDBPyConnection, round_sql: str) -> int:
    """Repeat the round until the labels, which only fall, stay; returns the rounds."""
    rounds, before, after = 0, None, _sum_of_labels(connection)
    while after != before:
        connection.execute(round_sql)
        rounds, before, after = rounds + 1, after, _sum_of_labels(connection)
    return rounds


def _sum_of_labels(connection: duckdb.DuckDBPyConnection) -> int | None:
    found = connection.execute("select sum(label)::bigint from labels").fetchone()
    return found[0] if found else None


def _send(connection: duckdb.DuckDBPyConnection, url: str) -> int:
    names = ("email", "user_id", "last_category", "list")
    rows = [
        {"operation": "upsert", "key": key, "fields": dict(zip(names, values, strict=True))}
        for key, *values in connection.execute("select * from cart_rows").fetchall()
    ]
    with httpx.Client(timeout=30) as client:
        for start in range(0, len(rows), BATCH):
            client.post(url, json={"rows": rows[start : start + BATCH]}).raise_for_status()
    return len(rows)


if __name__ == "__main__":
    _folder = Path(sys.argv[1])
    run(_folder, Path(sys.argv[2]), sys.argv[3], sys.argv[4]).write(_folder / RESULT)
