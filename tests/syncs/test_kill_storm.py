"""A thousand runs that are killed at random moments: nothing is lost, and nothing comes twice
where it may not."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cdp.destinations.manifest import load_manifests
from cdp.destinations.simulate import jobs as simulated_jobs
from cdp.destinations.simulate.serve import make_server
from cdp.destinations.simulate.vendor import Simulator

from .harness import Shop

SCRIPT = Path(__file__).with_name("zygote.py")
KILLS = 1_000
SEED = 20261123
MOST_A_ROUND = 20
LONG = 60.0
DESTINATIONS = """\
destinations:
  - name: crm
    type: hubspot
    live_on: [dev]
    settings: {{access_token: env:HOOK_TOKEN, endpoint: "{crm}"}}
  - name: bulk
    type: salesforce
    live_on: [dev]
    settings:
      client_id: env:HOOK_TOKEN
      client_secret: env:HOOK_TOKEN
      refresh_token: env:HOOK_TOKEN
      instance_url: https://acme.my.salesforce.com
      endpoint: "{bulk}"
  - name: events
    type: segment
    live_on: [dev]
    settings: {{write_key: env:HOOK_TOKEN, endpoint: "{events}"}}
  - name: sms
    type: twilio
    live_on: [dev]
    settings:
      account_sid: AC0123456789abcdef0123456789abcdef
      auth_token: env:HOOK_TOKEN
      endpoint: "{sms}"
  - {{name: book, type: sqlite_table, live_on: [dev], settings: {{path: out/book.sqlite}}}}
"""
SYNCS = {
    "crm": (
        "key: email\nfields:\n  email: {column: email}\n  spend: {column: spend, as: Total_Spend}"
    ),
    "bulk": (
        "object: bulk_records\noptions: {object: Contact, external_id_field: External_Id__c}\n"
        "key: email\nfields:\n  email: {column: email}\n  spend: {column: spend, as: Total_Spend}"
    ),
    "events": (
        "object: events\nkey: message_id\nfields:\n  message_id: {column: email}\n"
        "  user_id: {constant: u1}\n  event: {constant: Order}\n"
        "  timestamp: {constant: '2026-11-20T10:00:00Z'}\n  spend: {column: spend}"
    ),
    "sms": (
        "key: message_id\nfields:\n  message_id: {column: email}\n"
        "  recipient: {constant: '+49151234567'}\n  sender: {constant: '+15005550006'}\n"
        "  body: {column: spend}"
    ),
    "book": "key: email\nfields:\n  email: {column: email}\n  spend: {column: spend}",
}
COLUMNS = {
    "events": (
        "email as message_id, 'u1' as user_id, 'Order' as event, "
        "'2026-11-20T10:00:00Z' as timestamp, email || ' ' || spend as spend"
    ),
    "sms": (
        "email as message_id, '+49151234567' as recipient, '+15005550006' as sender, "
        "email || ' ' || spend as body"
    ),
}
Wanted = dict[str, str]


@pytest.fixture
def vendors(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Simulator]]:
    """A simulated destination for each sync over HTTP, each with a server of its own."""
    monkeypatch.setattr(simulated_jobs, "QUESTIONS", (0, 1))
    types = {"crm": "hubspot", "bulk": "salesforce", "events": "segment", "sms": "twilio"}
    found, servers = {}, []
    for sync, name in types.items():
        only = "bulk_records" if sync == "bulk" else ""
        found[sync] = Simulator(load_manifests()[name], only=only)
        servers.append(make_server(found[sync], 0))
        found[sync].address = f"http://127.0.0.1:{servers[-1].port}"  # type: ignore[attr-defined]
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
    yield found
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def storm(shop: Shop, vendors: dict[str, Simulator]) -> Iterator[Storm]:
    definitions = shop.folder / "definitions"
    addresses = {sync: one.address for sync, one in vendors.items()}  # type: ignore[attr-defined]
    (definitions / "destinations.yml").write_text(DESTINATIONS.format(**addresses))
    (definitions / "syncs" / "customers.yml").unlink()
    for sync, more in SYNCS.items():
        (definitions / "syncs" / f"{sync}.yml").write_text(
            f"name: {sync}\ndescription: S.\nfrom: {{model: people}}\ndestination: {sync}\n{more}\n"
        )
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), str(shop.folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    yield Storm(shop, vendors, process)
    process.communicate()


class Storm:
    """Runs of five syncs, which are killed; and what each destination must hold."""

    def __init__(
        self, shop: Shop, vendors: dict[str, Simulator], process: subprocess.Popen[str]
    ) -> None:
        self.shop = shop
        self.vendors = vendors
        self.said: Counter[str] = Counter()
        self.longest = dict.fromkeys(SYNCS, 1.0)
        self._process = process
        self._ever: dict[str, Wanted] = {sync: {} for sync in SYNCS}

    def desire(self, sync: str, wanted: Wanted) -> None:
        values = ", ".join(f"('{key}', '{text}')" for key, text in wanted.items())
        columns = COLUMNS.get(sync, "email, spend")
        with self.shop.connect() as connection:
            connection.execute(
                f"create or replace table main.sync__{sync} as select email as sync_key, "
                f"{columns} from (values {values}) as v(email, spend)"
            )
        self._ever[sync] |= wanted

    def run(self, sync: str, seconds: float) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{sync} {seconds}\n")
        self._process.stdin.flush()
        said = self._process.stdout.readline().strip()
        self.said[said] += 1
        return said

    def finish(self, sync: str) -> None:
        """Runs that are not killed, until nothing is waited for."""
        began = time.monotonic()
        assert self.run(sync, LONG) == "done"
        self.longest[sync] = time.monotonic() - began
        if sync == "bulk":
            # What is in a job is asked about again.
            assert self.run(sync, LONG) == "done"

    def check(self, sync: str, wanted: Wanted) -> None:
        ledger = dict(
            self.shop.rows(
                "select sync_key, last_outcome from main_ops.sync_ledger "
                f"where sync_name = '{sync}' and remote_state <> 'absent'"
            )
        )
        assert self.shop.rows("select count(*) from main_ops.sync_intents") == [(0,)]
        held = self._held(sync)
        if sync in ("events", "sms"):
            # What was sent once stays; each came once, and what may have come is known.
            assert len(held) == len(set(held))
            unsure = {key for key, outcome in ledger.items() if outcome == "unknown"}
            assert sync == "sms" or not unsure
            assert set(wanted) <= set(held) | unsure
            assert set(held) <= set(ledger)
        else:
            assert dict(held) == wanted
            assert ledger == dict.fromkeys(wanted, "accepted")

    def _held(self, sync: str) -> Any:
        if sync == "book":
            with closing(sqlite3.connect(self.shop.folder / "out" / "book.sqlite")) as book:
                return book.execute("select sync_key, spend from book").fetchall()
        vendor = self.vendors[sync]
        assert vendor.problems == []
        if sync in ("events", "sms"):
            name, text = ("events", "spend") if sync == "events" else ("messages", "Body")
            return [one["fields"][text].split()[0] for one in vendor.place(name).events]
        place = vendor.place("records" if sync == "crm" else "bulk_records")
        return [(one.key, str(one.fields["Total_Spend"])) for one in place.entities.values()]


def change(wanted: Wanted, chance: random.Random, moment: int) -> Wanted:
    """Some rows leave, some change, some come."""
    kept = {key: value for key, value in wanted.items() if chance.random() > 0.15}
    changed = {
        key: f"s{chance.randrange(10**6)}" if chance.random() < 0.3 else value
        for key, value in kept.items()
    }
    return changed | {f"k{moment}n{number}@x.example": "new" for number in range(6)}


@pytest.mark.slow
def test_nothing_is_lost_by_a_thousand_kills(storm: Storm) -> None:
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    wanted: dict[str, Wanted] = {sync: {"k@x.example": "first"} for sync in SYNCS}
    moment = 0
    while storm.said["killed"] < KILLS:
        for sync in SYNCS:
            moment += 1
            wanted[sync] = change(wanted[sync], chance, moment)
            storm.desire(sync, wanted[sync])
            for _ in range(MOST_A_ROUND):
                if storm.run(sync, chance.random() * storm.longest[sync]) != "killed":
                    break
            storm.finish(sync)
            storm.check(sync, wanted[sync])
    print(dict(storm.said))
