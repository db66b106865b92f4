"""Kafka as a destination, against the client's own mock cluster; not against a real broker."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cdp.destinations import kafka as engine
from cdp.destinations.delivery import Batch, Outcome, OutgoingRow, Stop
from cdp.destinations.kafka import KafkaDriver
from cdp.destinations.probe import probe
from cdp.errors import RunError

from .play import destination

HELP = "check the brokers, the topic, and that the user may write to it"


@pytest.fixture(scope="module")
def brokers() -> Iterator[str]:
    """The addresses of a cluster of three in this process; it makes topics when asked."""
    client = pytest.importorskip("confluent_kafka")
    cluster = client.Producer({"test.mock.num.brokers": 3, "bootstrap.servers": "none"})
    found = cluster.list_topics(timeout=10).brokers.values()
    yield ",".join(f"{one.host}:{one.port}" for one in found)
    cluster.flush(0)


def open_driver(brokers: str, **settings: Any) -> KafkaDriver:
    found = {"bootstrap_servers": brokers, "security": "plaintext", **settings}
    return KafkaDriver(destination("kafka", found), Path("."))


def messages(brokers: str, topic: str, count: int) -> list[Any]:
    """So many messages of a topic; those of one key in their order."""
    client = pytest.importorskip("confluent_kafka")
    consumer = client.Consumer(
        {"bootstrap.servers": brokers, "group.id": "test", "enable.auto.commit": False}
    )
    partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    consumer.assign([client.TopicPartition(topic, one, 0) for one in partitions])
    found: list[Any] = []
    while len(found) < count and (got := consumer.consume(count, timeout=10)):
        found += got
    consumer.close()
    return found


def row(key: str, **fields: Any) -> OutgoingRow:
    return OutgoingRow("upsert", key, fields)


def test_each_change_is_a_message_and_a_departure_a_tombstone(brokers: str) -> None:
    driver = open_driver(brokers)
    first = [row("a", email="ü@x", tags=["x"], spend=1.5), row("b", email=None)]
    assert driver.send(Batch("people", "run", 1, first, "key")) == [Outcome("accepted")] * 2
    second = [OutgoingRow("remove", "a", {}), row("b", email="b")]
    driver.send(Batch("people", "run", 2, second, "key"))
    driver.close()
    found = messages(brokers, "people", 4)
    of: dict[str, list[Any]] = {"a": [], "b": []}
    for one in found:
        of[one.key().decode()].append(one.value() and json.loads(one.value()))
    assert of["a"] == [{"email": "ü@x", "tags": ["x"], "spend": 1.5}, None]
    assert of["b"] == [{"email": None}, {"email": "b"}]
    headers = [dict(one.headers()) for one in found if one.value() is None]
    assert headers == [{"sync": b"people", "operation": b"remove"}]


def test_one_topic_may_be_for_all_syncs_and_keys_keep_their_partition(brokers: str) -> None:
    driver = open_driver(brokers, topic="cdp.changes")
    for number in range(3):
        rows = [row(f"key{one}", n=number) for one in range(40)]
        driver.send(Batch("people", "run", number, rows, "key"))
    driver.close()
    found = messages(brokers, "cdp.changes", 120)
    assert len(found) == 120
    where: dict[bytes, set[int]] = {}
    values: dict[bytes, list[int]] = {}
    for one in found:
        where.setdefault(one.key(), set()).add(one.partition())
        values.setdefault(one.key(), []).append(json.loads(one.value())["n"])
    assert {len(one) for one in where.values()} == {1}
    assert set(map(tuple, values.values())) == {(0, 1, 2)}


def test_a_message_that_is_too_large_is_rejected_and_the_others_arrive(brokers: str) -> None:
    driver = open_driver(brokers, topic="sizes")
    rows = [row("a"), row("b", text="x" * 1_100_000), row("c"), row("d", text="\ud800")]
    outcomes = driver.send(Batch("people", "run", 1, rows, "key"))
    assert isinstance(outcomes, list)
    assert [(one.state, one.code) for one in outcomes] == [
        ("accepted", ""),
        ("rejected", "MSG_SIZE_TOO_LARGE"),
        ("accepted", ""),
        ("rejected", "bad_value"),
    ]


def test_the_producer_promises_what_the_page_says() -> None:
    settings = {
        "bootstrap_servers": "k:9093",
        "security": "sasl_ssl",
        "mechanism": "SCRAM-SHA-512",
        "username": "me",
        "password": "pass-7731",
        "ca_file": "ca.pem",
    }
    config = engine.configuration(settings, Path("/shop"))
    wanted = {
        "acks": "all",
        "enable.idempotence": True,
        "security.protocol": "sasl_ssl",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.password": "pass-7731",
        "ssl.ca.location": "/shop/ca.pem",
    }
    assert config | wanted == config


def test_brokers_that_are_away_end_the_run(monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    pytest.importorskip("confluent_kafka")
    monkeypatch.setattr(engine, "CONNECT_TIMEOUT_S", 0.3)
    driver = open_driver("127.0.0.1:1")
    with pytest.raises(Stop) as caught:
        driver.send(Batch("people", "run", 1, [row("a")], "key"))
    stop = caught.value
    assert (stop.slug, stop.message, stop.help, stop.outcome.state) == (
        "destination-unwritable",
        "destination 'kafka' cannot be written to: _TRANSPORT",
        HELP,
        "retry",
    )
    driver.close()
    assert capfd.readouterr() == ("", "")


def test_messages_without_an_answer_are_unknown(
    brokers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = open_driver(brokers, topic="silent")
    driver.send(Batch("people", "run", 1, [row("a")], "key"))
    monkeypatch.setattr(type(driver), "_produce", lambda *arguments: None)
    with pytest.raises(Stop) as caught:
        driver.send(Batch("people", "run", 2, [row("b")], "key"))
    assert caught.value.outcome.state == "unknown"


def test_a_cluster_is_asked_without_writing(brokers: str) -> None:
    settings = {"bootstrap_servers": brokers, "security": "plaintext"}
    found = probe(destination("kafka", settings), Path("."))
    assert (found.was_asked, found.detail) == (True, "the brokers answer")
    with pytest.raises(RunError) as caught:
        probe(destination("kafka", {**settings, "topic": "nowhere"}), Path("."))
    assert str(caught.value) == (
        "error[destination-unwritable]: destination 'kafka' cannot be written to: there is no "
        f"topic 'nowhere'\n  --> destinations.yml\nhelp: {HELP}"
    )


def test_a_client_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "confluent_kafka", None)
    with pytest.raises(RunError) as caught:
        open_driver("127.0.0.1:1").ask()
    assert str(caught.value) == (
        "error[driver-not-installed]: topics in Kafka need a package that is not installed\n"
        "help: pip install 'cdp[kafka]'"
    )
