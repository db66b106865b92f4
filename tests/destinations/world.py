"""A small world for chaos: people, a sync's memory of what was acknowledged, a simulated vendor.

The memory follows the rules of the warehouse's ledger (tests/syncs compares those
with an oracle of their own), in plain Python, so that a run costs milliseconds.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpcore
import httpx

from cdp.destinations.delivery import Batch, Outcome, OutgoingRow, Stop, Target
from cdp.destinations.http import HttpDriver
from cdp.destinations.manifest import Manifest, Object, Setting
from cdp.destinations.manifest.objects import FieldRule
from cdp.destinations.rows import Shaper
from cdp.destinations.simulate.routes import Received
from cdp.destinations.simulate.vendor import Lost, Simulator, TooSlow
from cdp.errors import RunError
from cdp.syncs.journal import Journal
from cdp.syncs.send import send_journal
from tests.spooled import write_lines

from .network import Answering
from .play import destination

Fields = dict[str, Any]


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        self.now += 0.001
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def through(simulator: Simulator) -> Answering:
    """The network, in process."""

    def handle(request: httpx.Request) -> httpx.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        received = Received(request.method, str(request.url), headers, request.content)
        try:
            status, said, body = simulator.answer(received)
        except Lost:
            raise httpcore.ReadError("lost") from None
        except TooSlow:
            raise httpcore.ReadTimeout("slow") from None
        return httpx.Response(status, headers=said, content=body)

    return Answering(handle)


def given(settings: dict[str, Setting], what: str) -> dict[str, Any]:
    """A value for each setting or option."""
    found = {}
    for name, one in settings.items():
        if one.example is not None or one.default is not None:
            found[name] = one.example if one.example is not None else one.default
        elif one.is_required:
            found[name] = "https://x.example/hook" if one.type == "url" else f"{what}-{name}-4711"
    return found


def value_of(rule: FieldRule | None, name: str, number: int) -> Any:
    """The value of a field that a manifest knows, for a person."""
    if rule is not None and rule.value.validate == "email":
        return f"Person{number}@private.example"
    if rule is not None and (rule.value.validate == "e164" or "e164" in rule.value.normalize):
        return f"+4915112345{number:03}"
    if rule is not None and rule.example is not None:
        return f"{rule.example} {number}" if name == "text" else rule.example
    return f"{name}-{number}"


@dataclass
class Known:
    """What the memory knows of a key."""

    state: str = "absent"
    content: str | None = None
    remote_id: str = ""
    job: str = ""
    last: tuple[str, str | None, str] = ("", None, "")


@dataclass
class World:
    """One sync to one object of one simulated destination."""

    manifest: Manifest
    shape: Object
    simulator: Simulator
    folder: Path
    clock: Clock = field(default_factory=Clock)
    memory: dict[str, Known] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)
    runs: int = 0
    columns: list[list[str]] = field(default_factory=list)
    mode: str = ""

    def __post_init__(self) -> None:
        self.settings = given(dict(self.manifest.settings), "secret")
        self.options = given(dict(self.shape.options), "option")
        self.simulator.settings = self.settings
        self.simulator.clock = self.clock
        self.key = next(iter(self.shape.keys), "external_id")
        self.target = Target(self.shape.name, self.options, self.key, {}, mode=self.mode)

    def person(self, number: int, version: str) -> tuple[str, Fields]:
        """The key and the fields of a person."""
        known = {**self.shape.identifiers, **self.shape.fields}
        names = [self.key, *(one for one in known if one != self.key)]
        fields = {name: value_of(known.get(name), name, number) for name in names}
        if self.shape.unknown_fields == "send":
            fields |= {"tier": version, "visits": number}
        return str(fields[self.key]), fields

    def driver(self) -> HttpDriver:
        return HttpDriver(
            destination(self.manifest.name, self.settings),
            self.target,
            self.clock.sleep,
            self.folder / "limits",
            network=through(self.simulator),
            clock=self.clock,
        )

    def run(self, desired: dict[str, Fields], retry_rejected: bool = False) -> RunError | None:
        """One run of the sync: what is in jobs first, then what changed."""
        try:
            self._settle_jobs()
        except Stop as stop:
            return RunError(stop.slug, stop.message, help=stop.help)
        rows = list(self._changes(desired, retry_rejected))
        if not rows:
            return None
        self.runs += 1
        path = self.folder / f"{self.runs}.journal"
        meta = {"run_id": f"run{self.runs}", "sync": "people", "columns": self.columns}
        journal = Journal.create(path, meta, partial(write_lines, rows))
        driver = self.driver()
        error = send_journal(journal, driver)
        self._remember_settled(journal, rows)
        journal.delete()
        driver.close()
        self.texts.append(str(error))
        return error

    def _remember_settled(self, journal: Journal, rows: list[tuple[Any, ...]]) -> None:
        for one in journal.settled():
            for operation, key, content, *_ in rows[one.first_seq - 1 : one.last_seq]:
                said = {"sync_key": key, "operation": operation, "payload_hash": content}
                self._remember(said | one._asdict())

    @property
    def staged(self) -> dict[str, list[str]]:
        """The keys that are in jobs, by job."""
        found: dict[str, list[str]] = {}
        for key, known in self.memory.items():
            if known.last[2] == "staged":
                found.setdefault(known.job, []).append(key)
        return found

    def _settle_jobs(self) -> None:
        driver = self.driver()
        for job, keys in self.staged.items():
            known = [self.memory[key] for key in keys]
            rows = [
                OutgoingRow(one.last[0], key, {}, one.remote_id)
                for key, one in zip(keys, known, strict=True)
            ]
            outcomes = driver.settle(Batch("people", "run", 0, rows, "", job=job))
            for key, one, outcome in zip(keys, known, outcomes, strict=True):
                said = {"sync_key": key, "operation": one.last[0], "payload_hash": one.last[1]}
                self._remember({**said, **vars(outcome), "outcome": outcome.state, "doubt": 0})
        driver.close()

    def _changes(self, desired: dict[str, Fields], retry_rejected: bool) -> Any:
        for key, known in sorted(self.memory.items()):
            is_held = self._is_held(known, ("remove", None), retry_rejected)
            can = self.shape.removes(self.mode) and not self.shape.appends
            can = can and self.mode != "update"
            if can and key not in desired and known.state != "absent" and not is_held:
                yield "remove", key, None, "{}", known.remote_id
        for key, fields in sorted(desired.items()):
            content = json.dumps(fields, sort_keys=True)
            known = self.memory.get(key, Known())
            is_there = known.state == "present"
            if is_there and (known.content == content or self.shape.appends):
                continue
            if self.shape.appends and not self.shape.is_idempotent and known.state == "unknown":
                continue
            if not self._is_held(known, ("upsert", content), retry_rejected):
                yield "upsert", key, content, json.dumps(fields), known.remote_id

    def _is_held(self, known: Known, now: tuple[str, str | None], retry_rejected: bool) -> bool:
        outcome = known.last[2]
        if outcome == "staged":
            return True
        is_same = known.last[:2] == now
        return is_same and (
            (outcome == "rejected" and not retry_rejected)
            or (outcome == "unknown" and not self.shape.is_idempotent)
        )

    def _remember(self, said: dict[str, Any]) -> None:
        known = self.memory.setdefault(said["sync_key"], Known())
        operation, outcome = said["operation"], said["outcome"]
        if outcome == "accepted":
            known.state = "present" if operation == "upsert" else "absent"
            known.content = said["payload_hash"]
        elif outcome in ("unknown", "staged") or said["doubt"]:
            known.state, known.content, known.remote_id = "unknown", None, ""
        known.remote_id = said["remote_id"] or known.remote_id
        if outcome == "accepted" and operation == "remove":
            known.remote_id = ""
        known.job = said["job"]
        known.last = (operation, said["payload_hash"], outcome)
        self.texts.append(f"{said['code']} {said['reason']}")

    def wanted(self, key: str, fields: Fields) -> dict[str, Any]:
        """What the destination must hold for a row, as the manifest shapes it."""
        shaper = Shaper(self.shape, self.target)
        batch = Batch("people", "run", 1, (), "k")
        shaped = shaper.shape(OutgoingRow("upsert", key, fields), 0, batch)
        assert not isinstance(shaped, Outcome), shaped
        return shaped


def change(people: dict[int, str], chance: random.Random) -> dict[int, str]:
    """Some people leave, some change, some come."""
    kept = {number: tier for number, tier in people.items() if chance.random() > 0.15}
    changed = {
        number: f"tier{chance.randrange(9)}" if chance.random() < 0.2 else tier
        for number, tier in kept.items()
    }
    return changed | {chance.randrange(60): "new" for _ in range(4)}
