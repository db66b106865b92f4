"""`identity_graph` is a function of the events, whatever their shape, order and batches.

Five hundred generated graphs share each build: their identifiers carry the case's number.
With the shipped limits the oracle is the replay, with limits out of reach it is union-find.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from random import Random
from uuid import UUID

import pytest

from cdp.project import Project
from cdp.warehouse import open_warehouse
from tests.identity.oracle import (
    PRIORITY,
    START,
    Event,
    Node,
    generate_case,
    profile_id,
    resolve,
)
from tests.identity.replay import Limit, Seen, oldest, replay
from tests.projects import build, lift_limits, load, run

SEED = 3_141
CASES = 500
BATCHES = 3
LONG_CHAIN = 5_000
SHIPPED = {"user_id": Limit(1), "email": Limit(5), "anonymous_id": Limit(5)}


@pytest.fixture(scope="module")
def cases() -> list[list[Event]]:
    print(f"seed {SEED}")
    random = Random(SEED)
    return [generate_case(random, number) for number in range(CASES)]


def test_batches_give_what_the_replay_gives(
    project: Project, cases: list[list[Event]], tmp_path: Path
) -> None:
    """Batches cut through time: what an early batch joined, a later one may keep apart."""
    events = [event for case in cases for event in case]
    Random(SEED).shuffle(events)
    seen: dict[int, list[Seen]] = defaultdict(list)
    for number in range(BATCHES):
        batch = events[number::BATCHES]
        load(project, "web", [write_events(tmp_path / f"{number}.ndjson", batch)])
        run(project, "--select", "+identity_graph", "+profile_merges")
        for line, event in enumerate(batch):
            nodes = tuple(event.identifiers.items())
            seen[_case_number(nodes)].append(Seen(event.at, f"{number}-{line}", nodes))
    expected = {}
    for case in seen.values():
        for node, profile in replay(case, SHIPPED).profiles.items():
            expected[node] = profile_id(oldest(profile, lambda one: (PRIORITY[one[0]], one[1])))
    assert graph_of(project) == expected
    assert _every_issued_id_resolves(project, expected)


def test_one_load_gives_the_same_and_no_name_of_a_merged_profile(
    project: Project, cases: list[list[Event]], tmp_path: Path
) -> None:
    """Built whole, with the project's own tests: no stale row, no edge between profiles.

    Contraction must not depend on the length of a path: one chain is long.
    """
    lift_limits(project)
    events = [event for case in cases for event in case]
    events += [
        Event(START, {"user_id": f"long{(link + 1) // 2}", "anonymous_id": f"long{link // 2}"})
        for link in range(LONG_CHAIN)
    ]
    load(project, "web", [write_events(tmp_path / "all.ndjson", events)])
    build(
        project,
        "--select",
        "+profiles",
        "+profile_merges",
        "--indirect-selection",
        "cautious",
        "--exclude-resource-type",
        "unit_test",
    )
    assert graph_of(project) == resolve(events)


def test_without_any_edge_every_identifier_is_a_profile(project: Project, tmp_path: Path) -> None:
    events = [Event(START, {"anonymous_id": f"a{number}"}) for number in range(5)]
    load(project, "web", [write_events(tmp_path / "alone.ndjson", events)])
    run(project, "--select", "+identity_graph")
    assert graph_of(project) == resolve(events)


def write_events(file: Path, events: list[Event]) -> Path:
    names = {"user_id": "userId", "anonymous_id": "anonymousId"}
    lines = []
    for number, event in enumerate(events):
        ids = {names[kind]: value for kind, value in event.identifiers.items() if kind in names}
        message = {
            "messageId": f"{file.stem}-{number}",
            "type": "track",
            "event": "Seen",
            "timestamp": event.at.isoformat() + "Z",
            "receivedAt": event.at.isoformat() + "Z",
            **ids,
        }
        if "email" in event.identifiers:
            message["context"] = {"traits": {"email": event.identifiers["email"]}}
        lines.append(json.dumps(message))
    file.write_text("\n".join(lines) + "\n")
    return file


def _case_number(nodes: tuple[Node, ...]) -> int:
    """u12x3 is of case 12."""
    return int(nodes[0][1][1:].split("x")[0])


def graph_of(project: Project) -> dict[Node, UUID]:
    with open_warehouse(project, read_only=True) as warehouse:
        rows = warehouse.rows(
            "select identifier_type, identifier_value, canonical_profile_id "
            "from main.identity_graph"
        )
    assert len({row[:2] for row in rows}) == len(rows)
    return {(kind, value): profile for kind, value, profile in rows}


def _every_issued_id_resolves(project: Project, expected: dict[Node, UUID]) -> bool:
    with open_warehouse(project, read_only=True) as warehouse:
        merges = dict(
            warehouse.rows("select profile_id, canonical_profile_id from main.profile_merges")
        )
    return (
        {profile_id(node) for node in expected} <= set(merges)
        and set(merges.values()) == set(expected.values())
        and all(merges[profile] == profile for profile in merges.values())
    )
