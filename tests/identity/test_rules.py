"""What counts as an identifier: where it is found, how it is cleaned, why it is dropped."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cdp.warehouse import open_warehouse
from tests.projects import compile_here, load, new_project, run

RULES = """
blocked: {values: ["null"], patterns: ["^[0-]*$"]}
identifiers:
  - {type: user_id, paths: [userId], length: 20}
  - type: email
    paths: {all: [context.traits.email], identify: [traits.email]}
    normalize: [email]
  - {type: phone, paths: [traits.phone], normalize: [phone], default_country: 49}
  - {type: foreign_phone, paths: [traits.foreignPhone], normalize: [phone]}
  - {type: app_id, key: appId, pattern: "[a-z][0-9]+"}
  - type: card
    paths: [traits.card]
    normalize:
      - lower
      - sql: >-
          case when value like 'c%' then 'card-' || regexp_replace(value, '[^0-9]', '', 'g')
          else coalesce(nullif(value, 'x'), 'y') end
  - {type: anonymous_id, paths: {all: [anonymousId], alias: [previousId]}}
"""
Found = list[tuple[str, str]]


def _identify(**fields: Any) -> dict[str, Any]:
    return {"type": "identify", **fields}


def _external(kind: str, value: Any, **changes: Any) -> dict[str, Any]:
    entry = {"id": value, "type": kind, "collection": "users", "encoding": "none", **changes}
    return _identify(context={"externalIds": [entry]})


CASES: dict[str, tuple[dict[str, Any], Found]] = {
    "an e-mail is trimmed and lower": (
        _identify(traits={"email": " Ann@Example.ORG "}),
        [("email", "ann@example.org")],
    ),
    "a path of identify calls is not read on others": (
        {"type": "track", "event": "x", "traits": {"email": "ann@example.org"}},
        [],
    ),
    "a path of all calls is read on all": (
        {"type": "track", "event": "x", "context": {"traits": {"email": "a@example.org"}}},
        [("email", "a@example.org")],
    ),
    "two paths may give two values": (
        _identify(traits={"email": "a@b.c"}, context={"traits": {"email": "d@e.f"}}),
        [("email", "a@b.c"), ("email", "d@e.f")],
    ),
    "one value in two paths is one": (
        _identify(traits={"email": "a@b.c"}, context={"traits": {"email": "A@b.c"}}),
        [("email", "a@b.c")],
    ),
    "an e-mail needs its sign": (_identify(traits={"email": "ann"}), [("pattern", "ann")]),
    "a phone number with its country": (
        _identify(traits={"phone": "+44 (20) 7946-0958"}),
        [("phone", "+442079460958")],
    ),
    "00 is a plus": (
        _identify(traits={"phone": "0044 20 7946 0958"}),
        [("phone", "+442079460958")],
    ),
    "the default country, without the trunk's zero": (
        _identify(traits={"phone": "030/901820"}),
        [("phone", "+4930901820")],
    ),
    "a number is its digits": (
        _identify(traits={"phone": 30901820}),
        [("phone", "+4930901820")],
    ),
    "no country, no phone number": (
        _identify(traits={"foreignPhone": "030 901820"}),
        [("pattern", "030901820")],
    ),
    "letters are no phone number": (
        _identify(traits={"foreignPhone": "+49 30 CALL-ME"}),
        [("pattern", "+4930CALLME")],
    ),
    "a key in camel case": (_identify(traits={"appId": "a1"}), [("app_id", "a1")]),
    "a key in snake case": (
        {"type": "track", "event": "x", "properties": {"app_id": "a2"}},
        [("app_id", "a2")],
    ),
    "a key of properties is not read on identify calls": (
        _identify(properties={"app_id": "a3"}),
        [],
    ),
    "a value that is not of the pattern": (
        _identify(traits={"appId": "A-1"}),
        [("pattern", "A-1")],
    ),
    "an external id": (_external("app_id", "a4"), [("app_id", "a4")]),
    "an external id of another collection": (_external("app_id", "a5", collection="accounts"), []),
    "an external id of an unknown type": (_external("shoe_size", "45"), []),
    "an external id with an encoding": (_external("app_id", "a6", encoding="sha256"), []),
    "external ids that are no list": (_identify(context={"externalIds": {"id": "a7"}}), []),
    "an alias call joins its previous id": (
        {"type": "alias", "userId": "now", "previousId": "before"},
        [("user_id", "now"), ("anonymous_id", "before")],
    ),
    "a previous id of other calls is nothing": (_identify(previousId="before"), []),
    "an expression of one's own": (_identify(traits={"card": "C-12 34"}), [("card", "card-1234")]),
    "an expression's other branch": (_identify(traits={"card": "X"}), [("card", "y")]),
    "an expression makes nothing of nothing": (_identify(traits={"card": None}), []),
    "an expression leaves an object one": (
        _identify(traits={"card": {"c": 1}}),
        [("not_text", '{"c":1}')],
    ),
    "a placeholder in any case": (_identify(userId="NULL"), [("blocked", "NULL")]),
    "zeroes and dashes": (_identify(userId="0000-00"), [("blocked", "0000-00")]),
    "spaces alone are nothing": (_identify(traits={"appId": "   ", "phone": " - "}), []),
    "an empty text is nothing": (_identify(traits={"appId": ""}), []),
    "a JSON null is nothing": (_identify(traits={"appId": None}), []),
    "true is not text": (_identify(traits={"appId": True}), [("not_text", "true")]),
    "an object is not text": (_identify(traits={"appId": {"a": 1}}), [("not_text", '{"a":1}')]),
    "a list is not text": (_identify(traits={"appId": ["a1"]}), [("not_text", '["a1"]')]),
    "a control character": (
        _identify(traits={"appId": "a1\u0007"}),
        [("control_characters", "a1\u0007")],
    ),
    "a line's end inside": (
        _identify(traits={"appId": "a\n1"}),
        [("control_characters", "a\n1")],
    ),
    "longer than the length": (_identify(userId="u" * 21), [("too_long", "u" * 20)]),
    "exactly the length": (_identify(userId="u" * 20), [("user_id", "u" * 20)]),
    "ten kilobytes": (_identify(traits={"appId": "a" * 10_240}), [("too_long", "a" * 500)]),
    "letters that look alike differ": (
        _identify(traits={"email": "\u0430nn@example.org"}),
        [("email", "\u0430nn@example.org")],
    ),
}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Found]:
    """Every case through one build: per message id its types, or reasons, and values."""
    folder = tmp_path_factory.mktemp("rules")
    project = new_project(folder / "shop")
    (project.definitions / "identity.yml").write_text(RULES)
    compile_here(project)
    lines = []
    for name, (message, _) in CASES.items():
        ids = {} if "userId" in message else {"anonymousId": "null"}
        time = "2026-05-01T00:00:00Z"
        whole = {"messageId": name, "timestamp": time, "receivedAt": time, **ids, **message}
        lines.append(json.dumps(whole))
    file = folder / "cases.ndjson"
    file.write_text("\n".join(lines) + "\n")
    assert load(project, "web", [file]).event_count == len(CASES)
    run(project, "--select", "+identity_decisions")
    gathered: dict[str, Found] = {name: [] for name in CASES}
    with open_warehouse(project, read_only=True) as warehouse:
        rows = warehouse.rows(
            "select s.message_id, coalesce(i.dropped_reason, i.identifier_type), "
            "i.identifier_value "
            "from main_internal.int_identity__event_identifiers as i "
            "inner join main_internal.stg_events as s using (event_id) "
            "where not (i.identifier_type = 'anonymous_id' and i.identifier_value = 'null')"
        )
        owners = warehouse.rows(
            "select s.message_id, min(i.priority), min(o.priority) "
            "from main_internal.int_identity__event_identifiers as i "
            "inner join main_internal.int_identity__event_identifiers as o "
            "on i.event_id = o.event_id and i.owner_id = o.identifier_id "
            "inner join main_internal.stg_events as s on i.event_id = s.event_id "
            "where i.dropped_reason is null group by 1"
        )
    for message, kind, value in rows:
        gathered[message].append((kind, value))
    assert all(best == owner for _, best, owner in owners)
    return gathered


@pytest.mark.parametrize("name", CASES, ids=[name.replace(" ", "_") for name in CASES])
def test_what_counts_as_an_identifier(found: dict[str, Found], name: str) -> None:
    assert sorted(found[name]) == sorted(CASES[name][1])
