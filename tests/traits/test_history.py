"""What builds remember: a property used later has its history, transitions stay for ever."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cdp.project import Project
from cdp.warehouse import open_warehouse
from tests.projects import build, compile_here, load

WITHOUT_TESTS = ("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")
TRAITS = """\
traits:
  - {name: orders, description: Orders., event: Order Completed, aggregate: count}
"""
BIGGEST = (
    "  - {name: biggest, description: B., event: Order Completed, aggregate: maximum, "
    "property: total}\n"
)
AUDIENCE = "name: buyers\ndescription: Buyers.\nwho: {did: Order Completed}\n"


def order(user: str, day: int, total: float) -> dict[str, Any]:
    at = f"2026-05-{day:02}T10:00:00Z"
    return {
        "type": "track",
        "event": "Order Completed",
        "messageId": f"{user}-{day}",
        "userId": user,
        "timestamp": at,
        "sentAt": at,
        "receivedAt": at,
        "properties": {"total": total},
    }


def land(folder: Path, name: str, messages: list[dict[str, Any]]) -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(one) + "\n" for one in messages), encoding="utf-8")
    return path


def only_these(project: Project, traits: str, audiences: dict[str, str]) -> None:
    """Replace the shipped traits, audiences and syncs."""
    for kind in ("traits", "audiences", "syncs"):
        for path in (project.definitions / kind).glob("*.yml"):
            path.unlink()
    (project.definitions / "traits" / "some.yml").write_text(traits, encoding="utf-8")
    for name, text in audiences.items():
        (project.definitions / "audiences" / f"{name}.yml").write_text(text, encoding="utf-8")
    compile_here(project)


def query(project: Project, sql: str) -> list[tuple[Any, ...]]:
    with open_warehouse(project, read_only=True) as warehouse:
        return warehouse.rows(sql)


def test_later_definitions_see_all_history_and_removed_ones_leave_exits(
    project: Project, tmp_path: Path
) -> None:
    only_these(project, TRAITS, {"buyers": AUDIENCE})
    load(project, "web", [land(tmp_path, "1.ndjson", [order("u1", 1, 90), order("u2", 2, 7.5)])])
    build(project, *WITHOUT_TESTS)
    transitions = (
        "select audience_name, transition, reason, count(*) from main.audience_transitions "
        "group by all order by all"
    )
    assert query(project, transitions) == [("buyers", "entered", "condition", 2)]

    only_these(project, TRAITS + BIGGEST, {})
    load(project, "web", [land(tmp_path, "2.ndjson", [order("u1", 3, 40)])])
    build(project, *WITHOUT_TESTS)
    traits = "select orders, biggest from main.computed_traits order by all"
    expected = [(1, 7.5), (2, 90)]
    assert query(project, traits) == expected
    removed = [*query(project, transitions)]
    assert removed == [
        ("buyers", "entered", "condition", 2),
        ("buyers", "exited", "definition_removed", 2),
    ]

    build(project, "--full-refresh", *WITHOUT_TESTS)
    assert query(project, traits) == expected
    assert query(project, transitions) == removed
