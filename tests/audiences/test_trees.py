"""Thousands of random audiences, compiled together and run, against the oracle of trees."""

from __future__ import annotations

import tempfile
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.audiences import stub_warehouse
from tests.audiences.random_trees import TRAITS, Batch
from tests.audiences.strategies import Case
from tests.audiences.test_oracle import PROFILE
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


def check(seed: int, folder: Path, audiences: int = AUDIENCES) -> None:
    """Every audience of a batch has the members that the oracle says."""
    batch = Batch(seed, audiences)
    trees, members = run(batch, folder)
    for one in batch.audiences:
        expected = {stub_warehouse.identifier(name) for name in trees.members(one["name"])}
        assert members[one["name"]] == expected, f"seed {seed}: {one}"


@pytest.mark.parametrize("seed", range(2))
def test_a_batch_of_audiences_has_the_members_that_the_oracle_says(
    seed: int, tmp_path: Path
) -> None:
    check(seed, tmp_path)


@settings(PROFILE, max_examples=12)
@given(seed=st.integers(0, 2**32))
def test_few_audiences_alone_have_the_members_that_the_oracle_says(seed: int) -> None:
    """What looks at recent events only does not read old ones; among many something always does."""
    with tempfile.TemporaryDirectory() as folder:
        check(seed, Path(folder), audiences=2)


def test_negation_divides_the_eligible_and_the_order_of_clauses_says_nothing(
    tmp_path: Path,
) -> None:
    batch = Batch(50, 60)
    plain = [{**one, "below": []} for one in batch.audiences]
    opposite = [{**one, "name": f"not_{one['name']}", "who": {"not": one["who"]}} for one in plain]
    turned = [
        {**one, "name": f"turned_{one['name']}", "who": shuffled(one["who"], batch.random)}
        for one in plain
    ]
    batch.audiences = [*plain, *opposite, *turned]
    trees, members = run(batch, tmp_path)
    for one in plain:
        eligible = {
            stub_warehouse.identifier(profile.id)
            for profile in trees.world.profiles.values()
            if one["include_anonymous"] or not profile.is_anonymous
        }
        name = one["name"]
        assert members[f"turned_{name}"] == members[name], one
        assert members[f"not_{name}"] == eligible - members[name], one
    assert sum(map(len, members.values())) > 0


def shuffled(tree: Any, random: Random) -> Any:
    """A condition with the parts of its groups, and its filters, in another order."""
    if isinstance(tree, dict):
        mixed = {key: shuffled(value, random) for key, value in tree.items()}
        for key in {"all", "any", "where"} & set(mixed):
            mixed[key] = random.sample(mixed[key], len(mixed[key]))
        return mixed
    return [shuffled(one, random) for one in tree] if isinstance(tree, list) else tree


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 170))
def test_ten_thousand_more_audiences(seed: int, tmp_path: Path) -> None:
    check(seed, tmp_path)
