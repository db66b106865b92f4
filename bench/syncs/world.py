"""A project with one sync of so many people to a webhook, and the bodies that it must send.

The desired state is a view over a table, as `cdp compile` makes it; nothing here needs dbt,
and everything follows from the number of a person.
"""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path

import duckdb

from cdp.project import Project, find_project

SYNC = "people"
BATCH = 100
WAREHOUSE = "warehouse.duckdb"
BODIES = "bodies"
_ROOT = Path(__file__).parent.parent.parent
_FILES = {
    "cdp.yml": "dialects: [duckdb]\n",
    "dbt_project.yml": "name: bench\nprofile: bench\n",
    "profiles.yml": (
        "bench:\n  target: dev\n  outputs:\n    dev:\n"
        f"      {{type: duckdb, path: {WAREHOUSE}, schema: main, settings: {{SETTINGS}}}}\n"
    ),
    "definitions/destinations.yml": (
        "destinations:\n  - name: sink\n    type: webhook\n    live_on: [dev]\n"
        f"    settings: {{url: env:SINK_URL, batch_size: {BATCH}}}\n"
    ),
    f"definitions/syncs/{SYNC}.yml": (
        f"name: {SYNC}\ndescription: People.\nfrom: {{model: all_people}}\n"
        "destination: sink\nfields:\n"
        "  email: {column: email}\n  first_name: {column: first_name}\n"
        "  country: {column: country}\n  order_count: {column: order_count, type: integer}\n"
        "  lifetime_value: {column: lifetime_value, type: decimal}\n"
        "  last_seen_at: {column: last_seen_at, type: timestamp}\n"
    ),
}
# Keys are UUIDs in no order; names have letters beyond ASCII.
_PEOPLE = """
create table main.all_people as
select
    cast(md5('person ' || i) as uuid) as canonical_profile_id,
    'person.' || i || '@example.com' as email,
    ['Anna', 'José', 'Zoë', 'Björn', 'Mia', null][1 + i % 6] as first_name,
    ['DE', 'FR', 'US', 'BR'][1 + i % 4] as country,
    cast(i % 40 as bigint) as order_count,
    cast(i % 100000 / 100 as decimal(38, 6)) as lifetime_value,
    timestamp '2026-01-01' + to_seconds(i % 10000000) as last_seen_at
from range(?) as r (i)
"""
_DESIRED = """
create view main.sync__people as
select
    cast(p.canonical_profile_id as varchar) as sync_key,
    p.email, p.first_name, p.country, p.order_count, p.lifetime_value, p.last_seen_at
from main.all_people as p
"""


def make_project(folder: Path, rows: int, settings: str = "{}") -> Project:
    """A new project with so many people; `settings` are DuckDB's, as a YAML mapping."""
    (folder / "definitions" / "syncs").mkdir(parents=True)
    for name, text in _FILES.items():
        (folder / name).write_text(text.replace("{SETTINGS}", settings))
    shutil.copy(_ROOT / "dbt_project" / "definitions" / "identity.yml", folder / "definitions")
    with duckdb.connect(str(folder / WAREHOUSE)) as connection:
        connection.execute(_PEOPLE, [rows])
        connection.execute(_DESIRED)
    return find_project(folder)


def read_bodies(folder: Path) -> Iterator[bytes]:
    """The bodies of every request that the first run must send, made by hand."""
    names = ("email", "first_name", "country", "order_count", "lifetime_value", "last_seen_at")
    with duckdb.connect(str(folder / WAREHOUSE), read_only=True) as connection:
        found = connection.execute(
            "select d.sync_key, d.email, d.first_name, d.country, d.order_count, "
            "cast(d.lifetime_value as double), "
            "strftime(d.last_seen_at, '%Y-%m-%dT%H:%M:%S.%fZ') "
            "from main.sync__people as d order by d.sync_key"
        )
        while chunk := found.fetchmany(BATCH):
            rows = [
                {"operation": "upsert", "key": key, "fields": dict(zip(names, row, strict=True))}
                for key, *row in chunk
            ]
            body = {"sync": SYNC, "destination": "sink", "rows": rows}
            yield json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def write_bodies(folder: Path) -> None:
    """The bodies in a file, each after its length."""
    with (folder / BODIES).open("wb") as out:
        for body in read_bodies(folder):
            out.write(struct.pack("<I", len(body)) + body)


def ready_bodies(folder: Path) -> Iterator[bytes]:
    """What `write_bodies` wrote, one in memory at a time."""
    with (folder / BODIES).open("rb") as file:
        while head := file.read(4):
            yield file.read(struct.unpack("<I", head)[0])
