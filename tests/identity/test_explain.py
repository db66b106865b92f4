"""What `cdp identity explain` says, against evidence found in plain Python.

All cases share one build; each case's identifiers carry its number.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
from click.testing import CliRunner, Result

from cdp.cli import cli
from cdp.errors import RunError
from cdp.identity.explain import Explanation, explain
from cdp.project import Project
from cdp.warehouse import open_warehouse
from tests.identity.oracle import PRIORITY, Event, Node, generate_case, resolve
from tests.projects import compile_here, load, new_project, run

SEED = 1_618
CASES = 120
PAIRS = 120
NAMES = {"user_id": "userId", "anonymous_id": "anonymousId"}
# Without limits, so that every event joins what it carries.
RULES = """\
blocked: {values: [undefined]}
identifiers:
  - {type: user_id, paths: [userId], limit: {count: 1000000}}
  - {type: email, paths: [context.traits.email], normalize: [trim, lower], limit: {count: 1000000}}
  - {type: anonymous_id, paths: [anonymousId], limit: {count: 1000000}}
"""
JANE = "2026-03-01T10:00:00Z"
SCENARIO = [
    # Jane signs in on two devices; her phone also has an e-mail address.
    ("jane-1", {"userId": "jane", "anonymousId": "laptop"}, None),
    ("jane-2", {"userId": "jane", "anonymousId": "phone"}, None),
    ("jane-3", {"anonymousId": "phone"}, "jane@mail.example"),
    ("jane-4", {"anonymousId": "phone"}, "jane@mail.example"),
    # The same address under another type, spelt with a capital; and a placeholder.
    ("other-1", {"userId": "Jane@mail.example", "anonymousId": "tablet"}, None),
    ("other-2", {"userId": "undefined", "anonymousId": "tablet"}, None),
    ("twice-1", {"userId": "same", "anonymousId": "same"}, None),
    ("stranger-1", {"userId": "stranger"}, None),
]


@dataclass(frozen=True)
class Built:
    project: Project
    cases: list[list[Event]]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    print(f"seed {SEED}")
    random = Random(SEED)
    cases = [generate_case(random, number) for number in range(CASES)]
    folder = tmp_path_factory.mktemp("explain")
    project = new_project(folder / "shop")
    (project.definitions / "identity.yml").write_text(RULES)
    compile_here(project)
    events = [event for case in cases for event in case]
    load(project, "web", [_write(folder / "events.ndjson", events)])
    run(project, "--select", "+identity_graph", "+profile_merges", "+identity_decisions")
    return Built(project, cases)


@pytest.fixture(scope="module")
def explained(built: Built) -> list[Explanation]:
    """Explanations of random pairs, each of one case."""
    random = Random(SEED)
    found = []
    with open_warehouse(built.project, read_only=True) as warehouse:
        for _ in range(PAIRS):
            nodes = sorted({node for event in random.choice(built.cases) for node in _nodes(event)})
            one, other = (":".join(random.choice(nodes)) for _ in range(2))
            found.append(explain(built.project, warehouse, one, other))
    assert any(len(one.hops) > 2 for one in found)
    assert any(not one.is_one_profile for one in found)
    return found


def test_every_hop_is_proved_by_its_earliest_message(
    built: Built, explained: list[Explanation]
) -> None:
    messages = dict(_messages(built.cases))
    for found in explained:
        at = found.one
        for hop in found.hops if found.is_one_profile else ():
            assert hop.one == at
            both = {(hop.one.type, hop.one.value), (hop.other.type, hop.other.value)}
            carrying = [
                (event.at, name)
                for name, event in messages.items()
                if both <= set(event.identifiers.items())
            ]
            assert (hop.occurred_at, hop.message_id) == min(carrying)
            assert hop.events == len(carrying)
            at = hop.other
        if found.is_one_profile:
            assert at == found.other


def test_paths_are_shortest_and_bridges_are_what_parts_them(
    built: Built, explained: list[Explanation]
) -> None:
    case_of = {node: case for case in built.cases for event in case for node in _nodes(event)}
    for found in explained:
        start, end = _node(found.one), _node(found.other)
        links = _links(case_of[start])
        if not found.is_one_profile:
            assert end not in _distances(links, start)
            continue
        assert len(found.hops) == _distances(links, start)[end]
        for hop in found.hops:
            without = links - {frozenset((_node(hop.one), _node(hop.other)))}
            assert hop.is_bridge == (end not in _distances(without, start))


def test_one_profile_exactly_when_the_oracle_says_so(
    built: Built, explained: list[Explanation]
) -> None:
    expected = resolve(event for case in built.cases for event in case)
    for found in explained:
        same = expected[_node(found.one)] == expected[_node(found.other)]
        assert found.is_one_profile == same


def test_a_profile_is_explained_with_messages_and_bridges(built: Built) -> None:
    result = _cli(built, "laptop", "JANE@mail.example ")
    assert result.exit_code == 0
    hops = [
        (row["from_value"], row["to_value"], row["message_id"], row["event_count"])
        for row in map(json.loads, result.stdout.splitlines())
    ]
    assert hops == [
        ("laptop", "jane", "jane-1", 1),
        ("jane", "phone", "jane-2", 1),
        ("phone", "jane@mail.example", "jane-3", 2),
    ]
    assert result.stderr.startswith("one profile, ")
    assert result.stderr.endswith(": 3 hops; without any of the 3 bridges they would be two\n")


def test_the_guide_shows_what_is_printed(built: Built, repository: Path) -> None:
    guide = (repository / "docs" / "explain.md").read_text()
    shown = re.findall(r"```text\n(.*?)```", guide, re.DOTALL)[0].splitlines()
    assert shown[0] == "$ cdp identity explain laptop jane@mail.example"
    result = _cli(built, "laptop", "jane@mail.example", "--format", "csv")
    printed = [
        [row["hop"], row["from_value"], row["to_value"], row["message_id"], row["is_bridge"]]
        for row in csv.DictReader(io.StringIO(result.stdout))
    ]
    assert [
        [words[index] for index in (0, 2, 4, 9, -1)] for words in map(str.split, shown[3:-1])
    ] == printed
    # The profile's id is a matter of the graph.
    assert shown[-1].split(": ")[1:] == result.stderr.rstrip("\n").split(": ")[1:]


def test_two_profiles_without_a_chain_show_what_looks_alike(built: Built) -> None:
    result = _cli(built, "laptop", "tablet")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(row["from_type"], row["to_type"], row["rule"]) for row in rows] == [
        ("email", "user_id", "same but for case, spaces and signs")
    ]
    assert result.stderr.endswith(
        ": no chain of events joins them, but 1 pair look alike; missing is a message that "
        "carries an identifier of each\n"
    )


def test_two_strangers_have_no_evidence_at_all(built: Built) -> None:
    result = _cli(built, "laptop", "stranger")
    assert result.exit_code == 0
    assert result.stdout == ""
    assert ": no chain of events joins them; missing is a message" in result.stderr


def test_an_identifier_explains_itself_without_hops(built: Built) -> None:
    result = _cli(built, "laptop", "anonymous_id:laptop")
    assert result.stdout == ""
    assert result.stderr.startswith("both are the same identifier of profile ")


def test_a_chain_that_the_rules_cut_is_shown_with_the_cut(built: Built) -> None:
    """A rule that parts Jane's phone from her user id, as a limit would: by hand here."""
    with open_warehouse(built.project) as warehouse:
        warehouse.execute("begin transaction")
        warehouse.execute(
            "update main_internal.int_identity__resolved "
            "set canonical_profile_id = cast(md5('x') as uuid) "
            "where identifier_value in ('phone', 'jane@mail.example')"
        )
        found = explain(built.project, warehouse, "laptop", "jane@mail.example")
        warehouse.execute("rollback")
    assert not found.is_one_profile
    assert found.is_chain
    assert [(hop.other.value, hop.rule, hop.message_id) for hop in found.hops] == [
        ("jane", "on one event", "jane-1"),
        ("phone", "on one event, kept apart", "jane-2"),
        ("jane@mail.example", "on one event", "jane-3"),
    ]


def test_the_rule_behind_a_hop_is_named(tmp_path: Path) -> None:
    """A second user id on one cookie is over the limit; a third makes the tablet shared; an
    alias call and an override join what no other message joins.
    """
    project = new_project(tmp_path / "shop")
    (project.definitions / "identity.yml").write_text(
        RULES.replace(
            "paths: [anonymousId]", "paths: [anonymousId], shared: {with: user_id, more_than: 2}"
        ).replace("paths: [userId], limit: {count: 1000000}", "paths: [userId]")
    )
    (project.definitions / "identity_overrides.yml").write_text(
        "overrides:\n  - link: [{user_id: v0}, {anonymous_id: laptop}]\n"
        "    author: support\n    reason: she called us\n"
    )
    compile_here(project)
    pairs = [("u1", "laptop"), ("u2", "laptop"), *((f"v{n}", "tablet") for n in range(3))]
    file = tmp_path / "events.ndjson"
    file.write_text(
        "".join(
            json.dumps(
                {
                    "messageId": f"m{n}",
                    "type": "track",
                    "event": "Seen",
                    "userId": user,
                    "anonymousId": cookie,
                    "timestamp": f"2026-01-0{n + 1}T00:00:00Z",
                    "receivedAt": f"2026-01-0{n + 1}T00:00:00Z",
                }
            )
            + "\n"
            for n, (user, cookie) in enumerate([*pairs, ("w1", "phone"), ("w2", "watch")])
        )
        + json.dumps(
            {
                "messageId": "renamed",
                "type": "alias",
                "userId": "w1",
                "previousId": "watch",
                "timestamp": "2026-01-20T00:00:00Z",
                "receivedAt": "2026-01-20T00:00:00Z",
            }
        )
    )
    load(project, "web", [file])
    run(project, "--select", "+identity_graph", "+profile_merges", "+identity_decisions")
    with open_warehouse(project, read_only=True) as warehouse:
        limited = explain(project, warehouse, "u1", "u2")
        shared = explain(project, warehouse, "v0", "v1")
        aliased = explain(project, warehouse, "phone", "watch")
        overruled = explain(project, warehouse, "v0", "u1")
    assert [(hop.rule, hop.message_id) for hop in limited.hops] == [
        ("on one event", "m0"),
        ("on one event, kept apart: limit of user_id: 1 ever", "m1"),
    ]
    assert [(hop.rule, hop.message_id) for hop in shared.hops] == [
        ("on one event, kept apart: anonymous_id seen with 3 of user_id", "m2"),
        ("on one event, kept apart: anonymous_id seen with 3 of user_id", "m3"),
    ]
    assert aliased.is_one_profile
    assert [(hop.rule, hop.message_id) for hop in aliased.hops] == [
        ("on one event", "m5"),
        ("alias call", "renamed"),
    ]
    assert overruled.is_one_profile
    assert [(hop.rule, hop.source) for hop in overruled.hops] == [
        ("override: she called us", "identity_overrides"),
        ("on one event", "web"),
    ]


def test_an_identifier_can_be_named_by_its_key(built: Built) -> None:
    with open_warehouse(built.project, read_only=True) as warehouse:
        key = warehouse.value(
            "select cast(identifier_id as varchar) from main.identity_graph "
            "where identifier_value = 'laptop'"
        )
        assert explain(built.project, warehouse, key, "phone").one.value == "laptop"


@pytest.mark.parametrize(
    ("one", "other", "text"),
    [
        (
            "nobody@mail.example",
            "jane",
            (
                "error[unknown-identifier]: the first identifier is not in identity_graph\n"
                "help: write a value as it stands in user_identifiers, or type:value"
            ),
        ),
        (
            "jane",
            "undefined",
            (
                "error[unknown-identifier]: the second identifier is not in identity_graph, though "
                "events carry it (1)\n"
                "help: the rules in identity.yml removed it, as a blocked value for example"
            ),
        ),
        (
            "same",
            "jane",
            (
                "error[ambiguous-identifier]: the first identifier is a value of 2 identifiers "
                "(anonymous_id, user_id)\nhelp: write it as type:value"
            ),
        ),
    ],
)
def test_identifiers_that_cannot_be_found_are_not_repeated(
    built: Built, one: str, other: str, text: str
) -> None:
    assert str(_cli(built, one, other).exception) == text


def test_a_giant_profile_is_refused_with_the_limit(built: Built) -> None:
    with (
        open_warehouse(built.project, read_only=True) as warehouse,
        pytest.raises(RunError) as error,
    ):
        explain(built.project, warehouse, "laptop", "phone", most_links=2)
    assert str(error.value) == (
        "error[too-many-links]: the profile has more than 2 links\n"
        "help: 'cdp identity hubs' names what holds it together; block that first"
    )


def test_before_the_first_build_it_says_to_build(tmp_path: Path) -> None:
    project = new_project(tmp_path / "empty")
    with open_warehouse(project) as warehouse, pytest.raises(RunError) as error:
        explain(project, warehouse, "a", "b")
    assert str(error.value) == (
        "error[identity-not-built]: the identity tables do not exist yet: identity_graph is "
        "missing\nhelp: run 'cdp build' first"
    )


def _cli(built: Built, *words: str) -> Result:
    folder = str(built.project.folder)
    return CliRunner().invoke(cli, ["identity", "explain", *words, "--project-dir", folder])


def _node(one: object) -> Node:
    return (one.type, one.value)  # type: ignore[attr-defined]


def _nodes(event: Event) -> list[Node]:
    return list(event.identifiers.items())


def _messages(cases: Iterable[list[Event]]) -> Iterable[tuple[str, Event]]:
    events = [event for case in cases for event in case]
    return ((f"m{number}", event) for number, event in enumerate(events))


def _links(events: Iterable[Event]) -> set[frozenset[Node]]:
    """An event links the identifier of its highest type with each other one."""
    links = set()
    for event in events:
        first, *rest = sorted(_nodes(event), key=lambda node: PRIORITY[node[0]])
        links |= {frozenset((first, one)) for one in rest}
    return links


def _distances(links: set[frozenset[Node]], start: Node) -> dict[Node, int]:
    found = {start: 0}
    layer = {start}
    while layer:
        near = {
            end
            for link in links
            for one, end in (tuple(link), tuple(link)[::-1])
            if one in layer and end not in found
        }
        found |= dict.fromkeys(near, found[next(iter(layer))] + 1)
        layer = near
    return found


def _write(file: Path, events: list[Event]) -> Path:
    messages = []
    for number, event in enumerate(events):
        ids = {NAMES[kind]: value for kind, value in event.identifiers.items() if kind in NAMES}
        messages.append(
            (f"m{number}", event.at.isoformat() + "Z", ids, event.identifiers.get("email"))
        )
    messages += [(name, JANE, ids, email) for name, ids, email in SCENARIO]
    with file.open("w") as out:
        for name, at, ids, email in messages:
            message: dict[str, object] = {
                "messageId": name, "type": "track", "event": "Seen",
                "timestamp": at, "receivedAt": at, **ids,
            }  # fmt: skip
            if email:
                message["context"] = {"traits": {"email": email}}
            out.write(json.dumps(message) + "\n")
    return file
