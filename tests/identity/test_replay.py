"""The replay in SQL equals the replay of one event after another: profiles, ids, decisions.

Some 1,500 generated cases share each build; their identifiers carry the case's number. The
documented examples are among them.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from uuid import UUID

import pytest

from cdp.project import Project
from cdp.warehouse import open_warehouse
from tests.identity.examples import EVER, EXAMPLES
from tests.identity.oracle import profile_id
from tests.identity.replay import Limit, Node, Outcome, Replay, Seen, oldest, replay
from tests.projects import compile_here, load, run

SEED = 271_828
CASES = 1_500
START = datetime(2026, 1, 1)
FOR_EVER = {**EVER, "device_id": Limit(2)}
WITH_WINDOWS = {
    "user_id": Limit(2),
    "email": Limit(1),
    "anonymous_id": Limit(5, days=7),
    "device_id": Limit(2, days=1),
}
WINDOWS = {None: "ever", 1: "daily", 7: "weekly"}
PATHS = {
    "user_id": "[userId]",
    "email": "[properties.email, context.traits.email]",
    "anonymous_id": "[anonymousId]",
    "device_id": "[context.device.id]",
}


@pytest.mark.parametrize("limits", [FOR_EVER, WITH_WINDOWS], ids=["for ever", "with windows"])
def test_rounds_give_what_the_sequence_gives(
    project: Project, tmp_path: Path, limits: Mapping[str, Limit]
) -> None:
    print(f"seed {SEED}")
    random = Random(SEED)
    cases = [_case(random, number) for number in range(CASES)]
    cases += [
        [_renamed(event, f"x{number}") for event in example.events]
        for number, example in enumerate(EXAMPLES)
        if set(example.limits.items()) <= set(limits.items())
    ]
    events = [event for case in cases for event in case]
    _prepare(project, limits)
    load(project, "web", [_write(tmp_path / "cases.ndjson", events)])
    run(project, "--select", "+identity_graph", "+profile_merges")

    expected = [replay(case, limits) for case in cases]
    with open_warehouse(project, read_only=True) as warehouse:
        graph = {
            (kind, value): profile
            for kind, value, profile in warehouse.rows(
                "select identifier_type, identifier_value, canonical_profile_id "
                "from main.identity_graph"
            )
        }
        rows = warehouse.rows(
            "select s.message_id, n.identifier_type, n.identifier_value, r.outcome "
            "from main_internal.int_identity__replay as r "
            "inner join main_internal.stg_events as s using (event_id) "
            "inner join main_internal.int_identity__nodes as n using (identifier_id)"
        )
    assert graph == _names(expected, limits)
    decided = [Outcome(message, (kind, value), what) for message, kind, value, what in rows]
    assert len(set(decided)) == len(decided)
    replayed = {outcome.node for outcome in decided}
    first = _deciding(cases, has_windows=any(one.days for one in limits.values()))
    due = {
        one
        for found in expected
        for one in found.outcomes
        if one.node in replayed and one.message_id in first
    }
    # What could break no limit yet is joined without a replay: who joined it is known, merges not.
    assert _of(decided, "demoted") == _of(due, "demoted")
    assert _of(decided, "created", "attached") == _of(due, "created", "attached")
    assert _of(decided, "merged") < _of(due, "merged")
    let_go = {one.node for found in expected for one in found.outcomes if one.outcome == "demoted"}
    assert let_go <= replayed
    counts = Counter(one.outcome for one in decided)
    kept = {graph[node] for node in replayed & set(graph)}
    assert counts["created"] - counts["merged"] == len(kept)


def _of(outcomes: Iterable[Outcome], *kinds: str) -> set[tuple[str, Node]]:
    return {(one.message_id, one.node) for one in outcomes if one.outcome in kinds}


def _names(expected: Sequence[Replay], limits: Mapping[str, Limit]) -> dict[Node, UUID]:
    priority = {kind: number for number, kind in enumerate(limits)}
    return {
        node: profile_id(oldest(profile, lambda one: (priority[one[0]], one[1])))
        for found in expected
        for node, profile in found.profiles.items()
    }


def _deciding(cases: Sequence[Sequence[Seen]], *, has_windows: bool) -> set[str]:
    """The messages that are replayed: of those with the same few identifiers the first."""
    names: set[str] = set()
    for case in cases:
        known: set[frozenset[Node]] = set()
        for event in sorted(case, key=lambda one: (one.at, one.message_id)):
            nodes = frozenset(event.nodes)
            if nodes not in known or len(nodes) > (1 if has_windows else 3):
                names.add(event.message_id)
            known.add(nodes)
    return names


def _case(random: Random, number: int) -> list[Seen]:
    """Events of a few people on shared devices, within hours or weeks, some at one moment."""
    pools = {
        "user_id": random.randrange(1, 5),
        "email": random.randrange(1, 9),
        "anonymous_id": random.randrange(1, 9),
        "device_id": random.randrange(1, 5),
    }
    span = random.choice((3, 30, 300, 900))
    names = random.sample(range(100, 1000), random.randrange(2, 26))
    return [
        Seen(
            START + timedelta(hours=random.randrange(span)),
            f"{number}-{name}",
            _some_nodes(random, number, pools),
        )
        for name in names
    ]


def _some_nodes(random: Random, number: int, pools: Mapping[str, int]) -> tuple[Node, ...]:
    """One to four types; an e-mail may come twice; a message needs an id of its own."""
    kinds = set(random.sample(("user_id", "anonymous_id"), random.randrange(1, 3)))
    found = [kind for kind in pools if kind in kinds or kind in ("email", "device_id")]
    found = [kind for kind in found if kind in kinds or random.random() < 0.4]
    if "email" in found and random.random() < 0.3:
        found.append("email")
    nodes = [(kind, f"{kind[0]}{number}x{random.randrange(pools[kind])}") for kind in found]
    return tuple(dict.fromkeys(nodes))


def _renamed(event: Seen, mark: str) -> Seen:
    nodes = tuple((kind, f"{value}-{mark}") for kind, value in event.nodes)
    return Seen(event.at, f"{mark}-{event.message_id}", nodes)


def _prepare(project: Project, limits: Mapping[str, Limit]) -> None:
    entries = [
        f"  - {{type: {kind}, paths: {PATHS[kind]}, "
        f"limit: {{count: {limit.count}, window: {WINDOWS[limit.days]}}}}}"
        for kind, limit in limits.items()
    ]
    (project.definitions / "identity.yml").write_text("\n".join(["identifiers:", *entries, ""]))
    compile_here(project)


def _write(file: Path, events: Sequence[Seen]) -> Path:
    lines = []
    for event in events:
        values: dict[str, list[str]] = defaultdict(list)
        for kind, value in event.nodes:
            values[kind].append(value)
        emails = [*values["email"], None, None]
        message = {
            "messageId": event.message_id,
            "type": "track",
            "event": "Seen",
            "timestamp": event.at.isoformat() + "Z",
            "receivedAt": event.at.isoformat() + "Z",
            "userId": next(iter(values["user_id"]), None),
            "anonymousId": next(iter(values["anonymous_id"]), None),
            "properties": {"email": emails[0]},
            "context": {
                "traits": {"email": emails[1]},
                "device": {"id": next(iter(values["device_id"]), None)},
            },
        }
        lines.append(json.dumps(message))
    Random(SEED).shuffle(lines)
    file.write_text("\n".join(lines) + "\n")
    return file
