"""Overrides: what people decided about identifiers holds, and can be taken back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import pytest

from cdp.dbt import run_dbt
from cdp.project import Project
from cdp.warehouse import open_warehouse
from tests.identity.oracle import profile_id
from tests.identity.replay import Limit, Node, Override, Seen, oldest, replay
from tests.identity.test_replay import _write
from tests.projects import compile_here, fingerprints, load, run

SEED = 57_721
CASES = 400
START = datetime(2026, 1, 1)
LIMITS = {"user_id": Limit(1), "email": Limit(2), "anonymous_id": Limit(3), "device_id": Limit(2)}
RULES = """
identifiers:
  - {type: user_id, paths: [userId], limit: {count: 1}}
  - type: email
    paths: [properties.email, context.traits.email]
    normalize: [trim, lower]
    limit: {count: 2}
  - {type: anonymous_id, paths: [anonymousId], limit: {count: 3}}
  - {type: device_id, paths: [context.device.id], limit: {count: 2}}
"""
TESTS = ("assert_profiles_keep_limits", "assert_edges_stay_inside_profiles")
SELECTED = ("--select", "+identity_graph", "+profile_merges", "+identity_decisions")


@pytest.mark.slow
def test_overrides_give_what_the_sequence_gives(project: Project, tmp_path: Path) -> None:
    """Generated cases with links, and pairs that may never be joined, from the start or later.

    Then the overrides go, and every former id comes back without a rebuild.
    """
    print(f"seed {SEED}")
    random = Random(SEED)
    cases = [_case(random, number) for number in range(CASES)]
    overrides = [_overrides(random, case) for case in cases]
    _rules(project)
    load(project, "web", [_write(tmp_path / "cases.ndjson", [e for case in cases for e in case])])
    run(project, *SELECTED)
    without = _graph(project)
    assert without == _expected(cases, [() for _ in cases])

    _write_table(project, [one for some in overrides for one in some])
    run(project, *SELECTED)
    # The project's own tests know that links join whatever the limits.
    run_dbt(project, "test", ["--quiet", "--select", *TESTS])
    expected = _expected(cases, overrides)
    assert _graph(project) == expected
    assert expected != without

    with open_warehouse(project) as warehouse:
        followed = fingerprints(project, warehouse)
        assert _rebuilt_in(warehouse) == 1
        warehouse.execute("delete from raw.identity_overrides")
    run(project, *SELECTED)
    assert _graph(project) == without
    _write_table(project, [one for some in overrides for one in some])
    run(project, *SELECTED, "--full-refresh")
    with open_warehouse(project, read_only=True) as warehouse:
        assert fingerprints(project, warehouse) == followed


@pytest.mark.slow
def test_a_blocked_value_joins_nobody_and_its_events_find_another_owner(
    project: Project, tmp_path: Path
) -> None:
    _rules(project)
    events = [
        _seen(0, "m1", ("email", "office@example.org"), ("anonymous_id", "a1")),
        _seen(1, "m2", ("email", "office@example.org"), ("anonymous_id", "a2")),
        _seen(2, "m3", ("user_id", "u1"), ("anonymous_id", "a1")),
    ]
    order = {
        "messageId": "order",
        "type": "track",
        "event": "Order Completed",
        "timestamp": "2026-01-02T00:00:00Z",
        "anonymousId": "a2",
        "properties": {"email": "office@example.org", "revenue": 5, "currency": "EUR"},
    }
    (tmp_path / "order.ndjson").write_text(json.dumps(order))
    load(project, "web", [_write(tmp_path / "events.ndjson", events), tmp_path / "order.ndjson"])
    run(project)
    together = _graph(project)
    assert len(set(together.values())) == 1
    assert _orders(project) == {together[("anonymous_id", "a2")]: 1}

    _declare(project, "block: {email: OFFICE@example.org}")
    run(project)
    apart = _graph(project)
    assert ("email", "office@example.org") not in apart
    assert apart[("user_id", "u1")] == apart[("anonymous_id", "a1")]
    assert apart[("anonymous_id", "a2")] != apart[("anonymous_id", "a1")]
    assert _orders(project) == {apart[("anonymous_id", "a2")]: 1}
    with open_warehouse(project, read_only=True) as warehouse:
        owned = dict(
            warehouse.rows(
                "select message_id, canonical_profile_id from main.profile_events order by all"
            )
        )
        assert owned["m2"] == apart[("anonymous_id", "a2")]
        assert warehouse.rows(
            "select decision, rule from main.identity_decisions "
            "where identifier_value = 'office@example.org'"
        ) == [("blocked", "override: the office's own")]

    (project.definitions / "identity_overrides.yml").unlink()
    compile_here(project)
    run(project)
    assert _graph(project) == together
    assert _orders(project) == {together[("anonymous_id", "a2")]: 1}


def test_an_override_holds_from_its_moment_on(project: Project, tmp_path: Path) -> None:
    _rules(project)
    events = [
        _seen(0, "m1", ("email", "old@example.org"), ("anonymous_id", "a1")),
        _seen(48, "m2", ("email", "old@example.org"), ("anonymous_id", "a2")),
    ]
    load(project, "web", [_write(tmp_path / "events.ndjson", events)])
    _declare(project, "block: {email: old@example.org}", valid_from="2026-01-02")
    run(project, *SELECTED)
    graph = _graph(project)
    assert graph[("email", "old@example.org")] == graph[("anonymous_id", "a1")]
    assert graph[("anonymous_id", "a2")] != graph[("anonymous_id", "a1")]


def test_an_override_without_effect_says_why(project: Project, tmp_path: Path) -> None:
    _rules(project)
    load(project, "web", [_write(tmp_path / "e.ndjson", [_seen(0, "m", ("user_id", "u"))])])
    _write_table(
        project,
        [
            Override("join", ("user_id", "a"), ("user_id", "b")),
            Override("link", ("shoe_size", "44"), ("user_id", "b")),
            Override("link", ("email", "A@b.c"), ("email", "a@b.c")),
        ],
    )
    run(project, *SELECTED)
    with open_warehouse(project, read_only=True) as warehouse:
        reasons = warehouse.rows(
            "select invalid_reason from main.identity_overrides order by invalid_reason"
        )
    assert reasons == [("identifier",), ("kind",), ("same identifier",)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "  - {link: [{user_id: a}], author: x, reason: y}",
            "error[wrong-number]: a link names 1 identifiers",
        ),
        (
            "  - {author: x, reason: y}",
            "error[unclear-override]: an override has 0 of link, never and block",
        ),
        (
            "  - {block: {user_id: a, email: b}, author: x, reason: y}",
            "error[unclear-identifier]: an identifier has 2 types",
        ),
        (
            "  - {never: [{user_id: a}, {user_id: a}], author: x, reason: y}",
            "error[useless-override]: a never names one identifier twice",
        ),
        (
            (
                "  - {link: [{user_id: a}, {user_id: b}], author: x, reason: y}\n"
                "  - {never: [{user_id: b}, {user_id: a}], author: x, reason: y}"
            ),
            "error[conflicting-overrides]: two identifiers are both linked and never to be joined",
        ),
    ],
)
def test_mistakes_in_the_file(project: Project, text: str, expected: str) -> None:
    from cdp.errors import DefinitionError

    (project.definitions / "identity_overrides.yml").write_text(f"overrides:\n{text}\n")
    with pytest.raises(DefinitionError) as raised:
        compile_here(project)
    shown = str(raised.value)
    assert expected in shown
    assert "identity_overrides.yml:" in shown


def _case(random: Random, number: int) -> list[Seen]:
    return [
        Seen(
            START + timedelta(hours=random.randrange(200)),
            f"{number}-{name}",
            _some_nodes(random, number),
        )
        for name in random.sample(range(100, 1000), random.randrange(3, 16))
    ]


def _some_nodes(random: Random, number: int) -> tuple[Node, ...]:
    """A user, a cookie or both, for a message needs an id of its own; perhaps others."""
    pools = {"user_id": 3, "email": 4, "anonymous_id": 6, "device_id": 3}
    kinds = set(random.sample(("user_id", "anonymous_id"), random.randrange(1, 3)))
    kinds |= {kind for kind in ("email", "device_id") if random.random() < 0.3}
    return tuple(
        (kind, f"{kind[0]}{number}x{random.randrange(size)}")
        for kind, size in pools.items()
        if kind in kinds
    )


def _overrides(random: Random, case: Sequence[Seen]) -> list[Override]:
    nodes = sorted({node for event in case for node in event.nodes})
    found = {}
    for _ in range(random.randrange(4)):
        if len(nodes) > 1:
            one, other = sorted(random.sample(nodes, 2))
            moment = START + timedelta(hours=random.randrange(200))
            found[one, other] = Override(
                random.choice(("link", "never")),
                one,
                other,
                random.choice((None, None, moment)),
            )
    return list(found.values())


def _expected(
    cases: Sequence[Sequence[Seen]], overrides: Sequence[Sequence[Override]]
) -> dict[Node, UUID]:
    priority = {kind: number for number, kind in enumerate(LIMITS)}
    return {
        node: profile_id(oldest(profile, lambda one: (priority[one[0]], one[1])))
        for case, some in zip(cases, overrides, strict=True)
        for node, profile in replay(case, LIMITS, some).profiles.items()
    }


def _seen(hour: int, name: str, *nodes: Node) -> Seen:
    return Seen(START + timedelta(hours=hour), name, nodes)


def _rules(project: Project) -> None:
    (project.definitions / "identity.yml").write_text(RULES)
    compile_here(project)


def _declare(project: Project, what: str, valid_from: str | None = None) -> None:
    lines = ["overrides:", f"  - {what}", "    author: ops", '    reason: "the office\'s own"']
    lines += [f"    valid_from: {valid_from}"] if valid_from else []
    (project.definitions / "identity_overrides.yml").write_text("\n".join(lines) + "\n")
    compile_here(project)


def _write_table(project: Project, overrides: Sequence[Override]) -> None:
    with open_warehouse(project) as warehouse:
        warehouse.execute(
            "create table if not exists raw.identity_overrides (kind varchar, "
            "identifier_type varchar, identifier_value varchar, other_type varchar, "
            "other_value varchar, author varchar, reason varchar, valid_from timestamp)"
        )
        for one in overrides:
            warehouse.execute(
                "insert into raw.identity_overrides values (?, ?, ?, ?, ?, 'ops', 'a test', ?)",
                [one.kind, *one.one, *one.other, one.valid_from],
            )


def _graph(project: Project) -> dict[Node, UUID]:
    with open_warehouse(project, read_only=True) as warehouse:
        return {
            (kind, value): profile
            for kind, value, profile in warehouse.rows(
                "select identifier_type, identifier_value, canonical_profile_id "
                "from main.identity_graph"
            )
        }


def _orders(project: Project) -> dict[UUID, int]:
    with open_warehouse(project, read_only=True) as warehouse:
        return dict(
            warehouse.rows(
                "select canonical_profile_id, order_count from main.computed_traits "
                "where order_count > 0"
            )
        )


def _rebuilt_in(warehouse: Any) -> int:
    found = warehouse.value("select max(rebuilt_in) from main_internal.int_identity__progress")
    assert isinstance(found, int)
    return found
