"""Which identifiers hold profiles together, in the store capture and against plain counting."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cdp.cli import cli
from cdp.errors import RunError
from cdp.identity.hubs import find_hubs
from cdp.project import Project
from cdp.warehouse import open_warehouse
from tests.conftest import BuiltStore
from tests.projects import new_project

Node = tuple[str, str]


def test_neighbours_are_distinct_values_of_other_types(built_store: BuiltStore) -> None:
    with open_warehouse(built_store.project, read_only=True) as warehouse:
        found = find_hubs(built_store.project, warehouse, most=1_000_000, least_neighbours=1)
        rows = warehouse.rows(
            "select event_id, identifier_type, identifier_value "
            "from main_internal.int_identity__event_identifiers "
            "where identifier_id in (select identifier_id from main.identity_graph)"
        )
    events: dict[str, set[Node]] = defaultdict(set)
    for event, kind, value in rows:
        events[event].add((kind, value))
    beside: dict[Node, set[Node]] = defaultdict(set)
    carried: dict[Node, int] = defaultdict(int)
    for nodes in events.values():
        for node in nodes:
            carried[node] += 1
            beside[node] |= {other for other in nodes if other[0] != node[0]}
    expected = {node: (len(near), carried[node]) for node, near in beside.items() if near}
    assert {(hub.type, hub.value): (hub.neighbours, hub.events) for hub in found} == expected
    assert found == sorted(
        found, key=lambda hub: (-hub.neighbours, -hub.events, hub.type, hub.value)
    )


def test_the_greatest_hub_is_a_kiosk_with_the_size_of_its_profile(built_store: BuiltStore) -> None:
    [row] = _rows(built_store.project, "--most", "1", "--show-values")
    with open_warehouse(built_store.project, read_only=True) as warehouse:
        size = warehouse.value(
            "select count(*) from main.identity_graph where canonical_profile_id = "
            "(select canonical_profile_id from main.identity_graph where identifier_value = ?)",
            [row["identifier"]],
        )
    assert row["identifier_type"] == "anonymous_id"
    assert "user_id " in str(row["neighbours"])
    assert row["profile_size"] == size


def test_values_are_hashed_unless_asked_for(built_store: BuiltStore) -> None:
    hashed = _rows(built_store.project, "--type", "email")
    shown = _rows(built_store.project, "--type", "email", "--show-values")
    assert len(hashed) == len(shown) > 0
    assert all("@" in row["identifier"] for row in shown)
    assert not any("@" in json.dumps(row) for row in hashed)
    assert {row["identifier_type"] for row in hashed} == {"email"}


def test_no_hub_is_said_so(built_store: BuiltStore) -> None:
    result = _invoke(built_store.project, "--least", "100000")
    assert result.stdout == ""
    assert result.stderr == "no identifier has that many neighbours\n"


def test_before_the_first_build_it_says_to_build(tmp_path: Path) -> None:
    project = new_project(tmp_path / "empty")
    with open_warehouse(project) as warehouse, pytest.raises(RunError) as error:
        find_hubs(project, warehouse)
    assert str(error.value) == (
        "error[identity-not-built]: the identity tables do not exist yet: identity_graph is "
        "missing\nhelp: run 'cdp build' first"
    )


def _rows(project: Project, *words: str) -> list[dict[str, str | int]]:
    result = _invoke(project, *words)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def _invoke(project: Project, *words: str) -> Result:
    return CliRunner().invoke(
        cli, ["identity", "hubs", *words, "--project-dir", str(project.folder)]
    )
