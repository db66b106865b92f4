"""One suite for every destination: whatever goes wrong, in the end it holds what it should."""

from __future__ import annotations

import logging
import random
from pathlib import Path
from typing import Any

import pytest

from cdp.destinations.manifest import load_manifests
from cdp.destinations.simulate.faults import Faults
from cdp.destinations.simulate.vendor import Simulator

from .world import World, change

OBJECTS = [
    (manifest.name, name)
    for manifest in load_manifests().values()
    if manifest.http is not None
    for name in manifest.http.objects
]
ROUNDS = 5
MOST_RUNS = 5
"""Without faults, until everything is there: two, and more where rows wait for jobs."""


def make_world(folder: Path, name: str, shape: str, seed: int, rate: float) -> World:
    manifest = load_manifests()[name]
    found = manifest.object(shape)
    assert found is not None
    return World(
        manifest, found, Simulator(manifest, faults=Faults(seed, rate), only=shape), folder
    )


def play(world: World, seed: int, rounds: int = ROUNDS) -> dict[str, dict[str, Any]]:
    """Rounds with faults, then one without; the last desired state."""
    chance = random.Random(seed)
    people = dict.fromkeys(range(20), "first")
    for _ in range(rounds):
        world.run(dict(world.person(*one) for one in people.items()), chance.random() < 0.5)
        people = change(people, chance)
    world.simulator.faults.rate = 0.0
    desired = dict(world.person(*one) for one in people.items())
    for runs in range(MOST_RUNS):
        error = world.run(desired, retry_rejected=True)
        assert error is None, str(error)
        if runs and not world.staged:
            break
    return desired


@pytest.mark.parametrize(("name", "shape"), OBJECTS)
def test_in_the_end_a_destination_holds_what_it_should(
    tmp_path: Path, name: str, shape: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    seed = sum(map(ord, name + shape))
    print(f"seed {seed}")
    world = make_world(tmp_path, name, shape, seed, 0.25)
    desired = play(world, seed)
    compare(world, desired)
    shown = f"{caplog.text} {world.texts}"
    secrets = [str(one) for one in world.settings.values() if str(one).startswith("secret-")]
    assert [one for one in (*secrets, "private.example", "+4915112345") if one in shown] == []


@pytest.mark.parametrize(("name", "shape"), OBJECTS)
def test_rows_that_a_destination_refuses_are_found_and_the_others_arrive(
    tmp_path: Path, name: str, shape: str
) -> None:
    world = make_world(tmp_path, name, shape, 0, 0.0)
    desired = dict(world.person(number, "first") for number in range(12))
    bad = sorted(desired)[3::5]
    world.simulator.poisoned = {
        str(one) for key in bad for one in recognised(world, world.wanted(key, desired[key]))
    }
    for _ in range(MOST_RUNS):
        error = world.run(desired)
        assert error is None, str(error)
    states = {key: known.last[2] for key, known in world.memory.items()}
    assert states == {key: "rejected" if key in bad else "accepted" for key in desired}
    place = world.simulator.place(shape)
    assert len(place.events if world.shape.appends else place.entities) == len(desired) - len(bad)


def recognised(world: World, wanted: dict[str, Any]) -> list[Any]:
    """What a vendor can see of a row that is its own."""
    rules = {**world.shape.identifiers, **world.shape.fields}
    shared = {
        rule.sent_as
        for name, rule in rules.items()
        if rule.example is not None
        and name != "text"
        or (name in world.shape.identifiers and not rule.is_key)
    }
    own = [one for one in (wanted["key"], wanted.get("id"), wanted.get("uuid")) if one]
    return own + [
        value
        for group in ("identifiers", "known", "attributes")
        for name, value in wanted[group].items()
        if name not in shared | {"tier", "visits"}
    ]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize(("name", "shape"), OBJECTS)
def test_it_holds_for_many_seeds_and_long_storms(
    tmp_path: Path, name: str, shape: str, seed: int
) -> None:
    print(f"seed {seed}")
    world = make_world(tmp_path, name, shape, seed, 0.4)
    world.simulator.faults.storm = 8
    compare(world, play(world, seed, rounds=12))


def compare(world: World, desired: dict[str, dict[str, Any]]) -> None:
    """Remote state equals desired state; nothing lost; duplicates only where nothing prevents."""
    assert world.simulator.problems == []
    assert len(world.simulator.places) <= 1, f"several places: {list(world.simulator.places)}"
    place = world.simulator.place(world.shape.name)
    if world.shape.appends:
        compare_events(world, place.events, desired)
        return
    unknown = {key for key, known in world.memory.items() if known.last[2] == "unknown"}
    if not world.shape.serves("remove"):
        # Who left while it was unknown whether they are there stays so: nobody asks again.
        unknown &= set(desired)
    assert not unknown, "an idempotent destination leaves nothing unknown"
    assert world.shape.is_idempotent
    for key, fields in desired.items():
        wanted = world.wanted(key, fields)
        entity = place.find({"key": wanted["key"]})
        assert entity is not None, f"{key} was lost"
        for field, value in wanted["attributes"].items():
            if field in entity.fields and field in ("tier", "visits"):
                assert str(entity.fields[field]) == str(value)
    if world.shape.serves("remove"):
        assert len(place.entities) == len(desired)


def compare_events(
    world: World, events: list[dict[str, Any]], desired: dict[str, dict[str, Any]]
) -> None:
    accepted = [key for key, known in world.memory.items() if known.state == "present"]
    unknown = [key for key, known in world.memory.items() if known.state == "unknown"]
    assert len(accepted) <= len(events) <= len(accepted) + len(unknown)
    if world.shape.is_idempotent:
        assert not set(unknown) & set(desired)
