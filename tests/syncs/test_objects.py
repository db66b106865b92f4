"""Syncs to objects of destinations: ids, options, events and messages in the real ledger."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from cdp.destinations import http as engine
from cdp.destinations.manifest import load_manifests
from cdp.destinations.simulate.faults import LOST_AFTER, LOST_BEFORE, Faults
from cdp.destinations.simulate.vendor import Simulator
from tests.destinations.world import through

from .harness import Shop

DESTINATIONS = """\
destinations:
  - {name: hubspot, type: hubspot, live_on: [dev], settings: {access_token: env:HOOK_TOKEN}}
  - name: sms
    type: twilio
    live_on: [dev]
    settings: {account_sid: AC0123456789abcdef0123456789abcdef, auth_token: env:HOOK_TOKEN}
  - {name: book, type: sqlite_table, live_on: [dev], settings: {path: out/book.sqlite}}
  - {name: segment, type: segment, live_on: [dev], settings: {write_key: env:HOOK_TOKEN}}
"""
RECORDS = "key: email\nfields:\n  email: {column: email}\n  spend: {column: spend, as: Total_Spend}"
MESSAGES = (
    "key: message_id\nfields:\n  message_id: {column: email}\n"
    "  recipient: {constant: '+49151234567'}\n  sender: {constant: '+15005550006'}\n"
    "  body: {column: spend}"
)
SYNC = "name: customers\ndescription: C.\nfrom: {{model: customers}}\ndestination: {0}\n{1}\n"
Use = Callable[[str, str], Simulator]


@pytest.fixture
def use(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Use]:
    """Points the shop's sync at a simulated destination: (destination, the rest of the sync)."""
    (shop.folder / "definitions" / "destinations.yml").write_text(DESTINATIONS)
    found: dict[str, Simulator] = {}
    create = engine.Transport.__init__

    def point(name: str, more: str) -> Simulator:
        text = SYNC.format(name, more)
        (shop.folder / "definitions" / "syncs" / "customers.yml").write_text(text)
        manifest = load_manifests()[shop.catalogue.destinations[name].type]
        simulator = found.setdefault(name, Simulator(manifest))

        def offline(self: engine.Transport, timeout_s: float, *rest: object) -> None:
            create(self, timeout_s, "", through(simulator))

        monkeypatch.setattr(engine.Transport, "__init__", offline)
        return simulator

    yield point
    for simulator in found.values():
        assert simulator.problems == []


def desire(shop: Shop, rows: dict[str, float], columns: str = "email, spend") -> None:
    with shop.connect() as connection:
        connection.execute("drop table if exists main.sync__customers")
        values = ", ".join(f"('{key}', '{key}', {spend})" for key, spend in rows.items())
        connection.execute(
            "create table main.sync__customers as select sync_key, "
            f"{columns} from (values {values}) as v(sync_key, email, spend)"
        )


def test_ids_are_kept_and_spare_the_look_up(shop: Shop, use: Use) -> None:
    simulator = use("hubspot", RECORDS)
    desire(shop, {"a@x.example": 1, "b@x.example": 2})
    assert shop.run().count("accepted") == 2
    ids = dict(shop.rows("select sync_key, remote_id from main_ops.sync_ledger"))
    place = simulator.place("records")
    assert {one.key: one.remote_id for one in place.entities.values()} == ids
    assert {str(one.fields["Total_Spend"]) for one in place.entities.values()} == {"1", "2"}
    desire(shop, {"b@x.example": 2})
    before = simulator.requests
    assert shop.run().count("accepted") == 1
    assert simulator.requests == before + 1
    assert [one.key for one in place.entities.values()] == ["b@x.example"]
    gone = "select remote_id from main_ops.sync_ledger where sync_key = 'a@x.example'"
    assert shop.rows(gone) == [(None,)]


def test_a_changed_option_or_name_is_a_question_unless_the_sync_answers_it(
    shop: Shop, use: Use
) -> None:
    use("hubspot", RECORDS)
    desire(shop, {"a@x.example": 1})
    shop.run()
    assert shop.run().diff.to_send == 0
    renamed = RECORDS.replace("Total_Spend", "Spend")
    use("hubspot", renamed)
    assert "(field sent by another name: spend), and 1 rows" in str(shop.run().error)
    use("hubspot", "on_mapping_change: all\n" + renamed)
    assert shop.run().count("accepted") == 1
    use("hubspot", "options: {object_type: companies}\n" + renamed)
    assert "(another setting: options), and 1 rows" in str(shop.run().error)
    use(
        "hubspot",
        "on_mapping_change: changed_columns\noptions: {object_type: companies}\n" + renamed,
    )
    assert shop.run().count("accepted") == 1
    assert shop.run().diff.to_send == 0


def test_what_was_appended_is_never_sent_again_and_never_removed(shop: Shop, use: Use) -> None:
    fields = (
        "object: events\nkey: message_id\nfields:\n  message_id: {column: email}\n"
        "  user_id: {constant: u1}\n  event: {constant: Order}\n"
        "  timestamp: {constant: '2026-11-20T10:00:00Z'}\n  total: {column: spend}"
    )
    simulator = use("segment", fields)
    columns = "email as message_id, 'u1' as user_id, 'Order' as event, 't' as timestamp, spend"
    desire(shop, {"m1": 1, "m2": 2}, columns)
    shop.run()
    desire(shop, {"m2": 99, "m3": 3}, columns)
    result = shop.run()
    assert (result.diff.added, result.diff.changed, result.diff.kept) == (1, 0, 1)
    assert len(simulator.place("events").events) == 3


def test_a_table_follows_the_desired_state(shop: Shop) -> None:
    (shop.folder / "definitions" / "destinations.yml").write_text(DESTINATIONS)
    text = SYNC.format("book", RECORDS.replace(", as: Total_Spend", ""))
    (shop.folder / "definitions" / "syncs" / "customers.yml").write_text(text)
    for wanted in ({"a": 1.0, "b": 2.5}, {"b": 3.5, "c": 4.0}):
        desire(shop, wanted)
        assert shop.run().error is None
        with closing(sqlite3.connect(shop.folder / "out" / "book.sqlite")) as book:
            found = dict(book.execute("select sync_key, spend from customers").fetchall())
        assert found == wanted
    assert shop.run().diff.to_send == 0


@pytest.mark.parametrize("fault", [LOST_BEFORE, LOST_AFTER])
def test_a_message_whose_answer_is_lost_is_held_and_not_sent_twice(
    shop: Shop, use: Use, fault: str
) -> None:
    simulator = use("sms", MESSAGES)
    simulator.faults = Faults(seed=1, rate=1.0, kinds=[fault])
    columns = "email as message_id, '+49151234567' as recipient, '+15' as sender, spend as body"
    desire(shop, {"m1": 1}, columns)
    assert shop.run().count("unknown") == 1
    sent = simulator.requests
    simulator.faults.rate = 0.0
    assert shop.run().diff.held == 1
    desire(shop, {"m1": 2}, columns)
    assert shop.run().diff.held == 1
    assert simulator.requests == sent == 1


def test_a_revoked_token_ends_the_run_at_once(shop: Shop, use: Use) -> None:
    simulator = use("hubspot", RECORDS)
    simulator.settings = {"access_token": "another"}
    desire(shop, {"a@x.example": 1})
    assert str(shop.run().error) == (
        "error[destination-refused]: destination 'hubspot' refused the run with status 401\n"
        "help: check its address and its credentials"
    )
