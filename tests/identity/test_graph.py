"""`identity_graph` is a function of the events, whatever their shape, order and batches.

Five hundred generated graphs share each build: their identifiers carry the case's number.
"""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from uuid import UUID

import pytest

from cdp.project import Project
from cdp.warehouse import open_warehouse
from tests.identity.oracle import START, Event, Node, generate_case, resolve
from tests.projects import build, load, run

SEED = 3_141
CASES = 500
BATCHES = 3
LONG_CHAIN = 5_000


@pytest.fixture(scope="module")
def cases() -> list[list[Event]]:
    print(f"seed {SEED}")
    random = Random(SEED)
    found = [generate_case(random, number) for number in range(CASES)]
    # Contraction must not depend on the length of a path: one chain that nothing else has.
    found.append(
        [
            Event(START, {"user_id": f"long{(link + 1) // 2}", "anonymous_id": f"long{link // 2}"})
            for link in range(LONG_CHAIN)
        ]
    )
    return found


def test_batches_give_what_union_find_gives(
    project: Project, cases: list[list[Event]], tmp_path: Path
) -> None:
    events = [event for case in cases for event in case]
    Random(SEED).shuffle(events)
    expected = resolve(events)
    for number in range(BATCHES):
        load(project, "web", [write_events(tmp_path / f"{number}.ndjson", events[number::BATCHES])])
        run(project, "--select", "+profile_merges")
    assert graph_of(project) == expected
    assert _every_issued_id_resolves(project, expected)


def test_one_load_gives_the_same_and_no_name_of_a_merged_profile(
    project: Project, cases: list[list[Event]], tmp_path: Path
) -> None:
    """Built whole, with the project's own tests: no stale row, no edge between profiles."""
    events = [event for case in cases for event in case]
    load(project, "web", [write_events(tmp_path / "all.ndjson", events)])
    build(
        project, "--select", "+profiles", "+profile_merges", "--exclude-resource-type", "unit_test"
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
    return set(merges.values()) == set(expected.values()) and all(
        merges[profile] == profile for profile in merges.values()
    )
