"""Modes of a sync: which of new, changed and leaving rows are sent."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from cdp.errors import DefinitionError

from .harness import Server, Shop

HOOK = "name: customers\ndescription: C.\nfrom: {model: customers}\ndestination: hook\n"
SEGMENT = """\
destinations:
  - {name: hook, type: segment, live_on: [dev], settings: {write_key: env:HOOK_TOKEN}}
"""
EVENTS = """\
object: events
key: message_id
fields:
  message_id: {column: email}
  user_id: {constant: u1}
  event: {constant: Order}
  timestamp: {constant: '2026-11-20T10:00:00Z'}
"""


def define(shop: Shop, more: str) -> str:
    """The mistakes of the shop's sync, with paths from the definitions folder."""
    (shop.folder / "definitions" / "syncs" / "customers.yml").write_text(HOOK + more)
    with pytest.raises(DefinitionError) as caught:
        _ = shop.catalogue
    return str(caught.value).replace(f"{shop.folder.as_posix()}/definitions/", "")


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("mirror", {"a": "new@x", "c": "c@x"}),
        ("upsert", {"a": "new@x", "b": "b@x", "c": "c@x"}),
        ("insert", {"a": "a@x", "b": "b@x", "c": "c@x"}),
    ],
)
def test_a_mode_says_which_rows_are_sent(
    shop: Shop, server: Server, mode: str, expected: dict[str, str]
) -> None:
    shop.sync(more=f"mode: {mode}")
    shop.desire({"a": "a@x", "b": "b@x"})
    shop.run()
    shop.desire({"a": "new@x", "c": "c@x"})
    shop.run()
    assert {key: fields["email"] for key, fields in server.state.items()} == expected
    assert shop.run().sent == 0


def test_a_mode_and_what_happens_to_leaving_rows_are_one_setting(shop: Shop) -> None:
    fields = "fields: {email: {column: email}}\n"
    assert define(shop, fields + "mode: upsert\non_leave: nothing\n") == (
        "error[ambiguous-mode]: sync 'customers' has both 'mode' and 'on_leave'\n"
        "  --> syncs/customers.yml:7:11\n"
        "   7 | on_leave: nothing\n"
        "help: keep one of them; a mode says what becomes of rows that leave"
    )
    assert define(shop, fields + "mode: upsrt\n") == (
        "error[unknown-value]: 'upsrt' is not a valid mode of sync 'customers'\n"
        "  --> syncs/customers.yml:6:7\n"
        "   6 | mode: upsrt\n"
        "help: did you mean 'upsert'?"
    )


def test_a_mode_that_the_object_does_not_have_is_refused(shop: Shop) -> None:
    fields = "fields: {email: {column: email}}\n"
    assert define(shop, fields + "mode: append\n") == (
        "error[unsupported-mode]: sync 'customers' has the mode 'append', which Rows do not have\n"
        "  --> syncs/customers.yml:6:7\n"
        "   6 | mode: append\n"
        "help: one of 'insert', 'mirror', 'upsert'"
    )


def test_events_can_only_be_appended(shop: Shop) -> None:
    (shop.folder / "definitions" / "destinations.yml").write_text(SEGMENT)
    assert "error[unsupported-mode]: sync 'customers' has the mode 'mirror', which " in (
        define(shop, EVENTS + "mode: mirror\n")
    )
    path = shop.folder / "definitions" / "syncs" / "customers.yml"
    path.write_text(HOOK + EVENTS + "mode: append\n")
    assert shop.catalogue.syncs["customers"].on_leave == ""


def test_every_identifier_needs_a_row_of_its_own(shop: Shop) -> None:
    fields = "fields: {email: {identifier: email, strategy: all}}\n"
    assert define(shop, fields) == (
        "error[all-needs-key]: sync 'customers' maps every 'email' of a profile to 'email', "
        "which is not its key\n"
        "  --> syncs/customers.yml:5:30\n"
        "   5 | fields: {email: {identifier: email, strategy: all}}\n"
        "help: write 'key: email', so that each is a row of its own, or choose one with "
        "'strategy: last'"
    )


TABLE = """\
destinations:
  - {name: hook, type: sqlite_table, live_on: [dev], settings: {path: there.sqlite}}
"""


@pytest.fixture
def there(shop: Shop) -> Iterator[sqlite3.Connection]:
    """The database of a shop whose sync writes to a table."""
    (shop.folder / "definitions" / "destinations.yml").write_text(TABLE)
    with closing(sqlite3.connect(shop.folder / "there.sqlite")) as connection:
        yield connection


def test_an_archived_row_comes_back(shop: Shop, there: sqlite3.Connection) -> None:
    shop.sync(more="mode: archive\nguards: {max_removal_ratio: 1}")
    query = "select sync_key, email, archived_at is not null from customers order by sync_key"
    for rows, expected in (
        ({"a": "a@x", "b": "b@x"}, [("a", "a@x", 0), ("b", "b@x", 0)]),
        ({"b": "b@x"}, [("a", "a@x", 1), ("b", "b@x", 0)]),
        ({"a": "a@x", "b": "b@x"}, [("a", "a@x", 0), ("b", "b@x", 0)]),
    ):
        shop.desire(rows)
        assert shop.run().error is None
        assert there.execute(query).fetchall() == expected
        assert shop.run().sent == 0


def test_an_update_waits_for_the_row_to_be_there(shop: Shop, there: sqlite3.Connection) -> None:
    shop.sync(more="mode: update")
    there.execute("create table customers (sync_key text primary key, email text)")
    there.execute("insert into customers values ('a', 'old')")
    there.commit()
    shop.desire({"a": "a@x", "b": "b@x"})
    assert (shop.run().count("accepted"), shop.run().sent) == (1, 0)
    there.execute("insert into customers (sync_key) values ('b')")
    there.commit()
    assert shop.run(retry_rejected=True).count("accepted") == 1
    shop.desire({"b": "b@x"})
    assert shop.run().sent == 0
    found = there.execute("select sync_key, email from customers order by sync_key").fetchall()
    assert found == [("a", "a@x"), ("b", "b@x")]


def test_a_mode_that_needs_a_request_that_there_is_not_is_refused(shop: Shop) -> None:
    fields = "fields: {email: {column: email}}\n"
    assert define(shop, fields + "mode: archive\n") == (
        "error[unsupported-mode]: sync 'customers' has the mode 'archive', which Rows do not have\n"
        "  --> syncs/customers.yml:6:7\n"
        "   6 | mode: archive\n"
        "help: one of 'insert', 'mirror', 'upsert'"
    )


def test_a_column_that_a_mode_writes_is_not_mapped(shop: Shop, there: sqlite3.Connection) -> None:
    fields = "fields: {archived_at: {column: email}}\n"
    assert define(shop, fields + "mode: archive\n") == (
        "error[invalid-name]: sync 'customers' maps 'archived_at', which its mode writes itself\n"
        "  --> syncs/customers.yml:5:32\n"
        "   5 | fields: {archived_at: {column: email}}\n"
        "help: give the field another name"
    )
