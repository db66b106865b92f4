"""What an alias call's previous id is taken for: a link, not a sighting."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cdp.errors import Problems
from cdp.identity.spec import read_identity, rules_hash
from cdp.warehouse import Warehouse, open_warehouse
from tests.definitions import IDENTITY, problems_of
from tests.projects import compile_here, load, new_project, run

TYPES = """\
identifiers:
  - {type: user_id, paths: [userId], pattern: "u.*"}
  - {type: email, paths: [context.traits.email], normalize: [email]}
  - {type: anonymous_id, paths: [anonymousId]}
"""
EXPLICIT = "  - {type: old_id, paths: {alias: [previousId]}}\n"
CALLS: dict[str, dict[str, Any]] = {
    "a visitor becomes a user": {"type": "alias", "userId": "u1", "previousId": "ua1"},
    "a user of two types of id": {"type": "alias", "userId": "u2", "previousId": "a2"},
    "itself": {"type": "alias", "userId": "u3", "previousId": "u3"},
    "a placeholder": {"type": "alias", "userId": "u4", "previousId": "{}"},
    "another call": {"type": "identify", "userId": "u5", "previousId": "ua5"},
}


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    folder = tmp_path_factory.mktemp("alias")
    project = new_project(folder / "shop")
    (project.definitions / "identity.yml").write_text(TYPES)
    compile_here(project)
    time = "2026-05-01T00:00:00Z"
    lines = [
        json.dumps({"messageId": name, "timestamp": time, "receivedAt": time, **call})
        for name, call in CALLS.items()
    ]
    (folder / "calls.ndjson").write_text("\n".join(lines))
    load(project, "web", [folder / "calls.ndjson"])
    run(project, "--select", "+identity_decisions")
    with open_warehouse(project, read_only=True) as found:
        yield found


def test_the_previous_id_is_a_link_under_each_type_that_it_may_be(warehouse: Warehouse) -> None:
    found = warehouse.rows(
        "select message_id, identifier_type, identifier_value, dropped_reason, "
        "owner_id = md5('user_id' || chr(31) || user_id)::uuid "
        "from main_internal.int_identity__event_identifiers "
        "inner join main_internal.stg_events using (event_id) "
        "where identifier_value is distinct from user_id or dropped_reason is not null "
        "order by 1, 2"
    )
    assert found == [
        ("a placeholder", "anonymous_id", "{}", "not_text", True),
        ("a placeholder", "user_id", "{}", "not_text", True),
        ("a user of two types of id", "anonymous_id", "a2", "link", True),
        ("a user of two types of id", "user_id", "a2", "pattern", True),
        ("a visitor becomes a user", "anonymous_id", "ua1", "link", True),
        ("a visitor becomes a user", "user_id", "ua1", "link", True),
        ("itself", "anonymous_id", "u3", "link", True),
    ]


def test_a_link_is_no_sighting_and_nothing_that_was_dropped(warehouse: Warehouse) -> None:
    assert warehouse.rows(
        "select identifier_type, identifier_value from identity_graph order by 2"
    ) == [("user_id", f"u{number}") for number in range(1, 6)]
    assert warehouse.rows(
        "select identifier_type, identifier_value, decision, rule from identity_decisions "
        "where decision <> 'created' order by 1, 2"
    ) == [
        ("anonymous_id", "{}", "invalid", "not_text"),
        ("user_id", "a2", "invalid", "pattern"),
        ("user_id", "{}", "invalid", "not_text"),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (TYPES, ("user_id", "anonymous_id")),
        ("alias: ignore\n" + TYPES, ()),
        ("alias: {as: [email, user_id]}\n" + TYPES, ("user_id", "email")),
        (TYPES + EXPLICIT, ()),
        ("alias: {as: [user_id]}\n" + TYPES + EXPLICIT, ("user_id",)),
    ],
    ids=["not_said", "ignored", "named", "read_by_a_type", "read_by_a_type_and_named"],
)
def test_the_rules_say_what_a_previous_id_may_be(
    tmp_path: Path, text: str, expected: tuple[str, ...]
) -> None:
    (tmp_path / "identity.yml").write_text(text)
    problems = Problems()
    assert read_identity(tmp_path / "identity.yml", problems).alias == expected
    assert not problems.found


def test_another_rule_for_alias_calls_is_another_extraction(tmp_path: Path) -> None:
    hashes = set()
    for start in ("", "alias: ignore\n", "alias: {as: [email]}\n"):
        (tmp_path / "identity.yml").write_text(start + TYPES)
        hashes.add(rules_hash(read_identity(tmp_path / "identity.yml", Problems())))
    assert len(hashes) == 3


@pytest.mark.parametrize(
    ("alias", "expected"),
    [
        (
            "alias: {as: [userid]}",
            (
                "error[unknown-identifier]: alias calls name 'userid', which is not a type of "
                "identifier\n"
                "  --> definitions/identity.yml:1:13\n   1 | alias: {as: [userid]}\n"
                "help: did you mean 'user_id'?"
            ),
        ),
        (
            "alias: join",
            (
                "error[wrong-type]: alias must be a mapping, not text\n"
                "  --> definitions/identity.yml:1:8\n   1 | alias: join\n"
                "help: write it as 'key: value' lines\n\n"
                "error[missing-key]: alias has no 'as'\n"
                "  --> definitions/identity.yml:1:8\n   1 | alias: join\n"
                "help: add a line 'as: ...'"
            ),
        ),
    ],
    ids=["an_unknown_type", "a_word"],
)
def test_a_mistake_is_told_with_its_place_and_a_fix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, alias: str, expected: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert problems_of(tmp_path, {"identity.yml": f"{alias}\n{IDENTITY}"}) == expected
