"""Tables that change under the platform: what it knows follows, in any order of runs."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random
from uuid import UUID

import pytest

from cdp.project import Project
from cdp.warehouse import open_warehouse
from tests.identity.oracle import PRIORITY, Event, Node, generate_case, profile_id
from tests.identity.replay import Limit, Seen, oldest, replay
from tests.projects import compile_here, fingerprints, load, run

SEED = 4_669
CASES = 60
RUNS = 4
NO_TIME = datetime(9999, 12, 31)
SELECTED = ("--select", "+profile_merges", "+identity_decisions", "+user_traits", "+profiles")
COLUMNS = ("id", "at", "user_id", "email", "anonymous_id")
SOURCES = """\
record_sources:
  - name: crm
    table: {schema: lake, name: crm}
    key: id
    occurred_at: at
    identifiers: {user_id: user_id, email: email, anonymous_id: anonymous_id}
    traits: {email: email}
  - name: archive
    table: {schema: lake, name: archive}
    key: id
    identifiers: {user_id: user_id, email: email, anonymous_id: anonymous_id}
"""
LIMITS = {"user_id": Limit(1), "email": Limit(5), "anonymous_id": Limit(5)}


@dataclass(frozen=True)
class _Evidence:
    """An event or a record, and the runs that it is there for."""

    source: str
    name: str
    event: Event
    runs: range

    @property
    def at(self) -> datetime:
        return NO_TIME if self.source == "archive" else self.event.at


@pytest.mark.slow
def test_what_follows_changed_tables_equals_a_full_refresh(
    project: Project, tmp_path: Path
) -> None:
    """Records appear, change, vanish and come back between runs; each run gives what the
    replay in plain Python gives for what is there, and a full refresh gives the same."""
    print(f"seed {SEED}")
    random = Random(SEED)
    evidence = list(_world(random))
    (project.definitions / "record_sources.yml").write_text(SOURCES)
    compile_here(project)
    for number in range(RUNS):
        present = [one for one in evidence if number in one.runs]
        new = [one for one in present if one.source == "web" and one.runs.start == number]
        load(project, "web", [_events(tmp_path / f"{number}.ndjson", new)])
        _fill(project, tmp_path, present)
        run(project, *SELECTED)
        assert _graph(project) == _expected(present)
    with open_warehouse(project, read_only=True) as warehouse:
        incremental = fingerprints(project, warehouse)
    run(project, "--full-refresh", *SELECTED)
    with open_warehouse(project, read_only=True) as warehouse:
        assert fingerprints(project, warehouse) == incremental


@pytest.mark.slow
def test_a_source_that_is_no_longer_declared_is_forgotten(project: Project, tmp_path: Path) -> None:
    records = [
        _Evidence("crm", name, Event(datetime(2026, 1, 1), identifiers), range(1))
        for name, identifiers in (
            ("1", {"user_id": "u", "email": "e@example.org"}),
            ("2", {"user_id": "v"}),
        )
    ]
    (project.definitions / "record_sources.yml").write_text(SOURCES)
    compile_here(project)
    load(project, "web", [_events(tmp_path / "e.ndjson", [])])
    _fill(project, tmp_path, records)
    run(project, *SELECTED)
    assert len(_graph(project)) == 3
    (project.definitions / "record_sources.yml").unlink()
    compile_here(project)
    for _ in range(2):
        run(project, *SELECTED)
        with open_warehouse(project, read_only=True) as warehouse:
            assert warehouse.rows(
                "select message_id, is_deleted, identifiers, traits "
                "from main_internal.int_identity__records order by 1"
            ) == [("1", True, None, None), ("2", True, None, None)]
            assert warehouse.value("select count(*) from user_traits") == 0
        assert _graph(project) == {}


def _world(random: Random) -> Iterator[_Evidence]:
    """Small graphs, each of whose links is an event, a record, or a record that changes."""
    for number in range(CASES):
        case = generate_case(random, number)[:12]
        for index, event in enumerate(case):
            name, start = f"{number}-{index:02}", random.randrange(RUNS)
            source = random.choice(("web", "crm", "crm", "archive"))
            if source == "web":
                yield _Evidence(source, name, event, range(start, RUNS))
                continue
            end = random.randrange(start, RUNS) + 1
            yield _Evidence(source, name, event, range(start, end))
            if random.random() < 0.5:
                # Once it is gone it comes back as something else.
                gap = random.randrange(2)
                yield _Evidence(source, name, random.choice(case), range(end + gap, RUNS))


def _expected(present: Sequence[_Evidence]) -> dict[Node, UUID]:
    seen = [
        Seen(one.at, f"{one.source}\0{one.name}", tuple(one.event.identifiers.items()))
        for one in present
    ]
    found = replay(seen, LIMITS)
    return {
        node: profile_id(oldest(profile, lambda one: (PRIORITY[one[0]], one[1])))
        for node, profile in found.profiles.items()
    }


def _graph(project: Project) -> dict[Node, UUID]:
    with open_warehouse(project, read_only=True) as warehouse:
        rows = warehouse.rows(
            "select identifier_type, identifier_value, canonical_profile_id from identity_graph"
        )
    return {(kind, value): profile for kind, value, profile in rows}


def _events(path: Path, events: Sequence[_Evidence]) -> Path:
    lines = []
    for one in events:
        found = one.event.identifiers
        message = {
            "type": "identify",
            "messageId": one.name,
            "userId": found.get("user_id"),
            "anonymousId": found.get("anonymous_id"),
            "timestamp": f"{one.at.isoformat()}Z",
            "receivedAt": "2026-03-01T00:00:00Z",
            "traits": {"email": found["email"]} if "email" in found else {},
        }
        lines.append(json.dumps(message) + "\n")
    path.write_text("".join(lines))
    return path


def _fill(project: Project, folder: Path, present: Sequence[_Evidence]) -> None:
    """The tables of the record sources, written anew."""
    with open_warehouse(project) as warehouse:
        warehouse.execute("create schema if not exists lake")
        for source in ("crm", "archive"):
            path = folder / f"{source}.csv"
            with path.open("w", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(COLUMNS)
                for one in present:
                    if one.source == source:
                        found = one.event.identifiers
                        writer.writerow(
                            [one.name, one.event.at, *(found.get(kind) for kind in PRIORITY)]
                        )
            warehouse.execute(
                f"create or replace table lake.{source} as "
                "select * from read_csv(?, all_varchar = true, header = true)",
                [str(path)],
            )
