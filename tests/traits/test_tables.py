"""Traits over a table give what the same traits over the same rows as events would give.

Columns have the warehouse's own types; rows find their profile by an identifier as
identity.yml normalises it, or by a profile id, former ones too.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import md5
from typing import Any
from uuid import UUID

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdp.catalogue import Catalogue
from tests.audiences import stub_warehouse
from tests.audiences.oracle import Event, Profile, World
from tests.audiences.strategies import AGES, AS_OF
from tests.audiences.test_oracle import PROFILE, shown
from tests.definitions import catalogue_of

IDENTITY = """\
identifiers:
  - {type: user_id, paths: [userId]}
  - {type: email, paths: [traits.email], normalize: [email]}
"""
BY_EMAIL = "model: tickets, identifier: {email: mail}, occurred_at: opened_at"
BY_ID = "table: {schema: crm, name: scores}, identifier: canonical_profile_id"
TRAITS = f"""\
traits:
  - {{name: ticket_count, description: D., {BY_EMAIL}, aggregate: count}}
  - {{name: late_count, description: D., {BY_EMAIL}, aggregate: count, window: {{last: 7 days}}}}
  - {{name: open_count, description: D., {BY_EMAIL}, aggregate: count,
     where: [{{column: is_open, equals: true}}, {{column: priority, greater_than: 1}}]}}
  - {{name: last_topic, description: D., {BY_EMAIL}, aggregate: last, column: topic}}
  - {{name: last_due, description: D., {BY_EMAIL}, aggregate: maximum, column: due_at, type: timestamp}}
  - {{name: hours, description: D., {BY_EMAIL}, aggregate: sum, column: spent}}
  - {{name: topics, description: D., {BY_EMAIL}, aggregate: tally, column: topic}}
  - {{name: quiet_days, description: D., {BY_EMAIL}, aggregate: days_since_last}}
  - {{name: best_score, description: D., {BY_ID}, aggregate: maximum, column: score}}
  - {{name: score_count, description: D., {BY_ID}, aggregate: count}}
  - {{name: grade, description: D., {BY_ID}, aggregate: minimum, column: grade, type: string}}
"""  # noqa: E501
FORMER = "11111111-1111-1111-1111-111111111111"
TICKETS = {
    "mail": "text",
    "opened_at": "timestamp with time zone",
    "topic": "text",
    "priority": "integer",
    "is_open": "boolean",
    "spent": "decimal(10, 2)",
    "due_at": "text",
}
SCORES = {"canonical_profile_id": "text", "score": "double precision", "grade": "text"}


@dataclass(frozen=True)
class Rows:
    """Rows of the two tables, each beside the profile that it belongs to."""

    tickets: list[tuple[str, dict[str, Any]]]
    scores: list[tuple[str, dict[str, Any]]]


@st.composite
def rows(draw: st.DrawFn) -> Rows:
    tickets = []
    for _ in range(draw(st.integers(0, 12))):
        whose = draw(st.sampled_from(("p0", "p1", "nobody")))
        values = {
            "mail": draw(st.sampled_from((f"{whose}@x.org", f" {whose.upper()}@X.org "))),
            "opened_at": draw(st.sampled_from([None, *(AS_OF - age for age in AGES)])),
            "topic": draw(st.sampled_from(("b", "A", "é", None))),
            "priority": draw(st.sampled_from((None, 0, 1, 2, 3))),
            "is_open": draw(st.sampled_from((None, True, False))),
            "spent": draw(st.sampled_from((None, Decimal("0.25"), Decimal("-1.50"), Decimal(3)))),
            "due_at": draw(st.sampled_from((None, "2026-05-01", "soon", "2026-05-01 10:00:00+02"))),
        }
        tickets.append((whose, values))
    scores = []
    for _ in range(draw(st.integers(0, 6))):
        whose = draw(st.sampled_from(("p0", "p1", "nobody")))
        ids = [str(stub_warehouse.identifier(whose))] + ([FORMER] if whose == "p1" else [])
        values = {
            "canonical_profile_id": draw(st.sampled_from(ids)),
            "score": draw(st.sampled_from((None, 0.5, -2.0, 1e3, 12.25))),
            "grade": draw(st.sampled_from((None, "b", "B", "a"))),
        }
        scores.append((whose, values))
    return Rows(tickets, scores)


def world_of(found: Rows, catalogue: Catalogue) -> World:
    """The rows as events, under the names that the definitions' tables have."""
    keys = {
        name: trait.origin.query.event  # type: ignore[union-attr]
        for name, trait in catalogue.traits.items()
    }
    events = []
    for number, (whose, values) in enumerate(found.tickets):
        if values["opened_at"] is not None:
            plain = {name: _plain(value) for name, value in values.items()}
            at = values["opened_at"]
            events.append(Event(whose, keys["ticket_count"], at, f"t{number}", plain))
    for number, (whose, values) in enumerate(found.scores):
        plain = {name: _plain(value) for name, value in values.items()}
        long_ago = AS_OF - timedelta(days=9)
        events.append(Event(whose, keys["score_count"], long_ago, f"s{number}", plain))
    people = [Profile("p0", False, {}), Profile("p1", True, {})]
    return World(people, events, AS_OF, catalogue.traits, {})


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    # The oracle reads whole hours of a zone only with their minutes.
    return str(value).replace("+02", "+02:00") if isinstance(value, (str, Decimal)) else value


@dataclass(frozen=True)
class Stub:
    """A table to read: the types of its columns by name, and its rows."""

    name: str
    columns: dict[str, str]
    rows: list[tuple[Any, ...]]


def stubs(found: Rows) -> list[Stub]:
    """The two tables, the identifiers of the profiles, and the ids that were ever issued."""
    graph = []
    merges: list[tuple[Any, ...]] = []
    for name in ("p0", "p1"):
        profile = stub_warehouse.identifier(name)
        node = UUID(md5(f"email\x1f{name}@x.org".encode()).hexdigest())
        graph.append((node, profile))
        merges.append((profile, profile, node))
        if name == "p1":
            merges.append((FORMER, profile, None))
    kept = dict.fromkeys(("profile_id", "canonical_profile_id", "identifier_id"), "uuid")
    owned = dict.fromkeys(("identifier_id", "canonical_profile_id"), "uuid")
    return [
        Stub("profile_merges", kept, merges),
        Stub("rows_of_tickets", TICKETS, [tuple(one.values()) for _, one in found.tickets]),
        Stub("rows_of_scores", SCORES, [tuple(one.values()) for _, one in found.scores]),
        Stub("identity_graph", owned, graph),
    ]


def statements(found: Rows) -> list[str]:
    """The stubs as SQL; the graph is there already."""
    return [_statement(one) for one in stubs(found)]


def _statement(stub: Stub) -> str:
    declared = ", ".join(f"{column} {kind}" for column, kind in stub.columns.items())
    made = "" if stub.name in stub_warehouse.TABLES else f"create table {stub.name} ({declared}); "
    values = ", ".join("(" + ", ".join(map(_literal, row)) + ")" for row in stub.rows)
    return f"{made}insert into {stub.name} values {values}" if stub.rows else made.rstrip("; ")


def _literal(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, datetime):
        return f"'{value.isoformat()}+00:00'"
    return f"'{str(value).lower() if isinstance(value, bool) else value}'"


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    files = {"identity.yml": IDENTITY, "traits/tables.yml": TRAITS}
    return catalogue_of(tmp_path_factory.mktemp("tables"), files)


def compare(rows_: list[tuple[Any, ...]], names: list[str], world: World) -> None:
    found = {str(row[0]): dict(zip(names, row, strict=True)) for row in rows_}
    for profile in world.profiles:
        row = found[str(stub_warehouse.identifier(profile))]
        expected = {name: shown(world.trait(profile, one)) for name, one in world.traits.items()}
        assert {name: shown(row[name]) for name in expected} == expected


@settings(PROFILE, max_examples=12)
@given(found=rows())
def test_traits_over_tables_give_what_the_oracle_says(catalogue: Catalogue, found: Rows) -> None:
    world = world_of(found, catalogue)
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'Asia/Kathmandu'")
        stub_warehouse.build(connection.execute, world, catalogue, "duckdb", statements(found))
        cursor = connection.execute("from computed_traits")
        compare(cursor.fetchall(), [column[0] for column in cursor.description], world)


@pytest.mark.postgres
@settings(PROFILE, max_examples=5)
@given(found=rows())
def test_traits_over_tables_give_the_same_on_postgres(catalogue: Catalogue, found: Rows) -> None:
    address = os.environ.get("CDP_TEST_POSTGRES")
    if not address:
        pytest.skip("CDP_TEST_POSTGRES names no server")
    psycopg2 = pytest.importorskip("psycopg2")
    world = world_of(found, catalogue)
    connection = psycopg2.connect(address)
    with connection.cursor() as cursor:
        cursor.execute("create schema cdp_tables; set search_path = cdp_tables")
        cursor.execute("set timezone = 'Asia/Tokyo'; set jit = off")
        stub_warehouse.build(cursor.execute, world, catalogue, "postgres", statements(found))
        cursor.execute("select * from computed_traits")
        compare(cursor.fetchall(), [column[0] for column in cursor.description], world)
    connection.rollback()
    connection.close()


def test_what_is_read_as_texts_is_typed_once_a_column(catalogue: Catalogue) -> None:
    from cdp.features import plan_features

    plan = plan_features(catalogue.traits, {})
    assert sorted(map(plan.event_model, plan.tables)) == ["table__scores", "table__tickets"]
