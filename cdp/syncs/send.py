"""Sending a journal's rows: batches, bisecting of refused batches, recording.

Owns the order of things around one request: durable mark, request, durable
outcome. Never opens the warehouse and never decides what is to be sent.
"""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from cdp.destinations.delivery import (
    REJECTED,
    RETRY,
    UNKNOWN,
    Batch,
    Driver,
    Outcome,
    OutgoingRow,
    Refused,
    Staging,
    Stop,
    Timed,
)
from cdp.destinations.spooled import SpooledRows
from cdp.errors import RunError
from cdp.syncs.halt import Halt
from cdp.syncs.journal import Journal, JournalRow, SentBatch

MOST_SPLITS = 50
MOST_MARKED = 50
MOST_MARKED_ROWS = 5_000
T = TypeVar("T")
Progress = Callable[[int, int], None]
"""Called with the rows done and the rows in all."""


def send_journal(
    journal: Journal,
    driver: Driver,
    progress: Progress | None = None,
    halt: Halt | None = None,
) -> RunError | None:
    """Send every row once. What stopped the run early, or None."""
    total, done = journal.count(), 0
    try:
        for group in _groups(_batches(journal.rows(), driver), driver.is_idempotent):
            for rows in _send_group(journal, driver, group, halt):
                done += len(rows)
                if progress:
                    progress(done, total)
        settle_staged(journal, driver)
    except Stop as stop:
        return RunError(stop.slug, stop.message, help=stop.help)
    finally:
        journal.flush()
    return None


def _send_group(
    journal: Journal, driver: Driver, group: Sequence[list[JournalRow]], halt: Halt | None
) -> Iterator[list[JournalRow]]:
    """Send batches after one durable mark for all of them; each is yielded when it is sent.

    Raises Stop; the batches after the one that it is about are not sent.
    """
    waiting = deque(zip(journal.begin(*group), group, strict=True))
    try:
        while waiting:
            if halt is not None:
                halt.check(str(journal.meta("sync")))
            number, rows = waiting.popleft()
            _attempt(journal, driver, number, rows, [0], in_doubt=False)
            yield rows
    finally:
        for number, _ in waiting:
            journal.withdraw(number)


def settle_staged(journal: Journal, driver: Driver) -> None:
    """Ask what became of rows that are in jobs of the destination. Raises Stop.

    Rows of a job that is not done in time stay staged.
    """
    for sent in journal.staged():
        if isinstance(driver, Staging):
            batch = replace(_batch(journal, sent.number, sent.rows), job=sent.job)
            outcomes = _timed(journal, driver, partial(driver.settle, batch))
            journal.settle(sent.number, sent.rows, outcomes)


def resolve_in_flight(journal: Journal, driver: Driver | None) -> RunError | None:
    """Settle the batches whose reply was lost, by sending them again under the same key.

    Without a driver, or where sending twice would hurt, their rows stay unknown.
    """
    error = None
    for sent in journal.in_flight():
        if driver is None or not driver.is_idempotent or error is not None:
            _settle_unknown(journal, sent)
            continue
        try:
            _attempt(journal, driver, sent.number, sent.rows, [0], in_doubt=True, job=sent.job)
        except Stop as stop:
            _settle_unknown(journal, sent)
            error = RunError(stop.slug, stop.message, help=stop.help)
    journal.flush()
    return error


def _settle_unknown(journal: Journal, sent: SentBatch) -> None:
    lost = Outcome(UNKNOWN, "interrupted", "the run ended before the reply was recorded")
    journal.settle(sent.number, sent.rows, [lost] * len(sent.rows))


def _deliver(
    journal: Journal,
    driver: Driver,
    rows: Sequence[JournalRow],
    splits: list[int],
    *,
    in_doubt: bool,
) -> None:
    [number] = journal.begin(rows)
    _attempt(journal, driver, number, rows, splits, in_doubt=in_doubt)


def _attempt(
    journal: Journal,
    driver: Driver,
    number: int,
    rows: Sequence[JournalRow],
    splits: list[int],
    *,
    in_doubt: bool,
    job: str = "",
) -> None:
    """One request for a batch that is marked; halves it when it is refused as a whole.

    `in_doubt`: an earlier request with these rows may have been applied; `job` is the
    destination's job that it began.
    """

    def settle(outcomes: Sequence[Outcome]) -> None:
        if in_doubt:
            outcomes = [one.doubted() for one in outcomes]
        journal.settle(number, rows, outcomes)
        if not driver.is_idempotent:
            # Elsewhere a batch that is sent again does no harm, and a request is not held up.
            journal.flush()

    try:
        batch = replace(
            _batch(journal, number, rows), job=job, keep_job=partial(journal.keep_job, number)
        )
        reply = _timed(journal, driver, partial(driver.send, batch))
    except Stop as stop:
        settle([stop.outcome] * len(rows))
        raise
    if not isinstance(reply, Refused):
        settle(reply)
        return
    in_doubt = in_doubt or reply.may_have_arrived
    if len(rows) == 1:
        settle([Outcome(REJECTED, reply.code, reply.reason)])
    elif splits[0] >= MOST_SPLITS:
        settle([Outcome(RETRY, reply.code, reply.reason)] * len(rows))
    else:
        splits[0] += 1
        if in_doubt:
            settle([Outcome(UNKNOWN, reply.code, reply.reason)] * len(rows))
        journal.split(number)
        middle = len(rows) // 2
        _deliver(journal, driver, rows[:middle], splits, in_doubt=in_doubt)
        _deliver(journal, driver, rows[middle:], splits, in_doubt=in_doubt)


def _timed(journal: Journal, driver: Driver, call: Callable[[], T]) -> T:
    """The reply to a batch. A driver that does not time its requests makes one a batch."""
    began = time.monotonic()
    try:
        return call()
    finally:
        if isinstance(driver, Timed):
            journal.took(driver.took_ms)
            driver.took_ms.clear()
        else:
            journal.took([1_000 * (time.monotonic() - began)])


def _batch(journal: Journal, number: int, rows: Sequence[JournalRow]) -> Batch:
    run_id = str(journal.meta("run_id"))
    snapshot = journal.meta("snapshot")
    columns = tuple((name, kind) for name, kind in journal.meta("columns") or ())
    return Batch(
        str(journal.meta("sync")),
        run_id,
        number,
        _rows(rows),
        _key(run_id, number),
        columns,
        Path(snapshot) if snapshot else None,
    )


def _rows(rows: Sequence[JournalRow]) -> Sequence[OutgoingRow]:
    """The rows, which nobody has read yet where no id of the destination's came to them."""
    spooled = SpooledRows([one.line for one in rows])
    if not any(one.remote_id for one in rows):
        return spooled
    return [
        row._replace(remote_id=one.remote_id or row.remote_id)
        for one, row in zip(rows, spooled, strict=True)
    ]


def _key(run_id: str, number: int) -> str:
    """The same for the same batch of the same run, whose rows never change, and for no other."""
    return hashlib.sha256(f"{run_id}\n{number}".encode()).hexdigest()


def _groups(
    batches: Iterator[list[JournalRow]], is_idempotent: bool
) -> Iterator[list[list[JournalRow]]]:
    """Batches that are marked together, for a durable mark costs as much as a request.

    All of them are in doubt when the run is killed, so where a batch must not be sent
    twice each is marked alone.
    """
    group: list[list[JournalRow]] = []
    rows = 0
    for batch in batches:
        group.append(batch)
        rows += len(batch)
        if not is_idempotent or len(group) >= MOST_MARKED or rows >= MOST_MARKED_ROWS:
            yield group
            group, rows = [], 0
    if group:
        yield group


def _batches(rows: Iterator[JournalRow], driver: Driver) -> Iterator[list[JournalRow]]:
    """Rows in order, cut where the lane changes or a batch is full."""
    known: dict[str, tuple[int, int, int]] = {}
    batch: list[JournalRow] = []
    size = lane = most_rows = most_bytes = 0
    for row in rows:
        operation, length = row.operation, row.size
        if operation not in known:
            known[operation] = (driver.lane(operation), *driver.limits(operation))
        is_other_lane = known[operation][0] != lane
        if batch and (is_other_lane or len(batch) >= most_rows or size + length > most_bytes):
            yield batch
            batch, size = [], 0
        if not batch:
            lane, most_rows, most_bytes = known[operation]
        batch.append(row)
        size += length
    if batch:
        yield batch
