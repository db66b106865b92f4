"""`cdp identity plan`: what a change of the rules would do, before anything is done."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from click.testing import CliRunner

from cdp.cli import cli
from cdp.project import Project
from cdp.warehouse import open_warehouse
from tests.projects import compile_here, load, run

RULES = """
identifiers:
  - {{type: user_id, paths: [userId], limit: {{count: {users}}}}}
  - {{type: email, paths: [traits.email]}}
  - {{type: anonymous_id, paths: [anonymousId], limit: {{count: 5}}}}
"""
CALLS = [("u1", "kiosk"), ("u2", "kiosk"), ("u3", "a3"), (None, "a4")]


def test_a_plan_shows_merges_and_splits_and_changes_nothing(
    project: Project, tmp_path: Path
) -> None:
    _rules(project, users=1)
    calls = [
        {
            "messageId": f"m{number}",
            "type": "track",
            "event": "Seen",
            "userId": user,
            "anonymousId": device,
            "timestamp": f"2026-01-0{number + 1}T00:00:00Z",
        }
        for number, (user, device) in enumerate(CALLS)
    ]
    file = tmp_path / "calls.ndjson"
    file.write_text("".join(json.dumps(call) + "\n" for call in calls))
    load(project, "web", [file])
    compile_here(project)
    run(project, "--select", "+identity_graph", "+profile_merges")
    before = _graph(project)

    _rules(project, users=2)
    merged = _plan(project)
    assert ["summary", "profiles", "4", "3", ""] in merged
    assert ["summary", "profiles merged", "2", "1", ""] in merged
    assert ["summary", "profiles split", "0", "0", ""] in merged
    assert ["largest", "1", "2", "3", ""] in merged
    assert ["sample", "merged", "2", "1", "anonymous_id, user_id, user_id"] in merged
    assert _graph(project) == before
    assert _limit(project) == 1

    compile_here(project)
    run(project, "--select", "+identity_graph", "+profile_merges")
    _rules(project, users=1)
    split = _plan(project, "--show-values")
    assert ["summary", "profiles split", "1", "2", ""] in split
    assert ["sample", "split", "1", "2", "anonymous_id kiosk, user_id u1, user_id u2"] in split


def test_a_plan_needs_a_warehouse_that_was_built(project: Project) -> None:
    with open_warehouse(project):
        pass
    result = CliRunner().invoke(
        cli, ["identity", "plan", "--project-dir", str(project.folder)], catch_exceptions=True
    )
    assert result.exit_code == 1
    assert "error[not-built]: the warehouse has no identity to compare with" in str(
        result.exception
    )


def _limit(project: Project) -> int:
    with open_warehouse(project, read_only=True) as warehouse:
        found = warehouse.value(
            "select limit_count from main_internal.int_identity__rules "
            "where identifier_type = 'user_id'"
        )
    assert isinstance(found, int)
    return found


def _plan(project: Project, *options: str) -> list[list[str]]:
    words = ["identity", "plan", "--project-dir", str(project.folder), "--format", "csv", *options]
    result = CliRunner().invoke(cli, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return list(csv.reader(result.stdout.splitlines()))


def _rules(project: Project, *, users: int) -> None:
    (project.definitions / "identity.yml").write_text(RULES.format(users=users))


def _graph(project: Project) -> list[tuple[object, ...]]:
    with open_warehouse(project, read_only=True) as warehouse:
        return warehouse.rows("select * from main.identity_graph order by all")
