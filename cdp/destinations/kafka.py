"""Kafka as a destination: a message for each change, keyed by the sync's key.

Owns messages (fields as JSON; no value, a tombstone, for a row that leaves), the
producer's guarantees (`acks=all`, idempotent, order kept for each key) and what a
delivery report means. A row that is sent again is another message with the same
content: readers that keep the last one of each key, as compaction does, see no
difference. What librdkafka logs has addresses in it and is not shown.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from cdp.destinations.delivery import (
    ACCEPTED,
    REJECTED,
    REMOVE,
    RETRY,
    UNKNOWN,
    Batch,
    Outcome,
    OutgoingRow,
    Refused,
    Stop,
    unwritable,
)
from cdp.destinations.dialects import not_installed
from cdp.destinations.secrets import resolve_settings
from cdp.destinations.spec import Destination

MOST_ROWS, MOST_BYTES = 10_000, 8_000_000
CONNECT_TIMEOUT_S, DELIVERY_TIMEOUT_S = 15.0, 60.0
_REJECTED = ("MSG_SIZE_TOO_LARGE", "INVALID_MSG", "INVALID_RECORD", "RECORD_LIST_TOO_LARGE")
_NOT_SENT = ("_PURGE_QUEUE", "_QUEUE_FULL")
_FATAL = (
    "TOPIC_AUTHORIZATION_FAILED",
    "CLUSTER_AUTHORIZATION_FAILED",
    "SASL_AUTHENTICATION_FAILED",
    "UNKNOWN_TOPIC_OR_PART",
    "INVALID_TOPIC_EXCEPTION",
    "_UNKNOWN_TOPIC",
    "_AUTHENTICATION",
    "_FATAL",
)


class KafkaDriver:
    """Writes to the topic that the settings name, or that bears the sync's name."""

    is_idempotent = True
    snapshot_format: str | None = None

    def __init__(self, destination: Destination, project_folder: Path) -> None:
        settings = resolve_settings(destination)
        self._name = destination.name
        self._topic = str(settings.get("topic") or "")
        self._config = configuration(settings, project_folder)
        self._producer: Any = None
        self._known: set[str] = set()

    def close(self) -> None:
        """Nothing is queued between batches."""
        self._producer = None

    def lane(self, operation: str) -> int:
        return 0

    def limits(self, operation: str) -> tuple[int, int]:
        return MOST_ROWS, MOST_BYTES

    def ask(self) -> str:
        """Raises Stop when no broker answers, or when the topic of the settings is not there."""
        topics = self._metadata("").topics
        if self._topic and self._topic not in topics:
            raise self._stop(f"there is no topic '{self._topic}'", RETRY)
        return "the brokers answer"

    def send(self, batch: Batch) -> Sequence[Outcome] | Refused:
        """All messages of a batch, each acknowledged by all replicas in sync.

        Raises Stop when the brokers cannot be reached or refuse every message.
        """
        topic = self._topic or batch.sync
        self._check(topic)
        outcomes: list[Outcome | None] = [None] * len(batch.rows)
        for index, row in enumerate(batch.rows):
            self._produce(topic, batch.sync, row, partial(_note, outcomes, index))
        if self._producer.flush(DELIVERY_TIMEOUT_S):
            self._producer.purge()
            self._producer.flush(CONNECT_TIMEOUT_S)
        fatal = next((one for one in outcomes if one and one.code in _FATAL), None)
        if fatal is not None:
            raise self._stop(fatal.code, UNKNOWN)
        silent = Outcome(UNKNOWN, "timeout", "no broker answered in time")
        found = [one or silent for one in outcomes]
        if all(one.state in (RETRY, UNKNOWN) for one in found):
            raise self._stop(found[0].code, found[0].state)
        return found

    def _produce(self, topic: str, sync: str, row: OutgoingRow, note: Any) -> None:
        headers = [("sync", sync.encode()), ("operation", row.operation.encode())]
        try:
            key, value = row.key.encode(), _value(row)
        except UnicodeEncodeError:
            note(REJECTED, "bad_value", "it has a text that is not Unicode")
            return
        kafka = _kafka()
        while True:
            try:
                self._producer.produce(
                    topic,
                    value=value,
                    key=key,
                    headers=headers,
                    on_delivery=lambda error, message: note(*_meaning(error)),
                )
                break
            except BufferError:
                self._producer.poll(0.1)
            except kafka.KafkaException as error:
                note(*_meaning(error.args[0]))
                break
        self._producer.poll(0)

    def _check(self, topic: str) -> None:
        """Once: that the topic is there."""
        if topic in self._known:
            return
        found = self._metadata(topic).topics.get(topic)
        if found is None or found.error is not None:
            what = found.error.name() if found else "UNKNOWN_TOPIC_OR_PART"
            raise self._stop(f"topic '{topic}': {what}", RETRY)
        self._known.add(topic)

    def _metadata(self, topic: str) -> Any:
        kafka = _kafka()
        try:
            if self._producer is None:
                self._producer = kafka.Producer(self._config)
            return self._producer.list_topics(topic or None, timeout=CONNECT_TIMEOUT_S)
        except kafka.KafkaException as error:
            raise self._stop(error.args[0].name(), RETRY) from None

    def _stop(self, what: str, state: str) -> Stop:
        help = "check the brokers, the topic, and that the user may write to it"
        return unwritable(self._name, what, help, state)


def configuration(settings: Mapping[str, Any], project_folder: Path) -> dict[str, Any]:
    """The producer's configuration, in librdkafka's words."""
    config: dict[str, Any] = {
        "bootstrap.servers": settings["bootstrap_servers"],
        "client.id": "cdp",
        "security.protocol": settings["security"],
        "acks": "all",
        "enable.idempotence": True,
        # The partition that a producer in Java would choose.
        "partitioner": "murmur2_random",
        "compression.type": "lz4",
        "linger.ms": 20,
        "message.timeout.ms": int(1_000 * DELIVERY_TIMEOUT_S),
        "log_level": 0,
        "error_cb": _ignore,
    }
    if settings["security"] == "sasl_ssl":
        config |= {
            "sasl.mechanism": settings["mechanism"],
            "sasl.username": settings["username"],
            "sasl.password": settings["password"],
        }
    if settings.get("ca_file"):
        config["ssl.ca.location"] = str(project_folder / str(settings["ca_file"]))
    return config


def _ignore(error: Any) -> None:
    """What goes wrong between messages; what becomes of a message is in its report."""


def _note(outcomes: list[Outcome | None], index: int, state: str, code: str, reason: str) -> None:
    outcomes[index] = Outcome(state, code, reason)


def _meaning(error: Any) -> tuple[str, str, str]:
    """The state, code and reason of a delivery report. What an error says is not passed on."""
    if error is None:
        return ACCEPTED, "", ""
    name = str(error.name())
    if name in _REJECTED:
        return REJECTED, name, "the broker does not take a message like it"
    if name in _NOT_SENT:
        return RETRY, name, "it was never sent"
    return UNKNOWN, name, "no broker acknowledged it"


def _value(row: OutgoingRow) -> bytes | None:
    if row.operation == REMOVE:
        return None
    return json.dumps(row.fields, ensure_ascii=False, separators=(",", ":")).encode()


def _kafka() -> Any:
    try:
        import confluent_kafka
    except ImportError:
        raise not_installed("topics in Kafka need", "kafka") from None
    return confluent_kafka
