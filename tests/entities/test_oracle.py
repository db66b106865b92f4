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
from tests.entities import oracle, syncs, tables
from tests.entities.oracle import Message
from tests.identity.oracle import profile_id
from tests.projects import build, compile_here, fingerprints, lift_limits, load, new_project, run

SEED = 2_718
PEOPLE, CALLS = 120, 900
SELECTED = (
    "+entity__household", "+account_traits", "profiles", "profile_merges",
    *(f"sync__{name}" for name in syncs.DEFINITIONS), "profile_events",
)  # fmt: skip
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
    syncs.define(project)
    compile_here(project)
    world = oracle.generate_world(Random(SEED), PEOPLE, CALLS)
    batches = [world[::2] + _before(), world[1::2] + _after()]
    early: set[Member] = set()
    for number, batch in enumerate(batches):
        file = folder / f"{number}.ndjson"
        file.write_text(oracle.lines(batch, str(number)))
        assert load(project, "web", [file]).rejected_count == 0
        run(project, "--select", *SELECTED)
        syncs.send(project)
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


def test_an_event_is_sent_once_although_its_profile_merges(built: Built) -> None:
    rows = list(syncs.sent(built.project, "seen"))
    seen = sum(one.body.get("event") == "Seen" for one in built.messages)
    assert len({row["key"] for row in rows}) == len(rows) == seen > 0
    assert {row["operation"] for row in rows} == {"upsert"}


def test_the_desired_state_of_events_follows_a_merge(built: Built) -> None:
    """Each event with the profile that it is of today, and an identifier of that profile."""
    owned = {(str(key), str(profile)) for key, profile in _rows(
        built.project, "profile_events", "event_id, canonical_profile_id"
    )}  # fmt: skip
    now = _rows(built.project, "sync__seen", "sync_key, profile_id, user_id")
    assert {(key, profile) for key, profile, _ in now} <= owned
    merged = str(_profile(built, "ann"))
    assert {who for _, profile, who in now if profile == merged} == {"ann"}


@pytest.mark.parametrize(("name", "table"), [("firms", "accounts"), ("homes", "entity__household")])
def test_an_entity_is_kept_equal(built: Built, name: str, table: str) -> None:
    there: dict[str, int] = {}
    for row in syncs.sent(built.project, name):
        there.pop(row["key"], None)
        if row["operation"] == "upsert":
            there[row["key"]] = int(row["members"])
    key = "account_id" if table == "accounts" else "entity_id"
    assert there == {
        str(one): count for one, count in _rows(built.project, table, f"{key}, member_count")
    }


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
