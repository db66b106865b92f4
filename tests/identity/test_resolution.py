"""Identity follows the change: what a load does not touch is not written again.

And following gives what building everything anew gives, also where an earlier delivery takes
the place of an event and what it joined comes apart.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from cdp.project import Project
from cdp.warehouse import open_warehouse
from tests.projects import compile_here, fingerprints, load, run

SEED = 16_180
START = datetime(2026, 1, 1)
PEOPLE = 120
SELECTED = ("--select", "+identity_graph", "+profile_merges", "+identity_decisions")
RULES = """
identifiers:
  - {type: user_id, paths: [userId], limit: {count: 1}}
  - {type: email, paths: [traits.email], limit: {count: 2}}
  - type: anonymous_id
    paths: [anonymousId]
    limit: {count: 3}
    shared: {with: user_id, more_than: 4}
"""


def test_a_load_touches_only_the_components_of_its_identifiers(
    project: Project, tmp_path: Path
) -> None:
    events = [_event(f"m{one}", one, user=f"u{one}", device=f"a{one}") for one in range(PEOPLE)]
    _build(project, tmp_path, events)
    _build(project, tmp_path, [_event("new", 500, user="u7", device="a8")])
    _build(project, tmp_path, [_event("alone", 501, device="a-new")])

    assert _rebuilt_in(project) == {1}
    written = dict(
        _rows(
            project, "select identifier_value, resolution from main_internal.int_identity__resolved"
        )
    )
    assert {value for value, number in written.items() if number == 2} == {"u7", "a7", "u8", "a8"}
    assert {value for value, number in written.items() if number == 3} == {"a-new"}
    assert len(written) == 2 * PEOPLE + 1


def test_a_changed_rule_resolves_everything_anew(project: Project, tmp_path: Path) -> None:
    events = [_event(f"m{one}", one, user="u1", device=f"a{one}") for one in range(6)]
    _build(project, tmp_path, events)
    assert _count(project, "identity_graph") == 1 + 3
    rules = project.definitions / "identity.yml"
    rules.write_text(rules.read_text().replace("count: 3", "count: 5"))
    compile_here(project)
    run(project, *SELECTED)
    assert _count(project, "identity_graph") == 1 + 5
    assert _rebuilt_in(project) == {2}


def test_following_gives_what_a_full_refresh_gives(project: Project, tmp_path: Path) -> None:
    """Random loads, a third of whose messages were loaded before with other identifiers."""
    print(f"seed {SEED}")
    random = Random(SEED)
    for _ in range(4):
        _build(project, tmp_path, [_random_event(random) for _ in range(80)])
    assert _rebuilt_in(project) == {1}
    with open_warehouse(project, read_only=True) as warehouse:
        followed = fingerprints(project, warehouse)
        gone = warehouse.value(
            "select count(*) from main_internal.int_identity__nodes where evidence_count = 0"
        )
        flipped = warehouse.value("select count(*) from main_internal.int_identity__shared")
    assert gone > 0
    assert flipped > 0
    run(project, *SELECTED, "--full-refresh")
    with open_warehouse(project, read_only=True) as warehouse:
        assert fingerprints(project, warehouse) == followed


def _random_event(random: Random) -> dict[str, Any]:
    """Of one of a few hundred messages, each time it is delivered received at another moment."""
    number = random.randrange(400)
    device = f"a{random.randrange(60)}" if random.random() < 0.9 else "kiosk"
    return _event(
        f"m{number}",
        random.randrange(2_000),
        user=f"u{random.randrange(60)}" if random.random() < 0.6 else None,
        device=device,
        email=f"e{random.randrange(60)}@example.org" if random.random() < 0.3 else None,
    )


def _event(
    message_id: str,
    hour: int,
    user: str | None = None,
    device: str | None = None,
    email: str | None = None,
) -> dict[str, Any]:
    at = (START + timedelta(hours=hour)).isoformat() + "Z"
    return {
        "messageId": message_id,
        "type": "identify",
        "timestamp": at,
        "receivedAt": at,
        "userId": user,
        "anonymousId": device,
        "traits": {"email": email},
    }


def _build(project: Project, folder: Path, events: list[dict[str, Any]]) -> None:
    rules = project.definitions / "identity.yml"
    if rules.read_text() != RULES and not (folder / "0.ndjson").exists():
        rules.write_text(RULES)
        compile_here(project)
    file = folder / f"{len(list(folder.glob('*.ndjson')))}.ndjson"
    file.write_text("".join(json.dumps(event) + "\n" for event in events))
    load(project, "web", [file])
    run(project, *SELECTED)


def _rebuilt_in(project: Project) -> set[int]:
    """The resolutions in which the identity tables were last built whole."""
    rows = _rows(
        project,
        "select model_name, max_by(rebuilt_in, note_number) "
        "from main_internal.int_identity__progress group by model_name",
    )
    assert len(rows) == 9
    return {number for _, number in rows}


def _count(project: Project, table: str) -> int:
    return len(_rows(project, f"select 1 from main.{table}"))


def _rows(project: Project, sql: str) -> list[tuple[Any, ...]]:
    with open_warehouse(project, read_only=True) as warehouse:
        return warehouse.rows(sql)
