"""Modes with a request of their own: what an update or an archive leaves at a destination."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdp.destinations.manifest import load_manifests

from .test_chaos import OBJECTS, compare, make_world, play
from .world import World

SERVING = {
    mode: [
        (name, shape)
        for name, shape in OBJECTS
        if (found := load_manifests()[name].object(shape)) and found.serves(mode)
    ]
    for mode in ("update", "archive")
}


@pytest.mark.parametrize(("name", "shape"), SERVING["update"])
def test_an_update_changes_what_is_there_and_makes_nothing(
    tmp_path: Path, name: str, shape: str
) -> None:
    seed = sum(map(ord, name + shape))
    print(f"seed {seed}")
    before = make_world(tmp_path, name, shape, seed, 0.0)
    there = dict(before.person(number, "long ago") for number in range(0, 60, 2))
    assert before.run(there) is None
    simulator = before.simulator
    simulator.faults.rate = 0.25
    world = World(
        before.manifest, before.shape, simulator, tmp_path, before.clock, mode="update", runs=100
    )
    desired = play(world, seed)
    place = simulator.place(shape)
    assert simulator.problems == []
    assert len(place.entities) == len(there)
    is_told = world.shape.serving("upsert", "update").if_missing == "reject"
    for key, fields in desired.items():
        entity = place.find({"key": world.wanted(key, fields)["key"]})
        outcome = world.memory[key].last[2]
        if key not in there:
            assert (entity, outcome) == (None, "rejected" if is_told else "accepted")
            continue
        assert entity is not None
        assert (str(entity.fields["tier"]), outcome) == (str(fields["tier"]), "accepted")


@pytest.mark.parametrize(("name", "shape"), SERVING["archive"])
def test_in_the_end_only_who_is_wanted_is_not_archived(
    tmp_path: Path, name: str, shape: str
) -> None:
    seed = sum(map(ord, name + shape))
    print(f"seed {seed}")
    world = make_world(tmp_path, name, shape, seed, 0.25)
    world = World(world.manifest, world.shape, world.simulator, tmp_path, mode="archive")
    compare(world, play(world, seed))


def test_some_destinations_have_these_modes() -> None:
    assert {name for name, _ in SERVING["update"]} == {
        "braze", "hubspot", "intercom", "marketo", "salesforce",
    }  # fmt: skip
    assert {name for name, _ in SERVING["archive"]} == {"hubspot", "intercom"}
