"""Redis as a destination: a hash for each row, or a set of keys for each sync.

Owns the keys' names, values as text, and the transaction of a batch (MULTI ... EXEC),
which replaces what is there, so that sending it again changes nothing. Touches no
key without its prefix and its sync's name.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cdp.destinations.delivery import (
    ACCEPTED,
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
from cdp.destinations.dialects import KEY, not_installed
from cdp.destinations.secrets import resolve_settings
from cdp.destinations.spec import Destination

MOST_ROWS, MOST_BYTES = 1_000, 4_000_000
_CONNECT_TIMEOUT_S, _TIMEOUT_S = 15, 60


class RedisDriver:
    """Writes hashes `<prefix><sync>:<key>`, or the set `<prefix><sync>`."""

    is_idempotent = True
    snapshot_format: str | None = None

    def __init__(self, destination: Destination, project_folder: Path) -> None:
        settings = resolve_settings(destination)
        self._name = destination.name
        self._is_set = destination.manifest.variant == "set"
        self._url = str(settings["url"])
        self._prefix = str(settings["prefix"])
        self._ttl_s = settings.get("ttl_s")
        self._client: Any = None

    def close(self) -> None:
        if self._client is not None:
            self._client.close()

    def lane(self, operation: str) -> int:
        return 0

    def limits(self, operation: str) -> tuple[int, int]:
        return MOST_ROWS, MOST_BYTES

    def ask(self) -> str:
        """Raises Stop when the server does not answer."""
        self._connected()
        return "the server answers"

    def send(self, batch: Batch) -> Sequence[Outcome] | Refused:
        """One transaction. Raises Stop when the server cannot be reached or written to."""
        client = self._connected()
        pipeline = client.pipeline(transaction=True)
        for row in batch.rows:
            (self._member if self._is_set else self._hash)(pipeline, batch.sync, row)
        try:
            pipeline.execute()
        except UnicodeEncodeError as error:
            return Refused("bad_value", type(error).__name__)
        except self._errors() as error:
            # Some commands may have been applied: a transaction is not rolled back there.
            raise self._stop(error, UNKNOWN) from None
        return [Outcome(ACCEPTED)] * len(batch.rows)

    def _hash(self, pipeline: Any, sync: str, row: OutgoingRow) -> None:
        name = f"{self._prefix}{sync}:{row.key}"
        pipeline.delete(name)
        if row.operation == REMOVE:
            return
        fields = {field: as_text(value) for field, value in row.fields.items() if value is not None}
        pipeline.hset(name, mapping={**fields, KEY: row.key})
        if self._ttl_s:
            pipeline.expire(name, int(self._ttl_s))

    def _member(self, pipeline: Any, sync: str, row: OutgoingRow) -> None:
        change = pipeline.srem if row.operation == REMOVE else pipeline.sadd
        change(f"{self._prefix}{sync}", row.key)

    def _connected(self) -> Any:
        if self._client is None:
            redis = _redis()
            try:
                client = redis.Redis.from_url(
                    self._url,
                    socket_connect_timeout=_CONNECT_TIMEOUT_S,
                    socket_timeout=_TIMEOUT_S,
                    # A transaction replaces what is there: it may be sent again.
                    retry=redis.retry.Retry(redis.backoff.ExponentialBackoff(2.0, 0.1), 3),
                )
                client.ping()
            except self._errors() as error:
                raise self._stop(error, RETRY) from None
            self._client = client
        return self._client

    def _errors(self) -> tuple[type[Exception], ...]:
        # An address that cannot be read is a ValueError.
        return (OSError, ValueError, _redis().RedisError)

    def _stop(self, error: Exception, state: str) -> Stop:
        # What the server says quotes commands, and those have the rows in them.
        what = type(error).__name__
        help = (
            "check that the server is there, that its user may write, and that it has memory left"
        )
        return unwritable(self._name, what, help, state)


def as_text(value: Any) -> str:
    """A field's value as Redis holds it: texts as they are, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _redis() -> Any:
    try:
        import redis
    except ImportError:
        raise not_installed("keys in Redis need", "redis") from None
    return redis
