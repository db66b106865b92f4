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
from cdp.destinations.spooled import SpooledRows, operation_of
from cdp.errors import RunError
from cdp.syncs.halt import Halt
from cdp.syncs.journal import ConsecutiveRows, Journal, JournalRow, SentBatch

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
    sender = _Sender(journal, driver)
    total, done = journal.count(), 0
    try:
        for group in _groups(_batches(journal.lines(), driver), driver.is_idempotent):
            for rows in _send_group(sender, group, halt):
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
    sender: _Sender, group: Sequence[Sequence[JournalRow]], halt: Halt | None
) -> Iterator[Sequence[JournalRow]]:
    """Send batches after one durable mark for all of them; each is yielded when it is sent.

    Raises Stop; the batches after the one that it is about are not sent.
    """
    journal = sender.journal
    waiting = deque(zip(journal.begin(*group), group, strict=True))
    try:
        while waiting:
            if halt is not None:
                halt.check(str(journal.meta("sync")))
            number, rows = waiting.popleft()
            sender.attempt(number, rows, [0], in_doubt=False)
            yield rows
    finally:
        for number, _ in waiting:
            journal.withdraw(number)


def settle_staged(journal: Journal, driver: Driver) -> None:
    """Ask what became of rows that are in jobs of the destination. Raises Stop.

    Rows of a job that is not done in time stay staged.
    """
    if not isinstance(driver, Staging):
        return
    sender = _Sender(journal, driver)
    for sent in journal.staged():
        batch = sender.batch(sent.number, sent.rows, sent.job)
        outcomes = sender.timed(partial(driver.settle, batch))
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
            sender = _Sender(journal, driver)
            sender.attempt(sent.number, sent.rows, [0], in_doubt=True, job=sent.job)
        except Stop as stop:
            _settle_unknown(journal, sent)
            error = RunError(stop.slug, stop.message, help=stop.help)
    journal.flush()
    return error


def _settle_unknown(journal: Journal, sent: SentBatch) -> None:
    lost = Outcome(UNKNOWN, "interrupted", "the run ended before the reply was recorded")
    journal.settle(sent.number, sent.rows, [lost] * len(sent.rows))


class _Sender:
    """One batch at a time to a driver, and what became of it to the journal."""

    def __init__(self, journal: Journal, driver: Driver) -> None:
        self.journal = journal
        self._driver = driver
        self._clock = driver if isinstance(driver, Timed) else None
        snapshot = journal.meta("snapshot")
        self._run_id = str(journal.meta("run_id"))
        self._blank = Batch(
            str(journal.meta("sync")),
            self._run_id,
            0,
            (),
            "",
            tuple((name, kind) for name, kind in journal.meta("columns") or ()),
            Path(snapshot) if snapshot else None,
        )

    def attempt(
        self,
        number: int,
        rows: Sequence[JournalRow],
        splits: list[int],
        *,
        in_doubt: bool,
        job: str = "",
    ) -> None:
        """One request for a batch that is marked; halves it when it is refused as a whole.

        `in_doubt`: an earlier request with these rows may have been applied; `job` is the
        destination's job that it began. Raises Stop.
        """
        try:
            reply = self.timed(partial(self._driver.send, self.batch(number, rows, job)))
        except Stop as stop:
            self._settle(number, rows, [stop.outcome] * len(rows), in_doubt)
            raise
        if not isinstance(reply, Refused):
            self._settle(number, rows, reply, in_doubt)
            return
        in_doubt = in_doubt or reply.may_have_arrived
        if len(rows) == 1:
            self._settle(number, rows, [Outcome(REJECTED, reply.code, reply.reason)], in_doubt)
        elif splits[0] >= MOST_SPLITS:
            again = Outcome(RETRY, reply.code, reply.reason)
            self._settle(number, rows, [again] * len(rows), in_doubt)
        else:
            splits[0] += 1
            if in_doubt:
                lost = Outcome(UNKNOWN, reply.code, reply.reason)
                self._settle(number, rows, [lost] * len(rows), in_doubt)
            self.journal.split(number)
            middle = len(rows) // 2
            for half in (rows[:middle], rows[middle:]):
                [part] = self.journal.begin(half)
                self.attempt(part, half, splits, in_doubt=in_doubt)

    def batch(self, number: int, rows: Sequence[JournalRow], job: str) -> Batch:
        return replace(
            self._blank,
            number=number,
            rows=_rows(rows),
            idempotency_key=_key(self._run_id, number),
            job=job,
            keep_job=partial(self.journal.keep_job, number),
        )

    def timed(self, call: Callable[[], T]) -> T:
        """The reply to a batch. A driver that does not time its requests makes one a batch."""
        began = time.monotonic()
        try:
            return call()
        finally:
            if self._clock is not None:
                self.journal.took(self._clock.took_ms)
                self._clock.took_ms.clear()
            else:
                self.journal.took([1_000 * (time.monotonic() - began)])

    def _settle(
        self,
        number: int,
        rows: Sequence[JournalRow],
        outcomes: Sequence[Outcome],
        in_doubt: bool,
    ) -> None:
        if in_doubt:
            outcomes = [one.doubted() for one in outcomes]
        self.journal.settle(number, rows, outcomes)
        if not self._driver.is_idempotent:
            # Elsewhere a batch that is sent again does no harm, and a request is not held up.
            self.journal.flush()


def _rows(rows: Sequence[JournalRow]) -> Sequence[OutgoingRow]:
    """The rows, which nobody has read yet where no id of the destination's came to them."""
    if isinstance(rows, ConsecutiveRows):
        return SpooledRows(rows.lines)
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
    batches: Iterator[ConsecutiveRows], is_idempotent: bool
) -> Iterator[list[ConsecutiveRows]]:
    """Batches that are marked together, for a durable mark costs as much as a request.

    All of them are in doubt when the run is killed, so where a batch must not be sent
    twice each is marked alone.
    """
    group: list[ConsecutiveRows] = []
    rows = 0
    for batch in batches:
        group.append(batch)
        rows += len(batch)
        if not is_idempotent or len(group) >= MOST_MARKED or rows >= MOST_MARKED_ROWS:
            yield group
            group, rows = [], 0
    if group:
        yield group


def _batches(lines: Iterator[bytes], driver: Driver) -> Iterator[ConsecutiveRows]:
    """Rows in order, cut where the lane changes or a batch is full."""
    known: dict[str, tuple[int, int, int]] = {}
    batch: list[bytes] = []
    seq = 1
    size = lane = most_rows = most_bytes = 0
    for line in lines:
        operation, length = operation_of(line), len(line)
        if operation not in known:
            known[operation] = (driver.lane(operation), *driver.limits(operation))
        is_other_lane = known[operation][0] != lane
        if batch and (is_other_lane or len(batch) >= most_rows or size + length > most_bytes):
            yield ConsecutiveRows(seq, batch)
            seq += len(batch)
            batch, size = [], 0
        if not batch:
            lane, most_rows, most_bytes = known[operation]
        batch.append(line)
        size += length
    if batch:
        yield ConsecutiveRows(seq, batch)
