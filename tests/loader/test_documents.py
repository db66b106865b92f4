"""Arrays, batch bodies and documents over many lines, taken apart into messages."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cdp.loader import documents, reading
from tests.loader.conftest import Shop, message

THREE = [message(messageId=f"m{n}", properties={"n": n}) for n in (1, 2, 3)]


ARRAYS = [
    json.dumps(THREE),
    json.dumps(THREE, indent=2),
    json.dumps([{"batch": THREE[:2]}, THREE[2]]),
    "\n \n" + json.dumps(THREE[:1], indent=1) + "\n" + json.dumps(THREE[1:]) + "\n",
    "[\n" + ",\n".join(map(json.dumps, THREE)) + "\n]\n",
]
BODIES = [
    json.dumps({"batch": THREE}),
    json.dumps({"batch": THREE}, indent=2),
    json.dumps({"batch": THREE[:1]}) + "\n" + json.dumps(THREE[1:]),
]


@pytest.mark.parametrize("text", ARRAYS)
def test_an_array_may_be_larger_than_a_block(
    shop: Shop, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "BLOCK_BYTES", 7)
    shop.load(shop.write("a.json", text))
    assert [json.loads(row[0]) for row in shop.events("payload")] == THREE


@pytest.mark.parametrize("text", ARRAYS + BODIES)
def test_every_wrapping_gives_the_same_messages(shop: Shop, text: str) -> None:
    shop.load(shop.write("a.json", text))
    assert [json.loads(row[0]) for row in shop.events("payload")] == THREE
    assert shop.rejected() == []


def test_a_batch_shares_what_its_items_do_not_say(shop: Shop) -> None:
    body: dict[str, Any] = {
        "batch": [
            message(),
            message(context={"ip": "2", "os": {"name": "b"}}, sentAt="2026-05-02"),
            message(context=None),
        ],
        "context": {"ip": "1", "os": {"name": "a", "version": "1"}, "locale": "de"},
        "integrations": {"All": True},
        "sentAt": "2026-05-01T00:00:00Z",
        "receivedAt": "2026-05-01T00:00:01Z",
        "writeKey": "not for the items",
    }
    shop.load(shop.write("a.ndjson", [body]))
    payloads = [json.loads(row[0]) for row in shop.events("payload")]
    shared = {"integrations": {"All": True}, "receivedAt": "2026-05-01T00:00:01Z"}
    first = {**message(), "context": body["context"], "sentAt": body["sentAt"], **shared}
    own = {"ip": "2", "os": {"name": "b"}, "locale": "de"}
    assert payloads == [first, {**first, "context": own, "sentAt": "2026-05-02"}, first]


def test_numbers_in_a_batch_keep_their_digits(shop: Shop) -> None:
    numbers = '{"a":1.10,"b":1E+2,"c":-0,"d":0.12345678901234567890}'
    item = f'{{"type":"identify","userId":"u","traits":{numbers}}}'
    shop.load(shop.write("a.ndjson", f'{{"batch": [{item}]}}'))
    assert shop.events("payload") == [(item,)]


def test_one_bad_item_costs_only_itself(shop: Shop) -> None:
    items = [message(), message(userId=3), "text", message(event="a\0b"), message(messageId="m2")]
    shop.load(shop.write("a.ndjson", [{"batch": items}]))
    assert shop.events("message_id") == [("m1",), ("m2",)]
    assert sorted(row[1:] for row in shop.rejected()) == [
        ("bad_request", "it contains a NUL character"),
        ("bad_request", "not a JSON object"),
        ("id_not_string", "'userId' is empty or not a text"),
    ]


def test_a_batch_body_may_be_larger_than_a_message(shop: Shop) -> None:
    items = [message(messageId=f"m{n}") for n in range(2_500)]
    result = shop.load(shop.write("a.ndjson", [{"batch": items}]))
    assert (result.event_count, result.rejected_count) == (2_500, 0)


def test_lines_in_a_document_are_where_its_messages_start(shop: Shop) -> None:
    text = (
        "[\n" + json.dumps(THREE[0], indent=2) + ",\n\n" + json.dumps(message(messageId="")) + "\n]"
    )
    shop.load(shop.write("a.json", text))
    sha256 = shop.warehouse.value("select content_sha256 from raw.load_files")
    expected = [(2, "m1"), (12, f"{sha256[:32]}:12.2")]
    assert shop.events("line_number, message_id") == expected


def test_what_follows_a_syntax_error_is_one_refusal(shop: Shop) -> None:
    shop.load(shop.write("a.json", "[\n" + json.dumps(THREE[0]) + ',\n{"broken": ,\n{}]'))
    assert shop.events("message_id") == [("m1",)]
    assert shop.rejected() == [(3, "bad_request", "not valid JSON")]


def test_a_value_without_an_end_does_not_fill_the_memory(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "BLOCK_BYTES", 100)
    monkeypatch.setattr(documents, "LONGEST_VALUE", 1_000)
    shop.load(shop.write("a.json", "[" + json.dumps(THREE[0]) + ',\n{"a": [' + "1,\n" * 9_000))
    assert shop.events("message_id") == [("m1",)]
    assert shop.rejected() == [(2, "bad_request", "not valid JSON")]


def test_bytes_that_are_not_text_in_a_document(shop: Shop) -> None:
    text = b"[" + json.dumps(THREE[0]).encode() + b',\n{"type": "\xff"}\n]'
    shop.load(shop.write("a.json", text))
    assert shop.events("message_id") == [("m1",)]
    assert shop.rejected() == [(2, "bad_request", "not valid UTF-8")]


@pytest.mark.parametrize("levels", [199, 300, 5_000])
@pytest.mark.parametrize("wrap", ['{{"batch":[{0}]}}', "[{0}]", "{0}", "[\n{0}\n]"])
def test_deep_nesting_is_refused_and_harms_nothing(shop: Shop, levels: int, wrap: str) -> None:
    deep = '{"a":' * (levels - 2) + "1" + "}" * (levels - 2)
    item = f'{{"type":"identify","userId":"u","messageId":"m","traits":{deep}}}'
    result = shop.load(shop.write("a.ndjson", wrap.format(item)))
    assert (result.event_count, result.rejected_count) == ((1, 0) if levels < 200 else (0, 1))


@pytest.mark.parametrize("cut", [1, 2])
def test_an_array_that_is_cut_off_between_messages_is_told(shop: Shop, cut: int) -> None:
    """Every message before the cut is whole: only the missing end can tell."""
    text = "[" + ",\n".join(map(json.dumps, THREE[:cut]))
    shop.load(shop.write("a.json", text))
    assert shop.events("message_id") == [(f"m{n + 1}",) for n in range(cut)]
    reason = "the array is not closed: the end of the file is missing"
    assert shop.rejected() == [(cut, "bad_request", reason)]
