"""Records, links of alias calls and an expression of one's own are the same on PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cdp.project import find_project
from cdp.warehouse import open_warehouse
from tests.postgres import connect, copy_raw, two_dialects
from tests.projects import compile_here, load, run

pytestmark = [pytest.mark.postgres, pytest.mark.slow]
IDENTITY = """\
identifiers:
  - {type: user_id, paths: [userId]}
  - {type: email, paths: [traits.email], normalize: [email]}
  - {type: card, paths: [], normalize: [{sql: "regexp_replace(value, '[^0-9]', '', 'g')"}]}
  - {type: anonymous_id, paths: [anonymousId]}
"""
SOURCES = """\
record_sources:
  - name: crm
    table: {schema: lake, name: Contacts}
    key: [region, id]
    occurred_at: at
    identifiers: {user_id: customer, email: [email, second]}
    traits: {plan: plan}
  - name: cards
    table: {schema: lake, name: cards}
    key: number
    occurred_at: seen
    unit: seconds
    identifiers: {card: number, user_id: customer}
"""
FIRST = """
    create schema lake;
    create table lake."Contacts" as select * from (values
        ('eu/1', 1, timestamptz '2026-01-02 10:00:00+02', 'u1', 'A@x.org', 'b@x.org', 'pro'),
        ('eu', 2, null, 'u2', null, null, null),
        (null, null, null, 'u3', 'c@x.org', null, 'free')
    ) as t(region, id, "at", customer, email, second, plan);
    create table lake.cards as select * from (values
        ('12-34', 1767225600, 'u1'), ('56 78', null, 'u2'), ('9', 1e15, 'u4')
    ) as t(number, seen, customer);
"""
SECOND = """
    delete from lake.cards where number = '12-34';
    update lake."Contacts" set plan = 'team', "at" = timestamptz '2026-01-03 00:00:00+00'
        where id = 1;
    insert into lake.cards values ('77', 1767225601, 'u3');
"""
EVENTS: list[dict[str, Any]] = [
    {"type": "identify", "messageId": "m1", "userId": "u1", "traits": {"plan": "free"}},
    {"type": "alias", "messageId": "m2", "userId": "u1", "previousId": "a1"},
]
TABLES = {
    "internal": {
        "int_identity__records": "event_id, source, message_id, occurred_at, row_count, is_deleted",
        "int_identity__event_identifiers": (
            "event_id, identifier_id, identifier_type, identifier_value, owner_id, "
            "dropped_reason, occurred_at"
        ),
    },
    "public": {
        "identity_graph": "*",
        "user_traits": "*",
        "profiles": "*",
        "identity_decisions": "*",
    },
}


@pytest.fixture
def server() -> Iterator[Any]:
    connection = connect()
    with connection.cursor() as cursor:
        cursor.execute("drop schema if exists lake cascade")
    yield connection
    connection.close()


def test_records_are_the_same_on_both_engines(server: Any, tmp_path: Path) -> None:
    project = two_dialects(tmp_path / "shop")
    (project.definitions / "identity.yml").write_text(IDENTITY)
    (project.definitions / "record_sources.yml").write_text(SOURCES)
    compile_here(project)
    on_postgres = find_project(project.folder, "postgres")
    times = {"timestamp": "2026-01-01T00:00:00Z", "receivedAt": "2026-01-01T00:00:00Z"}
    events = tmp_path / "events.ndjson"
    events.write_text("\n".join(json.dumps({**times, **one}) for one in EVENTS))
    load(project, "web", [events])
    copy_raw(project, server)
    for changes in (FIRST, SECOND):
        with open_warehouse(project) as warehouse, server.cursor() as cursor:
            for statement in changes.split(";\n")[:-1]:
                warehouse.execute(statement)
                cursor.execute(statement)
        for one in (project, on_postgres):
            run(one, "--select", "+profile_merges", "+identity_decisions", "+user_traits",
                "+profiles")  # fmt: skip
    with open_warehouse(project, read_only=True) as warehouse, server.cursor() as cursor:
        for layer, tables in TABLES.items():
            for table, columns in tables.items():
                ours = warehouse.rows(f"select {columns} from {project.schema(layer)}.{table}")
                cursor.execute(f"select {columns} from {on_postgres.schema(layer)}.{table}")
                assert _sorted(cursor.fetchall()) == _sorted(ours), table
                assert ours, table


def _sorted(rows: list[tuple[Any, ...]]) -> list[tuple[str, ...]]:
    return sorted(tuple(str(value) for value in row) for row in rows)
