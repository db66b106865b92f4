"""What the runs saw of profile ids, and what each decision rests on."""

from __future__ import annotations

import json
from pathlib import Path

from cdp.project import Project
from cdp.warehouse import open_warehouse
from tests.identity.oracle import profile_id
from tests.projects import build, load, run

U1, U2, A1, A2 = (
    ("user_id", "u1"),
    ("user_id", "u2"),
    ("anonymous_id", "a1"),
    ("anonymous_id", "a2"),
)
MODELS = ("--select", "+profile_id_changes", "+identity_decisions", "+profiles")


def _message(number: int, day: int, user: str | None, anonymous: str | None) -> str:
    time = f"2026-05-{day:02}T00:00:00Z"
    ids = {"userId": user, "anonymousId": anonymous}
    message = {"messageId": f"m{number}", "type": "track", "event": "Seen", **ids}
    return json.dumps({**message, "timestamp": time, "receivedAt": time}) + "\n"


def test_ids_that_change_are_recorded_and_resolve(project: Project, tmp_path: Path) -> None:
    """First two cookies; then the user who had both; then, late, who had the cookie before."""
    batches = (
        _message(1, 2, None, "a1") + _message(2, 3, None, "a2"),
        _message(3, 4, "u1", "a1") + _message(4, 5, "u1", "a2"),
        _message(5, 1, "u2", "a1") + _message(6, 6, "null", None),
    )
    for number, text in enumerate(batches):
        file = tmp_path / f"{number}.ndjson"
        file.write_text(text)
        load(project, "web", [file])
        run(project, *MODELS)
    only = ("--indirect-selection", "cautious", "--exclude-resource-type", "unit_test")
    build(project, "--full-refresh", *MODELS, *only)
    first, second, third = profile_id(A1), profile_id(A2), profile_id(U2)
    with open_warehouse(project, read_only=True) as warehouse:
        changes = warehouse.rows(
            "select profile_id, previous_profile_id, canonical_profile_id, change, change_number "
            "from main.profile_id_changes"
        )
        merges = dict(
            warehouse.rows("select profile_id, canonical_profile_id from main.profile_merges")
        )
        decisions = warehouse.rows(
            "select identifier_value, decision, rule, message_id "
            "from main.identity_decisions order by decided_at, identifier_value"
        )
    # u1 has only a2: the cookie a1 was another user's first.
    assert sorted(changes, key=lambda row: (row[0], row[4])) == sorted(
        [
            (first, None, first, "issued", 1),
            (second, None, second, "issued", 1),
            (second, second, first, "changed", 2),
            (first, first, third, "changed", 2),
            (second, first, profile_id(A2), "changed", 3),
            (third, None, third, "issued", 1),
        ],
        key=lambda row: (row[0], row[4]),
    )
    assert merges == {
        first: third,
        second: second,
        third: third,
        profile_id(U1): second,
    }
    limit = "limit of user_id: 1 ever"
    assert decisions == [
        ("a1", "attached", None, "m5"),
        ("u2", "created", None, "m5"),
        ("a2", "created", None, "m2"),
        ("a1", "demoted", limit, "m3"),
        ("u1", "created", None, "m3"),
        ("a2", "merged", None, "m4"),
        ("null", "blocked", "blocked", "m6"),
    ]
