"""`cdp identity suggest`: measures and effects against plain counting, and a file cdp accepts."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import pytest
import yaml
from click.testing import CliRunner, Result

from cdp.catalogue import load_catalogue
from cdp.cli import cli
from cdp.identity.suggest import Field, Suggestion, suggest
from cdp.identity.suggest_yaml import identity_yaml
from cdp.project import Project
from cdp.warehouse import open_warehouse
from tests.conftest import BuiltStore
from tests.projects import load, new_project

SEED = 577
MESSAGES = 1_500
PATHS = {
    "userId": "user_id",
    "anonymousId": "anonymous_id",
    "traits.email": "email",
    "context.traits.email": "email",
    "traits.crm.id": "crm_id",
}
"""What the generated world is made of, and what each path should be taken for."""
Values = Mapping[str, str]
Node = tuple[str, str]


@dataclass(frozen=True)
class World:
    project: Project
    messages: list[Values]
    found: Suggestion


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    print(f"seed {SEED}")
    folder = tmp_path_factory.mktemp("suggest")
    project = new_project(folder / "shop")
    messages = _generate(Random(SEED))
    file = folder / "events.ndjson"
    lines = [_message(number, values) for number, values in enumerate(messages)]
    # Every tenth is delivered twice: a message counts once.
    file.write_text("\n".join([*lines, *lines[::10]]) + "\n")
    load(project, "web", [file])
    with open_warehouse(project, read_only=True) as warehouse:
        return World(project, messages, suggest(project, warehouse))


def test_people_are_told_from_things(world: World) -> None:
    assert {one.measure.path: one.type for one in world.found.fields if one.type} == PATHS
    rejected = {one.measure.path: one.reason for one in world.found.fields if not one.type}
    assert rejected == {
        "properties.order_id": "names a thing or an account, not a person",
        "context.deviceToken": "has no two values that are not placeholders",
        "properties.helper_id": "100% of its values are seen with several people",
    }
    assert [rule.type for rule in world.found.rules] == [
        "user_id",
        "email",
        "crm_id",
        "anonymous_id",
    ]


def test_measures_are_those_of_plain_counting(world: World) -> None:
    assert world.found.messages == MESSAGES
    assert world.found.deliveries == MESSAGES + MESSAGES // 10
    for path in PATHS:
        measured = _field(world, path).measure
        other = "anonymousId" if path == "userId" else "userId"
        carrying = [one for one in world.messages if _kept(one, path)]
        pairs = {(one[path], one[other]) for one in carrying if _kept(one, other)}
        people = Counter(value for value, _ in pairs)
        each = Counter(person for _, person in pairs)
        values = {one[path] for one in carrying}
        assert measured.values == len(values)
        assert measured.coverage == pytest.approx(len(carrying) / MESSAGES)
        assert measured.most_people == max(people.values())
        assert measured.shared_values == sum(count > 1 for count in people.values())
        assert measured.most_values == max(each.values())
        assert measured.values_per_person == pytest.approx(len(pairs) / len(each))
        assert measured.case_variants == len(values) - len({one.lower() for one in values})
        placeholders = sum(path in one and not _kept(one, path) for one in world.messages)
        assert measured.placeholder_messages == placeholders


def test_effects_are_those_of_union_find(world: World) -> None:
    order = ["user_id", "email", "crm_id", "anonymous_id"]
    effects = {one.rules: one for one in world.found.effects}
    assert list(effects) == [
        "user_id",
        "+ email",
        "+ crm_id",
        "+ anonymous_id",
        "all, nothing blocked",
        "all, case kept",
        "all, shared cookies apart",
    ]
    for count, name in enumerate(list(effects)[:4], start=1):
        events = [_nodes(one, order[:count]) for one in world.messages]
        assert _counts(effects[name]) == _components(events)
    everything = [_nodes(one, order) for one in world.messages]
    unblocked = [_nodes(one, order, is_blocking=False) for one in world.messages]
    assert _counts(effects["all, nothing blocked"]) == _components(unblocked)
    exact = [_nodes(one, order, is_lower=False) for one in world.messages]
    assert _counts(effects["all, case kept"]) == _components(exact)
    users: dict[Node, set[Node]] = defaultdict(set)
    for nodes in everything:
        for node in nodes:
            users[node] |= {one for one in nodes if one[0] == "user_id"}
    parted = {node for node in users if node[0] == "anonymous_id" and len(users[node]) > 1}
    assert parted
    apart = [{node for node in nodes if node not in parted} for nodes in everything]
    apart += [{node} for node in parted]
    assert _counts(effects["all, shared cookies apart"]) == _components(apart)


def test_a_crowd_behind_one_value_is_blocked(world: World) -> None:
    """No list has 'walk-in', but most people were given it once."""
    assert "walk-in" in world.found.blocked
    assert "null" in world.found.blocked


def test_the_written_file_is_accepted_and_says_the_same(world: World, tmp_path: Path) -> None:
    file = tmp_path / "proposed.yml"
    result = _cli(world.project, "--write", str(file))
    assert result.exit_code == 0, result.output
    assert result.stderr == (
        f"measured {MESSAGES:,} messages of {MESSAGES + MESSAGES // 10:,} deliveries\n"
        f"wrote {file}: 4 identifier types\n"
    )
    shipped = world.project.definitions / "identity.yml"
    before = shipped.read_text()
    shipped.write_text(file.read_text())
    rules = load_catalogue(world.project).identity
    shipped.write_text(before)
    assert [one.name for one in rules.types] == ["user_id", "email", "crm_id", "anonymous_id"]
    assert rules.types[1].normalize == ("email",)
    assert rules.types[3].shared is not None
    assert (rules.types[3].shared.with_type, rules.types[3].shared.more_than) == ("user_id", 1)
    assert all("walk-in" in one.blocked_values for one in rules.types)


def test_no_value_is_printed(world: World) -> None:
    """Only what the file needs, the placeholders, is ever written."""
    output = _cli(world.project).output + _cli(world.project, "--effects").output
    personal = {one["traits.email"] for one in world.messages if "traits.email" in one}
    personal |= {one["userId"] for one in world.messages if _kept(one, "userId")}
    assert not any(f'"{value}"' in output for value in personal)
    assert "@" not in output + identity_yaml(world.found)


def test_a_large_warehouse_is_drawn_by_whole_devices(world: World) -> None:
    with open_warehouse(world.project, read_only=True) as warehouse:
        found = suggest(world.project, warehouse, most_messages=600)
        rows = warehouse.rows(
            "select json_extract_string(payload, '$.anonymousId') as device, count(*) "
            "from suggest_messages group by all"
        )
    sent = Counter(one.get("anonymousId") for one in world.messages if "anonymousId" in one)
    assert 0 < found.messages < MESSAGES
    assert all(count == sent[device] for device, count in rows if device)


def test_the_store_is_told_as_it_was_made(built_store: BuiltStore) -> None:
    with open_warehouse(built_store.project, read_only=True) as warehouse:
        found = suggest(built_store.project, warehouse)
    assert [(rule.type, rule.paths) for rule in found.rules] == [
        ("user_id", ("userId",)),
        ("email", ("traits.email", "context.traits.email")),
        ("anonymous_id", ("anonymousId",)),
    ]
    effects = {one.rules: one for one in found.effects}
    # Plain components glue 147 identifiers by kiosks; placeholders would glue 400.
    assert effects["+ anonymous_id"].largest_profile == 147
    assert effects["all, nothing blocked"].largest_profile == 400
    assert effects["all, shared cookies apart"].several_users == 0


def test_without_events_it_says_to_load(tmp_path: Path) -> None:
    project = new_project(tmp_path / "empty")
    with open_warehouse(project):
        pass
    assert str(_cli(project).exception) == (
        "error[no-events]: there are no events to read identifiers from\n"
        "help: load some with 'cdp load PATH --source NAME'"
    )


def test_one_visitor_is_too_few_to_propose_from(tmp_path: Path) -> None:
    project = new_project(tmp_path / "alone")
    events = tmp_path / "events.ndjson"
    events.write_text(_message(1, {"userId": "u1", "anonymousId": "null"}) + "\n")
    load(project, "web", [events])
    result = _cli(project, "--write", str(tmp_path / "proposed.yml"))
    assert str(result.exception) == (
        "error[nothing-to-propose]: no field of these events tells people apart\n"
        "help: 'cdp identity suggest' says why each was left out; load more events"
    )
    assert not (tmp_path / "proposed.yml").exists()
    assert [json.loads(line)["note"] for line in result.stdout.splitlines()] == [
        "has no two values that are not placeholders"
    ] * 2


def test_fields_of_one_name_are_one_type_when_they_hold_the_same_values(tmp_path: Path) -> None:
    """The shop's user ids are in `userId` and in `properties.user.id`; the till has its own."""
    project = new_project(tmp_path / "two")
    events = tmp_path / "events.ndjson"
    people = [
        {"userId": f"u{one}", "properties.user.id": f"U{one}", "traits.userId": f"till{one}"}
        for one in range(10)
    ]
    events.write_text("\n".join(_message(n, one) for n, one in enumerate(people)) + "\n")
    load(project, "web", [events])
    with open_warehouse(project, read_only=True) as warehouse:
        found = suggest(project, warehouse)
    assert [(rule.type, rule.paths) for rule in found.rules] == [
        ("user_id", ("properties.user.id", "userId")),
        ("traits_user_id", ("traits.userId",)),
    ]


@pytest.mark.parametrize("value", ['say "hi", [x]: {y} # z', "\x7f\u0085\u2028", "😀", "a\nb", "'"])
def test_whatever_a_placeholder_holds_the_file_keeps_it(world: World, value: str) -> None:
    text = identity_yaml(replace(world.found, blocked=(value,)))
    assert yaml.safe_load(text)["blocked"]["values"][-1] == value


def test_a_file_is_never_overwritten(world: World) -> None:
    file = world.project.definitions / "identity.yml"
    assert str(_cli(world.project, "--write", str(file)).exception) == (
        f"error[file-exists]: {file} exists already\n"
        "help: name a new file, compare it with identity.yml, and take over what you want"
    )


def _generate(random: Random) -> list[Values]:
    """People with some devices; one kiosk, placeholders, spellings, ids of things."""
    messages: list[Values] = []
    for _ in range(MESSAGES):
        person = random.randrange(220)
        values = {"anonymousId": f"c{person}x{random.randrange(3)}"}
        if random.random() < 0.03:
            values["anonymousId"] = f"tablet{person % 4}"
        if random.random() < 0.6:
            values["userId"] = random.choice((f"u{person}",) * 9 + ("null",))
        if random.random() < 0.3:
            email = f"p{person}@mail.example"
            place = random.choice(("traits.email", "context.traits.email"))
            values[place] = random.choice((email, email.title()))
        if random.random() < 0.3:
            values["traits.crm.id"] = random.choice((f"r{person}",) * 3 + ("walk-in",))
        if random.random() < 0.2:
            values["properties.order_id"] = f"o{len(messages)}"
        if random.random() < 0.2:
            values["context.deviceToken"] = random.choice(("none", "0000-0000"))
        if random.random() < 0.2:
            values["properties.helper_id"] = f"h{person % 5}"
        messages.append(values)
    return messages


def _message(number: int, values: Values) -> str:
    message: dict[str, object] = {
        "messageId": f"m{number}",
        "type": "identify",
        "timestamp": "2026-01-01T00:00:00Z",
        "receivedAt": "2026-01-01T00:00:00Z",
    }
    for path, value in values.items():
        *above, last = path.split(".")
        inner = message
        for step in above:
            inner = inner.setdefault(step, {})  # type: ignore[assignment]
        inner[last] = value
    return json.dumps(message)


def _kept(values: Values, path: str) -> bool:
    return path in values and values[path] not in ("null", "walk-in", "none", "0000-0000")


def _nodes(
    values: Values, types: list[str], *, is_blocking: bool = True, is_lower: bool = True
) -> set[Node]:
    return {
        (PATHS[path], value.lower() if is_lower and PATHS[path] == "email" else value)
        for path, value in values.items()
        if PATHS.get(path) in types and (_kept(values, path) or not is_blocking)
    }


def _components(events: Iterable[set[Node]]) -> tuple[int, int, int, int]:
    """(identifiers, profiles, largest profile, profiles of several user ids)."""
    parent: dict[Node, Node] = {}

    def find(node: Node) -> Node:
        while parent[node] != node:
            node = parent[node]
        return node

    for nodes in events:
        for node in nodes:
            parent.setdefault(node, node)
        first, *rest = sorted(nodes) or [None]
        for node in rest:
            parent[find(node)] = find(first)  # type: ignore[arg-type]
    members: dict[Node, list[Node]] = defaultdict(list)
    for node in parent:
        members[find(node)].append(node)
    several = sum(sum(kind == "user_id" for kind, _ in nodes) > 1 for nodes in members.values())
    return (len(parent), len(members), max(map(len, members.values())), several)


def _counts(effect: object) -> tuple[int, int, int, int]:
    names = ("identifiers", "profiles", "largest_profile", "several_users")
    return tuple(getattr(effect, name) for name in names)  # type: ignore[return-value]


def _field(world: World, path: str) -> Field:
    return next(one for one in world.found.fields if one.measure.path == path)


def _cli(project: Project, *words: str) -> Result:
    folder = str(project.folder)
    return CliRunner().invoke(cli, ["identity", "suggest", *words, "--project-dir", folder])
