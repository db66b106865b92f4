"""Accounts and entities of generated calls are what plain Python finds, in any batches."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import pytest

from cdp.project import Project
from cdp.warehouse import open_warehouse
from tests.entities import oracle, tables
from tests.entities.oracle import Message
from tests.identity.oracle import profile_id
from tests.projects import build, compile_here, fingerprints, lift_limits, load, new_project, run

SEED = 2_718
PEOPLE, CALLS = 120, 900
SELECTED = ("+entity__household", "+account_traits", "profiles", "profile_merges")
EARLY, LATE = datetime(2025, 12, 1), datetime(2027, 1, 1)
HOME, OFFICE, MANOR = ({"street": f"{one} 1", "zip": "1"} for one in ("home", "office", "manor"))
Member = tuple[UUID, UUID]


@dataclass(frozen=True)
class Built:
    """A project built in two batches, and the members of entities between the two."""

    project: Project
    messages: list[Message]
    early: set[Member]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Generated calls cut through time, and the stories below."""
    print(f"seed {SEED}")
    folder = tmp_path_factory.mktemp("entities")
    project = new_project(folder / "shop")
    lift_limits(project)
    (project.definitions / "entities").mkdir(exist_ok=True)
    (project.definitions / "entities" / "household.yml").write_text(oracle.DEFINITION)
    compile_here(project)
    world = oracle.generate_world(Random(SEED), PEOPLE, CALLS)
    batches = [world[::2] + _before(), world[1::2] + _after()]
    early: set[Member] = set()
    for number, batch in enumerate(batches):
        file = folder / f"{number}.ndjson"
        file.write_text(oracle.lines(batch, str(number)))
        assert load(project, "web", [file]).rejected_count == 0
        run(project, "--select", *SELECTED)
        early = early or _rows(project, "entity_members", "entity_id, canonical_profile_id")
    return Built(project, [*batches[0], *batches[1]], early)


def _before() -> list[Message]:
    """Ann and an unknown visitor live at home, ben and cat in the manor, dan's people all work."""
    known = ("ann", "ben", "cat", "dan", "dee", "dot", "don", "dov")
    homes = (HOME, MANOR, MANOR, *[OFFICE] * 5)
    calls = [_identify({"userId": who}, home) for who, home in zip(known, homes, strict=True)]
    calls.append(_identify({"anonymousId": "visitor"}, HOME))
    calls.append({"type": "group", "userId": "ben", "groupId": "few", "traits": {}, "context": {}})
    return [
        Message(EARLY + timedelta(days=number), body) for number, body in enumerate(calls, start=1)
    ]


def _after() -> list[Message]:
    """The visitor was ann; ben moves away; cat's employer is ann's."""
    calls = [
        {
            "type": "track",
            "event": "Seen",
            "userId": "ann",
            "anonymousId": "visitor",
            "context": {},
        },
        _identify({"userId": "ben"}, {"street": "away 1", "zip": "1"}),
        *(
            {"type": "group", "userId": who, "groupId": "firm", "traits": {}, "context": {}}
            for who in ("ann", "cat")
        ),
    ]
    return [
        Message(LATE + timedelta(days=number), body) for number, body in enumerate(calls, start=1)
    ]


def _identify(who: dict[str, str], home: dict[str, str]) -> dict[str, Any]:
    return {"type": "identify", **who, "traits": {"address": home}, "context": {}}


def test_a_value_of_too_many_joins_nobody(built: Built) -> None:
    """Five work in an office of which four may be one household."""
    assert not {_profile(built, who) for who in ("dan", "dee", "dot", "don", "dov")} & {
        profile for _, profile in _members(built)
    }


def test_an_entity_keeps_its_id_when_its_members_merge(built: Built) -> None:
    was = {entity for entity, profile in built.early if profile in _ids("ann", "visitor")}
    assert len(was) == 1
    assert _entity(built, "ann") == was.pop()


def test_who_moves_leaves_and_the_entity_keeps_its_id(built: Built) -> None:
    manor = {entity for entity, profile in built.early if profile in _ids("cat")}
    assert manor == {entity for entity, profile in built.early if profile in _ids("ben")}
    assert _entity(built, "ben") not in manor


def test_of_two_entities_that_become_one_the_older_gives_its_id_and_the_other_leads_to_it(
    built: Built,
) -> None:
    """Home is older than the manor; the firm of ann and cat makes them one."""
    assert _entity(built, "cat") == _entity(built, "ann")
    manor = next(entity for entity, profile in built.early if profile in _ids("cat"))
    merges = dict(_rows(built.project, "entity_merges", "issued_entity_id, entity_id"))
    assert merges[manor] == _entity(built, "ann") != manor


def test_all_is_what_plain_python_finds(built: Built) -> None:
    with open_warehouse(built.project, read_only=True) as warehouse:
        assert tables.found(warehouse.rows, "main") == tables.expected(built.messages)


def test_the_queries_of_the_guide_run(built: Built, repository: Path) -> None:
    guide = (repository / "docs" / "entities.md").read_text()
    queries = re.findall(r"```sql\n(.*?)```", guide, re.DOTALL)
    assert len(queries) == 3
    with open_warehouse(built.project, read_only=True) as warehouse:
        warehouse.execute("set search_path = 'main,main_internal'")
        assert [len(warehouse.rows(query)) > 0 for query in queries] == [True, True, False]


def test_a_full_refresh_gives_the_same_rows(built: Built) -> None:
    """With the project's own tests: no member that was merged away, nobody twice."""
    with open_warehouse(built.project, read_only=True) as warehouse:
        incremental = fingerprints(built.project, warehouse)
    arguments = ("--select", *SELECTED, "--exclude-resource-type", "unit_test")
    build(built.project, "--full-refresh", *arguments)
    with open_warehouse(built.project, read_only=True) as warehouse:
        assert fingerprints(built.project, warehouse) == incremental


def _ids(*who: str) -> set[UUID]:
    """The ids that their own identifiers give."""
    return {profile_id((kind, one)) for one in who for kind in ("user_id", "anonymous_id")}


def _profile(built: Built, who: str) -> UUID:
    rows = _rows(built.project, "identity_graph", "identifier_value, canonical_profile_id")
    return dict(rows)[who]


def _members(built: Built) -> set[Member]:
    return _rows(built.project, "entity_members", "entity_id, canonical_profile_id")


def _entity(built: Built, who: str) -> UUID:
    """The one entity that somebody is in."""
    profile = _profile(built, who)
    (entity,) = [entity for entity, member in _members(built) if member == profile]
    return entity


def _rows(project: Project, table: str, columns: str) -> set[tuple[Any, ...]]:
    """The rows, of which none may be there twice."""
    with open_warehouse(project, read_only=True) as warehouse:
        rows = warehouse.rows(f"select {columns} from main.{table}")  # noqa: S608 (constants)
    assert len(set(rows)) == len(rows) > 0
    return set(rows)
