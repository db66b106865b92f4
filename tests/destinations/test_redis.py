"""Redis as a destination, where CDP_TEST_REDIS names a server."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cdp.destinations.delivery import Batch, OutgoingRow, Refused, Stop
from cdp.destinations.probe import probe
from cdp.destinations.redis_keys import RedisDriver
from cdp.errors import RunError

from .play import destination

# Tests run side by side, each worker in a database of its own.
NUMBER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) + 1
HELP = "check that the server is there, that its user may write, and that it has memory left"


@pytest.fixture
def address() -> str:
    if "CDP_TEST_REDIS" not in os.environ:
        pytest.skip("CDP_TEST_REDIS names no server")
    return f"{os.environ['CDP_TEST_REDIS'].rpartition('/')[0]}/{NUMBER}"


@pytest.fixture
def server(address: str) -> Iterator[Any]:
    """A client that looks at what is there."""
    redis = pytest.importorskip("redis")
    client = redis.Redis.from_url(address, decode_responses=True)
    client.flushdb()
    client.set("strangers", "own")
    yield client
    client.close()


def send(kind: str, address: str, *rows: OutgoingRow, **settings: Any) -> Any:
    found = destination(kind, {"url": address, **settings})
    driver = RedisDriver(found, Path("."))
    try:
        return driver.send(Batch("people", "run", 1, rows, "key"))
    finally:
        driver.close()


def row(key: str, **fields: Any) -> OutgoingRow:
    return OutgoingRow("upsert", key, fields)


def gone(key: str) -> OutgoingRow:
    return OutgoingRow("remove", key, {})


@pytest.mark.redis
def test_each_row_is_a_hash_that_is_replaced_as_a_whole(server: Any, address: str) -> None:
    first = [row("a", email="a\r\n*1 ü", tier="gold"), row("b", email=None), row("c", email="c")]
    for _ in range(2):
        outcomes = send("redis_hash", address, *first)
        assert [one.state for one in outcomes] == ["accepted"] * 3
    fields = {"spend": 1.5, "vip": True, "tags": ["x", "ü"], "tier": None}
    send("redis_hash", address, gone("c"), gone("never"), row("a", email="a2", **fields))
    assert sorted(server.keys()) == ["cdp:people:a", "cdp:people:b", "strangers"]
    assert server.hgetall("cdp:people:b") == {"sync_key": "b"}
    assert server.hgetall("cdp:people:a") == {
        "sync_key": "a",
        "email": "a2",
        "spend": "1.5",
        "vip": "true",
        "tags": '["x", "ü"]',
    }


@pytest.mark.redis
def test_an_audience_is_a_set_of_keys(server: Any, address: str) -> None:
    send("redis_set", address, row("a", email="a@x"), row("b"), prefix="shop/")
    send("redis_set", address, gone("a"), gone("never"), row("b"), row("c d"), prefix="shop/")
    assert server.smembers("shop/people") == {"b", "c d"}
    assert sorted(server.keys()) == ["shop/people", "strangers"]


@pytest.mark.redis
def test_a_hash_may_expire_and_lives_longer_when_it_is_written_again(
    server: Any, address: str
) -> None:
    send("redis_hash", address, row("a"), ttl_s=100)
    server.expire("cdp:people:a", 10)
    send("redis_hash", address, row("a"), ttl_s=100)
    assert 90 <= server.ttl("cdp:people:a") <= 100
    send("redis_hash", address, row("a"))
    assert server.ttl("cdp:people:a") == -1


@pytest.mark.redis
def test_a_text_that_cannot_be_written_refuses_its_batch(server: Any, address: str) -> None:
    refused = send("redis_hash", address, row("a", email="a"), row("b", email="\ud800"))
    assert refused == Refused("bad_value", "UnicodeEncodeError")
    assert server.keys() == ["strangers"]


@pytest.mark.redis
def test_a_batch_whose_answer_is_lost_is_unknown(
    server: Any, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import redis

    whole = redis.client.Pipeline.execute

    def lose(pipeline: Any) -> None:
        whole(pipeline)
        raise redis.ConnectionError("lost while sending a@private.example")

    monkeypatch.setattr(redis.client.Pipeline, "execute", lose)
    with pytest.raises(Stop) as caught:
        send("redis_hash", address, row("a", email="a@private.example"))
    assert caught.value.outcome.state == "unknown"
    assert "private" not in f"{caught.value.message} {caught.value.outcome}"


@pytest.mark.redis
def test_a_key_of_another_kind_stops_the_run(server: Any, address: str) -> None:
    server.set("cdp:people", "a string")
    with pytest.raises(Stop) as caught:
        send("redis_set", address, row("a"))
    assert (caught.value.slug, caught.value.message, caught.value.help) == (
        "destination-unwritable",
        "destination 'redis_set' cannot be written to: ResponseError",
        HELP,
    )


@pytest.mark.redis
def test_a_server_is_asked_without_writing(server: Any, address: str) -> None:
    result = probe(destination("redis_set", {"url": address}), Path("."))
    assert (result.was_asked, result.detail) == (True, "the server answers")
    assert server.keys() == ["strangers"]
    wrong = destination("redis_set", {"url": address.replace("//", "//me:pass-7731@")})
    with pytest.raises(RunError) as caught:
        probe(wrong, Path("."))
    assert str(caught.value) == (
        "error[destination-unwritable]: destination 'redis_set' cannot be written to: "
        f"AuthenticationError\n  --> destinations.yml\nhelp: {HELP}"
    )


def test_a_client_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "redis", None)
    with pytest.raises(RunError) as caught:
        send("redis_hash", "redis://127.0.0.1:1/0", row("a"))
    assert str(caught.value) == (
        "error[driver-not-installed]: keys in Redis need a package that is not installed\n"
        "help: pip install 'cdp[redis]'"
    )
