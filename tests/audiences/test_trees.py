"""Thousands of random audiences, compiled together and run, against the oracle of trees."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.audiences import stub_warehouse
from tests.audiences.random_trees import TRAITS, Batch
from tests.audiences.strategies import Case
from tests.audiences.tree_oracle import Trees

AUDIENCES = 150


def run(batch: Batch, folder: Path) -> tuple[Trees, dict[str, set[Any]]]:
    """The oracle of a batch, and the members that the compiled models give."""
    case = Case(TRAITS, batch.audiences, batch.profiles, batch.events)
    world, found = case.read(folder)
    with duckdb.connect(":memory:") as connection:
        connection.execute("set timezone = 'Asia/Tokyo'")
        stub_warehouse.build(connection.execute, world, found, "duckdb")
        members = {
            name: {row[0] for row in connection.execute(f"from audience__{name}").fetchall()}
            for name in found.audiences
        }
    return Trees(world, {one["name"]: one for one in batch.audiences}), members


def check(seed: int, folder: Path) -> None:
    """Every audience of a batch has the members that the oracle says."""
    batch = Batch(seed, AUDIENCES)
    trees, members = run(batch, folder)
    for one in batch.audiences:
        expected = {stub_warehouse.identifier(name) for name in trees.members(one["name"])}
        assert members[one["name"]] == expected, f"seed {seed}: {one}"


@pytest.mark.parametrize("seed", range(2))
def test_a_batch_of_audiences_has_the_members_that_the_oracle_says(
    seed: int, tmp_path: Path
) -> None:
    check(seed, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 170))
def test_ten_thousand_more_audiences(seed: int, tmp_path: Path) -> None:
    check(seed, tmp_path)
