"""Plays the conformance cases that stand beside the manifests: exact requests, exact outcomes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
import yaml

from cdp.destinations.delivery import (
    STAGED,
    Batch,
    Outcome,
    OutgoingRow,
    Refused,
    Stop,
    Target,
)
from cdp.destinations.http import HttpDriver
from cdp.destinations.manifest import CASES, MANIFESTS, load_manifests
from cdp.destinations.manifest.settings import with_defaults
from cdp.destinations.spec import Destination
from cdp.errors import Location

from .network import Answering


@dataclass
class Case:
    """One case: a batch of rows, the requests that it must become, and their replies.

    `settled` is what becomes of the rows that are staged in a job, when it is asked about.
    """

    manifest: str
    name: str
    rows: list[Mapping[str, Any]]
    exchange: list[dict[str, Any]]
    outcomes: Any
    settings: Mapping[str, Any] = field(default_factory=dict)
    object: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    key: str = "canonical_profile_id"
    sent_as: Mapping[str, str] = field(default_factory=dict)
    remote_ids: list[str] | None = None
    settled: Any = None
    mode: str = ""

    def __str__(self) -> str:
        return f"{self.manifest}: {self.name}"


def cases() -> list[Case]:
    """All cases of all manifests. `settings` at the top of a file are shared by its cases."""
    found = []
    for path in sorted(MANIFESTS.glob(f"*{CASES}")):
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        name = path.name.removesuffix(CASES)
        for one in document["cases"]:
            settings = {**document.get("settings", {}), **one.pop("settings", {})}
            case = Case(manifest=name, settings=settings, **one)
            for step in case.exchange:
                step["request"] = hashed(step["request"])
            found.append(case)
    return found


def hashed(value: Any) -> Any:
    """What a case writes as `sha256:text` is the hash of the text."""
    if isinstance(value, dict):
        return {key: hashed(one) for key, one in value.items()}
    if isinstance(value, list):
        return [hashed(one) for one in value]
    if isinstance(value, str) and value.startswith("sha256:"):
        return hashlib.sha256(value.removeprefix("sha256:").encode()).hexdigest()
    return value


def destination(name: str, settings: Mapping[str, Any]) -> Destination:
    """A configured destination whose secrets are given plainly."""
    known = load_manifests()[name].settings
    return Destination(
        name, name, with_defaults(known, settings), ("dev",), Location(Path("destinations.yml"))
    )


class Vendor:
    """Answers as a case says, and keeps what it was asked."""

    def __init__(self, exchange: list[dict[str, Any]]) -> None:
        self.exchange = exchange
        self.asked: list[dict[str, Any]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        position = len(self.asked)
        assert position < len(self.exchange), f"one request too many: {request.url}"
        self.asked.append(_as_written(request, self.exchange[position]["request"]))
        reply = self.exchange[position].get("reply", {})
        body = reply.get("body", "")
        return httpx.Response(
            reply.get("status", 200),
            headers=reply.get("headers", {}),
            content=body if isinstance(body, str) else json.dumps(body),
        )


def _as_written(request: httpx.Request, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The request in the words of the case; only headers that the case names are looked at."""
    said: dict[str, Any] = {"method": request.method, "url": str(request.url)}
    if "headers" in wanted:
        said["headers"] = {name: request.headers.get(name) for name in wanted["headers"]}
    if request.content:
        kind = request.headers.get("Content-Type", "")
        said["body"] = (
            dict(parse_qsl(request.content.decode())) if "form" in kind else request.content
        )
        if isinstance(said["body"], bytes):
            text = said["body"].decode()
            said["body"] = text if "csv" in kind else json.loads(text)
    return said


def play(case: Case, vendor: Vendor) -> Any:
    """The outcomes, as a case writes them."""
    target = Target(
        case.object,
        with_defaults(_options(case), case.options),
        case.key,
        case.sent_as,
        mode=case.mode,
    )
    driver = HttpDriver(
        destination(case.manifest, case.settings),
        target,
        sleep=lambda seconds: None,
        network=Answering(vendor),
    )
    rows = [
        OutgoingRow(
            row.get("operation", "upsert"),
            row["key"],
            row.get("fields", {}),
            row.get("remote_id", ""),
        )
        for row in case.rows
    ]
    batch = Batch("customers", "run", 1, rows, "batch-key")
    settled: Sequence[Outcome] | None = None
    try:
        reply = driver.send(batch)
        staged = [] if isinstance(reply, Refused) else [one for one in reply if one.job]
        if staged and not isinstance(reply, Refused):
            waiting = [
                row._replace(remote_id=one.remote_id, fields={})
                for row, one in zip(rows, reply, strict=True)
                if one.state == STAGED
            ]
            settled = driver.settle(replace(batch, rows=waiting, job=staged[0].job))
    except Stop as stop:
        return {"stop": stop.slug}
    finally:
        driver.close()
    if isinstance(reply, Refused):
        return {"refused": reply.code}
    if case.remote_ids is not None:
        assert [one.remote_id for one in settled or reply] == case.remote_ids
    assert (None if settled is None else _said(settled)) == case.settled
    return _said(reply)


def _said(outcomes: Sequence[Outcome]) -> list[Any]:
    return [
        {one.state: one.code} if one.code and one.state != STAGED else one.state for one in outcomes
    ]


def _options(case: Case) -> Mapping[str, Any]:
    found = load_manifests()[case.manifest].object(case.object)
    assert found is not None, f"there is no object {case.object}"
    return found.options
