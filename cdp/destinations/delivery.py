"""What passes between the sync engine and a destination: rows out, outcomes back.

Owns the vocabulary only. `accepted` and `rejected` are what the destination
said; `retry` means surely not taken; `unknown` means that it may have been; `staged`
means that the destination took it into a job and says later what became of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

UPSERT, REMOVE = "upsert", "remove"
UPDATE, ARCHIVE = "update", "archive"
ACCEPTED, REJECTED, RETRY, UNKNOWN = "accepted", "rejected", "retry", "unknown"
STAGED = "staged"


def _forget(job: str) -> None:
    """For whoever sends a batch and keeps no journal."""


class OutgoingRow(NamedTuple):
    """One row to send. `fields` is empty for a removal.

    `remote_id` is the destination's own id, where it ever gave one.
    """

    operation: str
    key: str
    fields: Mapping[str, Any]
    remote_id: str = ""


@dataclass(frozen=True)
class Target:
    """What a sync asks of its destination.

    `object` may be empty where there is only one; `key` is the field (or column)
    that the rows' keys are from; `sent_as` has the destination's names of fields;
    `skips` are the fields of which a null is not sent, so that what is there stays. With
    the `mode` update rows that are not there are not made, and with archive those that
    leave are not deleted.
    """

    object: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    key: str = ""
    sent_as: Mapping[str, str] = field(default_factory=dict)
    skips: frozenset[str] = frozenset()
    mode: str = ""


@dataclass(frozen=True)
class Batch:
    """Rows of one request or file. Sent again, it bears the same number and key.

    `columns` are the mapped fields with their DuckDB types; `snapshot` is the
    file with the whole desired state, for a destination that asked for one. `job` is
    the destination's job that an earlier try of the batch began; `keep_job` makes the
    id of a new one durable, before the job can have any effect.
    """

    sync: str
    run_id: str
    number: int
    rows: Sequence[OutgoingRow]
    idempotency_key: str
    columns: Sequence[tuple[str, str]] = ()
    snapshot: Path | None = None
    job: str = ""
    keep_job: Callable[[str], None] = _forget


@dataclass(frozen=True)
class Outcome:
    """What became of one row. `reason` is redacted; `remote_id` is the destination's own id.

    `may_have_arrived`: an earlier try, whose answer was lost, may have been applied.
    `job` is the destination's job that a staged row is in.
    """

    state: str
    code: str = ""
    reason: str = ""
    may_have_arrived: bool = False
    remote_id: str = ""
    job: str = ""

    def doubted(self) -> Outcome:
        """The outcome when an earlier try may have been applied."""
        if self.state == RETRY:
            return replace(self, state=UNKNOWN)
        return replace(self, may_have_arrived=True) if self.state == REJECTED else self


@dataclass(frozen=True)
class Refused:
    """The destination refused the batch as a whole: some row in it is bad."""

    code: str
    reason: str
    may_have_arrived: bool = False


class Stop(Exception):  # noqa: N818
    """The run must stop: what failed will fail for every row. `outcome` is for the batch."""

    def __init__(self, slug: str, message: str, help: str, outcome: Outcome) -> None:
        super().__init__(message)
        self.slug = slug
        self.message = message
        self.help = help
        self.outcome = outcome


def unwritable(destination: str, what: str, help: str, state: str) -> Stop:
    """A destination that cannot be written to; `what` quotes no row, `state` is the batch's."""
    return Stop(
        "destination-unwritable",
        f"destination '{destination}' cannot be written to: {what}",
        help,
        Outcome(state, "unwritable", what),
    )


class Driver(Protocol):
    """How one kind of destination takes batches."""

    is_idempotent: bool
    snapshot_format: str | None

    def lane(self, operation: str) -> int:
        """Rows of one lane may share a batch."""
        ...

    def limits(self, operation: str) -> tuple[int, int]:
        """The most rows and the most bytes of a batch."""
        ...

    def send(self, batch: Batch) -> Sequence[Outcome] | Refused:
        """One outcome for each row, by position, or a refusal of the whole.

        Raises Stop when nothing more should be sent.
        """
        ...

    def close(self) -> None: ...


@runtime_checkable
class Answering(Protocol):
    """A driver that can be asked whether its server is there, without writing."""

    def ask(self) -> str:
        """What answered, in words. Raises Stop when nothing does."""
        ...


@runtime_checkable
class Timed(Protocol):
    """A driver that knows how long each of its requests took, in milliseconds.

    Whoever reads them clears them.
    """

    took_ms: list[float]


@runtime_checkable
class Staging(Protocol):
    """A driver whose destination takes rows into jobs."""

    def settle(self, batch: Batch) -> Sequence[Outcome]:
        """What became of rows that are staged in `batch.job`, by position.

        Still staged where the job is not done within the time that a run may wait. A
        row needs its operation, key and remote id only. Raises Stop.
        """
        ...
