"""A shared value joins nothing, also where it is the highest identifier of its events."""

from __future__ import annotations

import json
from pathlib import Path

from cdp.project import Project
from cdp.warehouse import open_warehouse
from tests.projects import compile_here, load, run

RULES = """
identifiers:
  - {type: email, paths: [context.traits.email], shared: {with: user_id, more_than: 1}}
  - {type: user_id, paths: [userId]}
  - {type: anonymous_id, paths: [anonymousId]}
"""


def test_what_stood_beside_a_shared_value_still_stood_together(
    project: Project, tmp_path: Path
) -> None:
    """The team's address was seen with two users, ann's with one."""
    (project.definitions / "identity.yml").write_text(RULES)
    compile_here(project)
    file = tmp_path / "events.ndjson"
    file.write_text(
        _message(1, "u1", "a1", "team@example.org")
        + _message(2, "u2", "a2", "team@example.org")
        + _message(3, "u1", "a3", "ann@example.org")
        + _message(4, None, "a4", "team@example.org")
    )
    load(project, "web", [file])
    run(project, "--select", "+identity_decisions", "+profile_events")
    with open_warehouse(project, read_only=True) as warehouse:
        profiles = warehouse.rows(
            "select list(identifier_value order by identifier_value) from main.identity_graph "
            "group by canonical_profile_id order by 1"
        )
        owned = warehouse.rows(
            "select e.message_id, count(*) from main.profile_events as e "
            "inner join main.identity_graph as g using (canonical_profile_id) "
            "where g.identifier_value = 'team@example.org' group by 1 order by 1"
        )
        decided = warehouse.rows(
            "select decision, rule, message_id, event_count from main.identity_decisions "
            "where identifier_value = 'team@example.org' order by 1"
        )
    assert [row[0] for row in profiles] == [
        ["a1", "a3", "ann@example.org", "u1"],
        ["a2", "u2"],
        ["a4"],
        ["team@example.org"],
    ]
    # The events stay with the value that owns them.
    assert owned == [("m1", 1), ("m2", 1), ("m4", 1)]
    assert decided == [
        ("created", None, "m1", 3),
        ("shared", "seen with 2 of user_id", "m1", 3),
    ]


def _message(number: int, user: str | None, anonymous: str, email: str) -> str:
    time = f"2026-05-{number:02}T00:00:00Z"
    message = {
        "messageId": f"m{number}",
        "type": "track",
        "event": "Seen",
        "userId": user,
        "anonymousId": anonymous,
        "context": {"traits": {"email": email}},
        "timestamp": time,
        "receivedAt": time,
    }
    return json.dumps(message) + "\n"
