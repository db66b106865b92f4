"""Whatever time alone changes about a profile's features and conditions, the profile is touched.

Thousands of random conditions are computed as of several moments, over the same events. Who has
other values than a moment before must be in `int_features__touched`, unless a trait has another
value with which they are compared and that is kept beside them. What new events, merges and
replaced deliveries change is in `tests/traits/test_follow.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.audiences import stub_warehouse
from tests.audiences.random_trees import TRAITS, Batch
from tests.audiences.strategies import AS_OF, EVENTS, Case

TOUCHED = "int_features__touched"
TABLES = "int_features__computed", "int_conditions__computed", "int_conditions__moving"
CLOCKED = (TOUCHED, TABLES[0], "int_features", *TABLES[1:])
STEPS = tuple(
    timedelta(**one)
    for one in (
        {"microseconds": 1}, {"minutes": 45}, {"hours": 1}, {"hours": 7}, {"days": 1},
        {"days": 3, "minutes": 1}, {"days": 7}, {"days": 31}, {},
    )
)  # fmt: skip
A, B = EVENTS[:2]
ALONE: tuple[dict[str, Any], ...] = (
    {"did_regularly": A, "at_least": 2, "of_last": "9 days"},
    {"did_regularly": A, "at_least": 2, "of_last": "5 weeks"},
    {"did_regularly": A, "at_least": 2, "of_last": "3 months"},
    {"did": A, "where": [{"property": "price", "less_than": {"trait": "spent"}}],
     "window": {"last": "7 days"}},
    {"did": A, "where": [{"property": "price", "greater_than": {"trait": "quiet"}}],
     "window": {"last": "7 days"}},
    {"sequence": [{"did": A}, {"then_not": B, "within": "7 days"}]},
    {"sequence": [{"did": A}, {"then": B}, {"then": A, "at_most": 1, "within": {"1": "1 month"}}]},
    {"sequence": [{"did": A, "window": {"last": "7 days"}}, {"then": B}]},
    {"sequence": [{"did": A}, {"then": B, "window": {"calendar": "previous week"}}]},
    {"consent": "marketing"},
    {"did": A, "window": {"between": ["30 days", "7 days"]}},
)  # fmt: skip
QUIET = {"name": "quiet", "description": "D.", "event": B, "aggregate": "days_since_last"}
Ids = set[Any]


@pytest.mark.parametrize("condition", ALONE, ids=str)
def test_whoever_a_condition_alone_changes_is_touched(
    condition: dict[str, Any], tmp_path: Path
) -> None:
    """Alone, because of many conditions another one has often touched the profile too."""
    batch = Batch(7, 0, profiles=60)
    batch.audiences = [{"name": "some", "description": "D.", "who": condition}]
    traits = [QUIET, *(one for one in TRAITS if one["name"] == "spent")]
    steps = walk(batch, traits, tmp_path, STEPS)
    assert_touched(steps, condition)
    assert any(changed for _, changed, _ in steps)
    assert min(len(touched) for step, _, touched in steps if step) < 30


@pytest.mark.parametrize(
    "seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(100, 160))]
)
def test_whoever_random_conditions_change_is_touched(seed: int, tmp_path: Path) -> None:
    batch = Batch(seed, (60, 3, 100, 1)[seed % 4])
    steps = batch.random.sample(STEPS, 6)
    assert_touched(walk(batch, TRAITS, tmp_path, steps), f"seed {seed}")


def walk(
    batch: Batch, traits: list[dict[str, Any]], folder: Path, steps: Sequence[timedelta]
) -> list[tuple[timedelta, Ids, Ids]]:
    """Of each step in time: its length, the profiles that changed, and the touched."""
    case = Case(traits, batch.audiences, batch.profiles, batch.events)
    world, found = case.read(folder)
    models = stub_warehouse.models(found)
    made = {one.name: stub_warehouse.create_statement(one, "duckdb") for one in models}
    before, former, done = AS_OF - timedelta(days=2), None, []
    with duckdb.connect(":memory:") as connection:
        connection.execute("set timezone = 'Asia/Tokyo'")
        connection.execute("; ".join(stub_warehouse.stub_statements(world)))
        connection.execute("; ".join(made[name] for name in made if name.startswith("event__")))
        for step in (timedelta(), *steps):
            now = before + step
            clock = "update clock set as_of = ?, previous_as_of = ?, followed = 1"
            connection.execute(clock, [now, before])
            for name in CLOCKED:
                if name in made:
                    connection.execute(made[name].replace("create", "create or replace", 1))
            rows = _rows(connection, [one for one in TABLES if one in made])
            if former is not None:
                changed = {key[1] for key, row in rows.items() if row != former.get(key, row)}
                done.append((step, changed, _touched(connection)))
            before, former = now, rows
    return done


def assert_touched(steps: list[tuple[timedelta, Ids, Ids]], what: object) -> None:
    """Who changed is touched, and nobody is while time stands still."""
    for step, changed, touched in steps:
        assert changed <= touched, f"{what}, a step of {step}"
        assert step or not touched, what


def _rows(connection: duckdb.DuckDBPyConnection, tables: list[str]) -> dict[Any, Any]:
    """What the tables say of each profile, by the table, the profile and the traits it keeps."""
    found: dict[Any, Any] = {}
    for table in tables:
        relation = connection.sql(f"from {table}")
        kept = [n for n, name in enumerate(relation.columns) if name.startswith("trait__")]
        for row in relation.fetchall():
            found[(table, row[0], *(row[n] for n in kept))] = row
    return found


def _touched(connection: duckdb.DuckDBPyConnection) -> Ids:
    rows = connection.execute(f"select canonical_profile_id from {TOUCHED}").fetchall()
    return {row[0] for row in rows} - {None}
