"""Which messages are accepted, with what columns, and why others are refused."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from tests.loader.conftest import Shop, message

PAGE: dict[str, Any] = {"type": "page", "userId": "u1"}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("nonsense", "bad_request"),
        ('"text"', "bad_request"),
        ("12", "bad_request"),
        ('{"type": "track"', "bad_request"),
        (message(type=...), "bad_request"),
        (message(type="purchase"), "bad_request"),
        (message(type=7), "bad_request"),
        (message(messageId=7), "bad_request"),
        (message(context="x"), "bad_request"),
        (message(properties={"a": "x" * 33_000}), "bad_request"),
        ('{"type":"identify","userId":"u","userId":"v"}', "bad_request"),
        ('{"type":"identify","userId":"u","traits":{"a":{"b":{"c":1,"c":1}}}}', "bad_request"),
        ('{"type":"identify","userId":"u","traits":"x","a":{"c":1,"c":1}}', "bad_request"),
        ('{"type":"identify","userId":"u","traits":{},"a":{"c":1,"c":1}}', "bad_request"),
        ('{"type":"identify","userId":"u","traits":{"a":NaN}}', "bad_request"),
        ('{"type":"identify","userId":"u","traits":{"a": -Infinity}}', "bad_request"),
        ('{"type":"identify","userId":"u","traits":{"a":[inf]}}', "bad_request"),
        ('{"type":"identify","userId":"u","traits":{"a":1,}}', "bad_request"),
        ('{"type":"identify","userId":"u\\u0000"}', "bad_request"),
        ('{"type":"identify","userId":"u","traits":{"\\u0000":1}}', "bad_request"),
        ('{"type":"identify","userId":"\\ud800"}', "bad_request"),
        ('{"type":"identify","userId":"u","a":' + "[" * 201 + "]" * 201 + "}", "bad_request"),
        ("[" * 20_000, "bad_request"),
        (message(userId=...), "no_user_anon_id"),
        (message(userId=None, anonymousId=None), "no_user_anon_id"),
        (message(userId=""), "id_not_string"),
        (message(userId=4711), "id_not_string"),
        (message(anonymousId={"a": 1}), "id_not_string"),
        ({"type": "group", "userId": "u1"}, "id_required"),
        ({"type": "group", "userId": "u1", "groupId": 3}, "id_not_string"),
        ({"type": "alias", "userId": "u1"}, "id_required"),
        ({"type": "alias", "anonymousId": "a1", "previousId": "p"}, "id_required"),
        ({"type": "alias", "userId": "u1", "previousId": True}, "id_not_string"),
        (message(event=...), "event_not_defined"),
        (message(event=""), "event_not_defined"),
        (message(event=None), "event_not_defined"),
        (message(event=["x"]), "event_not_string"),
        (message(properties=[1]), "properties_not_object"),
        ({"type": "identify", "userId": "u1", "traits": "x"}, "traits_not_object"),
        ({**PAGE, "name": 1}, "name_not_string"),
        ({**PAGE, "name": ""}, "name_not_string"),
        ({**PAGE, "category": False}, "category_not_string"),
        ([], "empty_batch"),
        ({"batch": []}, "empty_batch"),
        ({"batch": "x"}, "bad_request"),
    ],
)  # fmt: skip
def test_a_bad_line_is_kept_with_its_reason(shop: Shop, text: object, code: str) -> None:
    line = text if isinstance(text, str) else json.dumps(text)
    good = json.dumps(message())
    result = shop.load(shop.write("a.ndjson", f"{good}\n{line}\n{good}\n"))
    assert (result.event_count, result.rejected) == (2, ((code, 1),))
    kept = shop.rejected("load_id, file_id, line_number, source, reason_code, text")
    expected = line if isinstance(text, str) or "batch" not in code + line else kept[0][5]
    assert kept == [(1, 1, 2, "web", code, expected[:1_000])]


@pytest.mark.parametrize(
    "accepted",
    [
        message(userId=None, anonymousId="a1"),
        message(properties=None, traits=None, context=None),
        {**PAGE, "name": None, "category": None},
        {"type": "screen", "anonymousId": "a", "name": "Home"},
        {"type": "group", "userId": "u", "groupId": "g"},
        {"type": "alias", "userId": "u", "previousId": "p"},
        message(properties={"text": "NaN, Infinity, {nan}, [inf], trailing ,] ,} \\u0000 {}"}),
        message(properties={"a": {"b": {"c": [{"d": 1}, {"d": 1}, {}]}}}),
        message(properties={"a": [[[]]] * 200}),
        message(batch=[1]),
    ],
)
def test_what_is_fine(shop: Shop, accepted: dict[str, Any]) -> None:
    shop.load(shop.write("a.ndjson", [accepted]))
    assert shop.rejected() == []
    assert [json.loads(row[0]) for row in shop.events("payload")] == [accepted]


def test_the_payload_is_the_text_that_came(shop: Shop) -> None:
    text = '{"type":"identify", "userId":"ü", "traits":{"n":1.10,"big":12345678901234567890.5e0}}'
    shop.load(shop.write("a.ndjson", f"  {text}\n"))
    assert shop.events("payload, user_id") == [(text, "ü")]


def test_envelope_columns(shop: Shop) -> None:
    shop.load(
        shop.write(
            "a.ndjson",
            [
                message(
                    anonymousId="a1",
                    groupId="g1",
                    originalTimestamp="2026-05-01T12:00:00+02:00",
                    timestamp="2026-05-01T10:00:01.5Z",
                    sentAt="2026-05-01 10:00:02",
                    receivedAt=1_777_629_603_250,
                ),
                {"type": "alias", "userId": "u2", "previousId": "p", "timestamp": "2026-05-01"},
            ],
        )
    )
    columns = (
        "type, event, user_id, anonymous_id, group_id, previous_id, "
        'original_timestamp, "timestamp", sent_at, received_at'
    )
    day = datetime(2026, 5, 1)
    at = datetime(2026, 5, 1, 10)
    assert shop.events(columns) == [
        ("track", "Seen", "u1", "a1", "g1", None, at, at.replace(second=1, microsecond=500_000),
         at.replace(second=2), at.replace(second=3, microsecond=250_000)),
        ("alias", None, "u2", None, None, "p", None, day, None, day),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text", ["yesterday", "infinity", "epoch", "2026-02-30", "0044-03-15 (BC)", "", "20260501"]
)
def test_a_time_that_cannot_be_read_is_no_time(shop: Shop, text: str) -> None:
    sent = "2026-05-01T00:00:00Z"
    shop.load(shop.write("a.ndjson", [message(timestamp=text, receivedAt=text, sentAt=sent)]))
    assert shop.events('"timestamp", received_at') == [(None, datetime(2026, 5, 1))]


def test_without_any_time_the_load_is_the_receipt(shop: Shop) -> None:
    shop.load(shop.write("a.ndjson", [message()]))
    assert shop.events("received_at = loaded_at") == [(True,)]


def test_a_message_without_an_id_is_its_file_and_its_line(shop: Shop) -> None:
    nameless = message(messageId=...)
    path = shop.write("a.ndjson", [nameless, message(messageId=""), {"batch": [nameless] * 2}])
    shop.load(path)
    sha256 = shop.warehouse.value("select content_sha256 from raw.load_files")
    expected = [f"{sha256[:32]}:{place}" for place in ("1", "2", "3.1", "3.2")]
    assert [row[0] for row in shop.events("message_id")] == expected
