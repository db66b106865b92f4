"""The models print for PostgreSQL what they mean: the oracle's cases on a real server.

Runs where CDP_TEST_POSTGRES holds a connection string.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp

from cdp.sql.engines import typed
from cdp.sql.text import sql_text
from tests.audiences import oracle, stub_warehouse
from tests.audiences.random_trees import TRAITS, Batch
from tests.audiences.strategies import Case, cases
from tests.audiences.test_oracle import PROFILE, shown
from tests.audiences.tree_oracle import Trees
from tests.traits.test_aggregates import crowded

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def cursor() -> Iterator[Any]:
    address = os.environ.get("CDP_TEST_POSTGRES")
    if not address:
        pytest.skip("CDP_TEST_POSTGRES names no server")
    psycopg2 = pytest.importorskip("psycopg2")
    connection = psycopg2.connect(address)
    with connection.cursor() as found:
        yield found
    connection.rollback()
    connection.close()


@settings(PROFILE, max_examples=20)
@given(case=st.one_of(cases(), crowded()))
def test_postgres_gives_what_the_oracle_says(cursor: Any, case: Case) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world, found = case.read(Path(folder))
    cursor.execute("drop schema if exists cdp_oracle cascade; create schema cdp_oracle")
    cursor.execute("set search_path = cdp_oracle; set timezone = 'Asia/Tokyo'; set jit = off")
    stub_warehouse.build(cursor.execute, world, found, "postgres")
    for trait in found.traits.values():
        cursor.execute(
            f"select canonical_profile_id, {trait.name} from computed_traits"  # noqa: S608 (a checked name)
        )
        expected = {
            (stub_warehouse.identifier(one), shown(world.trait(one, trait)))
            for one in world.profiles
        }
        assert {(UUID(key), shown(value)) for key, value in cursor.fetchall()} == expected, trait
    for audience in found.audiences.values():
        cursor.execute(f"table audience__{audience.name}")
        expected_ids = sorted(map(stub_warehouse.identifier, world.members(audience)))
        assert sorted(UUID(row[0]) for row in cursor.fetchall()) == expected_ids, audience


@pytest.mark.parametrize("seed", [900, 901])
def test_postgres_gives_what_the_oracle_of_trees_says(
    cursor: Any, seed: int, tmp_path: Path
) -> None:
    batch = Batch(seed, 40)
    case = Case(TRAITS, batch.audiences, batch.profiles, batch.events)
    world, found = case.read(tmp_path)
    cursor.execute("drop schema if exists cdp_oracle cascade; create schema cdp_oracle")
    cursor.execute("set search_path = cdp_oracle; set timezone = 'Asia/Tokyo'; set jit = off")
    stub_warehouse.build(cursor.execute, world, found, "postgres")
    trees = Trees(world, {one["name"]: one for one in batch.audiences})
    for name in found.audiences:
        cursor.execute(f"table audience__{name}")
        expected = sorted(map(stub_warehouse.identifier, trees.members(name)))
        assert sorted(UUID(row[0]) for row in cursor.fetchall()) == expected, f"{seed}: {name}"


@pytest.mark.parametrize("zone", ["+15:59", "-1559", "+16:00", "-99:00", "+02:60"])
def test_a_zone_that_no_clock_has_is_missing_and_stops_nothing(cursor: Any, zone: str) -> None:
    text = f"2026-05-01T10:00:00{zone}"
    moment = sql_text(typed(exp.column("at", "texts"), "timestamp", "postgres"), "postgres")
    cursor.execute(
        f"select {moment} from (values (cast(%s as text))) as texts (at)",  # noqa: S608 (printed)
        [text],
    )
    assert cursor.fetchone()[0] == oracle.moment(text)
