"""Rows that need no shaping go from the spool to the wire as they are: the same is sent."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from cdp.destinations.delivery import Batch, Outcome, OutgoingRow, Target
from cdp.destinations.http import HttpDriver
from cdp.destinations.spooled import SpooledRows, operation_of, read_row
from cdp.json_bytes import read_json, write_json
from tests.destinations.play import destination

from .network import Answering

HUGE = 2**70
ROWS = [
    '{"operation":"upsert","key":"a","fields":{"name":"q\\"u\\\\o\\n","city":"Zoë\u2028","n":1.5}}',
    f'{{"operation":"upsert","key":"b","fields":{{"name":null,"city":"","n":{HUGE}}}}}',
    '{"operation":"upsert","key":"c","fields":{"name":"ann@x.example","city":{"a":[1]},"n":-0.0}}',
]
WITH_ID = '{"operation":"upsert","key":"d","fields":{"name":"x"},"remote_id":"77"}'
WITHOUT_KEY = '{"operation":"upsert","key":"","fields":{"name":"x"}}'
TYPES = (("name", "VARCHAR"), ("city", "VARCHAR"), ("n", "DOUBLE"))


def send(
    monkeypatch: pytest.MonkeyPatch,
    rows: Sequence[OutgoingRow],
    reply: dict[str, Any],
    key: str = "profile_id",
) -> tuple[list[bytes], Any]:
    """The bodies that are sent, and the outcomes."""
    monkeypatch.setenv("HOOK_URL", "https://hook.example/in")
    bodies: list[bytes] = []

    def handle(request: httpx.Request) -> httpx.Response:
        bodies.append(request.content)
        return httpx.Response(200, json=reply)

    driver = HttpDriver(
        destination("webhook", {"url": "env:HOOK_URL"}),
        Target("", {}, key),
        network=Answering(handle),
    )
    outcomes = driver.send(Batch("people", "r1", 1, rows, "k1", TYPES))
    driver.close()
    return bodies, outcomes


def spooled(texts: Sequence[str]) -> SpooledRows:
    return SpooledRows([f"{one}\n".encode() for one in texts])


@pytest.mark.parametrize("texts", [ROWS, [*ROWS, WITH_ID], [ROWS[0], WITHOUT_KEY, ROWS[1]]])
@pytest.mark.parametrize("key", ["profile_id", "name", "n"])
def test_what_is_not_shaped_is_what_shaping_makes(
    monkeypatch: pytest.MonkeyPatch, texts: list[str], key: str
) -> None:
    # Where the key is a field, both have the same value.
    rows = [read_row(one.encode()) for one in texts]
    if key != "profile_id":
        rows = [row._replace(fields={**row.fields, key: row.key}) for row in rows]
        texts = [
            json.dumps(
                {"operation": row.operation, "key": row.key, "fields": row.fields}
                | ({"remote_id": row.remote_id} if row.remote_id else {}),
                separators=(",", ":"),
            )
            for row in rows
        ]
    shaped, expected = send(monkeypatch, rows, {}, key)
    as_spooled, outcomes = send(monkeypatch, spooled(texts), {}, key)
    assert [json.loads(one) for one in as_spooled] == [json.loads(one) for one in shaped]
    assert outcomes == expected
    assert (str(HUGE).encode() in as_spooled[0]) == (key != "n")


def test_a_reason_does_not_show_what_is_in_a_row_that_nobody_has_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    results = [{"status": "accepted"}, {"status": "accepted"}]
    refused = {"status": "rejected", "reason": "no such person: ann@x.example in [1]"}
    _, outcomes = send(monkeypatch, spooled(ROWS), {"results": [*results, refused]})
    assert outcomes == [
        Outcome("accepted"),
        Outcome("accepted"),
        Outcome("rejected", "rejected", "no such person: [redacted] in [1]"),
    ]


def test_rows_without_ids_are_sent_in_the_bytes_of_the_spool(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    texts = [one.replace(",", " ,") for one in ROWS]
    (body,), _ = send(monkeypatch, spooled(texts), {})
    assert ",".join(texts).encode() in body


def test_a_line_tells_its_operation() -> None:
    assert operation_of(b'{"operation":"remove","key":"a","fields":{}}') == "remove"
    assert operation_of(ROWS[0].encode()) == "upsert"


@pytest.mark.parametrize("value", [HUGE, -HUGE, 2**63, 0.1, {"a": [None, True, "\u2028ä"]}])
def test_json_is_read_and_written_without_loss(value: Any) -> None:
    assert read_json(write_json(value)) == value
    assert type(read_json(write_json(value))) is type(value)


@pytest.mark.parametrize("text", [b"", b"{", b"[1] x", b"\xff", b"[" * 5_000])
def test_what_is_not_json_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match="column"):
        read_json(text)
