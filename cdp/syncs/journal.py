"""The local journal of one run: what is to be sent, and what became of it.

Two files in the private spool folder beside the warehouse: the rows, a JSON object a
line, which never change; and a SQLite file of the batches and their outcomes. It is
durable before each request (WAL, synchronous = FULL) and outlives a kill at any moment;
it is deleted when its outcomes are in the warehouse. Consecutive rows with the same
outcome are one line of it: what a batch costs does not grow with its rows. Does not
decide what is sent and never opens the warehouse.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path
from typing import Any, NamedTuple, overload

from cdp.destinations.delivery import STAGED, Outcome

LONGEST_WAIT_S = 0.1
LAYOUT = 2
"""Of the files. Rows of another one count as gone."""
ROWS = ".rows"
_SCHEMA = """
create table meta (name text primary key, value text not null);
create table batches (
    number integer primary key, first_seq integer not null, last_seq integer not null,
    state text not null, job text not null default ''
);
create table outcomes (
    first_seq integer primary key, last_seq integer not null, state text not null,
    code text not null, reason text not null, doubt integer not null, remote_id text not null,
    job text not null
);
create table requests (ms real not null);
"""
_INSERT = "insert into outcomes values (?, ?, ?, ?, ?, ?, ?, ?)"
WriteRows = Callable[[Path], int]
"""Writes rows to a file, as a JSON object a line in the order of sending; their count.

Each is a line as `cdp.destinations.spooled` describes it.
"""


class JournalRow(NamedTuple):
    """A row to send; `seq` counts from 1 in the order of sending.

    `remote_id` is an id that the destination gave since the line was written.
    """

    seq: int
    line: bytes
    remote_id: str = ""


class ConsecutiveRows(Sequence[JournalRow]):
    """Rows that follow each other; each is made when somebody looks at it."""

    def __init__(self, first_seq: int, lines: Sequence[bytes]) -> None:
        self.first_seq = first_seq
        self.lines = lines

    def __len__(self) -> int:
        return len(self.lines)

    @overload
    def __getitem__(self, index: int) -> JournalRow: ...

    @overload
    def __getitem__(self, index: slice) -> ConsecutiveRows: ...

    def __getitem__(self, index: int | slice) -> JournalRow | ConsecutiveRows:
        if isinstance(index, slice):
            kept = range(len(self.lines))[index]
            assert kept.step == 1
            return ConsecutiveRows(self.first_seq + kept.start, self.lines[index])
        at = range(len(self.lines))[index]
        return JournalRow(self.first_seq + at, self.lines[at])


class SettledRows(NamedTuple):
    """Consecutive rows, from `first_seq` to `last_seq`, that the same became of."""

    first_seq: int
    last_seq: int
    outcome: str
    code: str
    reason: str
    doubt: int
    remote_id: str
    job: str


@dataclass(frozen=True)
class Timing:
    """How long the requests of a run took, in milliseconds; None where there were none."""

    requests: int = 0
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None


@dataclass(frozen=True)
class SentBatch:
    """A batch that was marked as being sent; `job` is the destination's, if it began one."""

    number: int
    rows: Sequence[JournalRow]
    job: str = ""


class Journal:
    """An open journal; use `create` or `open_existing`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._took: list[float] = []
        self._meta: dict[str, Any] = {}
        self._waits_since = 0.0
        self._database = sqlite3.connect(path, isolation_level=None)
        try:
            self._database.execute("pragma journal_mode = wal")
            self._database.execute("pragma synchronous = full")
        except sqlite3.DatabaseError:
            self._database.close()
            raise

    @classmethod
    def create(cls, path: Path, meta: dict[str, Any], write_rows: WriteRows) -> Journal:
        """A complete journal, durable on return."""
        rows = path.with_suffix(ROWS)
        for file in (path, rows):
            os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        count = write_rows(rows)
        with rows.open("rb") as written:
            os.fsync(written.fileno())
        about = {**meta, "rows": count, "bytes": rows.stat().st_size, "layout": LAYOUT}
        journal = cls(path)
        database = journal._database
        database.executescript(_SCHEMA)
        database.execute("begin")
        database.executemany(
            "insert into meta values (?, ?)",
            [(name, json.dumps(value)) for name, value in about.items()],
        )
        database.execute("commit")
        journal._meta = about
        return journal

    @classmethod
    def open_existing(cls, path: Path) -> Journal | None:
        """The journal of an interrupted run; None when it is gone, broken or was never complete."""
        if not path.is_file():
            return None
        try:
            journal = cls(path)
        except sqlite3.DatabaseError:
            return None
        try:
            found = journal._database.execute("select name, value from meta").fetchall()
            journal._meta = {name: json.loads(value) for name, value in found}
            if journal.meta("layout") == LAYOUT and journal._has_rows():
                return journal
        except sqlite3.DatabaseError:
            pass
        journal.close()
        return None

    def meta(self, name: str) -> Any:
        return self._meta.get(name)

    def count(self) -> int:
        return int(self._meta["rows"])

    def lines(self) -> Iterator[bytes]:
        """The lines of all rows in the order of sending, the first one's `seq` being 1."""
        with self.path.with_suffix(ROWS).open("rb") as file:
            yield from file

    def begin(self, *batches: Sequence[JournalRow]) -> list[int]:
        """Mark batches as being sent, durably, with all that was recorded before; their numbers."""
        if not self._database.in_transaction:
            self._database.execute("begin")
        numbers = [
            int(
                self._database.execute(
                    "insert into batches (first_seq, last_seq, state) values (?, ?, 'sending')",
                    (rows[0].seq, rows[-1].seq),
                ).lastrowid
                or 0
            )
            for rows in batches
        ]
        self.flush()
        return numbers

    def withdraw(self, number: int) -> None:
        """Record that a batch that was marked has not been sent, and will not be."""
        self._database.execute("update batches set state = 'unsent' where number = ?", (number,))

    def settle(self, number: int, rows: Sequence[JournalRow], outcomes: Sequence[Outcome]) -> None:
        """Record what became of each row of a batch.

        It is durable with the next `begin` or `flush`, or with the outcomes of a later
        batch when it has waited for LONGEST_WAIT_S.
        """
        if not self._database.in_transaction:
            self._database.execute("begin")
            self._waits_since = time.monotonic()
        try:
            self._write(number, rows, list(_settled(rows, outcomes)))
        except BaseException:
            self._database.rollback()
            raise
        self._took.clear()
        if time.monotonic() - self._waits_since > LONGEST_WAIT_S:
            self.flush()

    def flush(self) -> None:
        """Make everything that was recorded durable."""
        if self._database.in_transaction:
            self._database.execute("commit")

    def took(self, milliseconds: Sequence[float]) -> None:
        """How long requests took; written down with the next outcomes."""
        self._took += milliseconds

    def split(self, number: int) -> None:
        """Record that a batch was refused as a whole: none of its rows was taken."""
        self._database.execute("update batches set state = 'split' where number = ?", (number,))

    def in_flight(self) -> list[SentBatch]:
        """The batches whose reply was never recorded."""
        found = self._database.execute(
            "select number, first_seq, last_seq, job from batches where state = 'sending' "
            "order by first_seq"
        ).fetchall()
        spans = self._spans((first, last) for _, first, last, _ in found)
        return [
            SentBatch(number, rows, job)
            for (number, _, _, job), rows in zip(found, spans, strict=True)
        ]

    def keep_job(self, number: int, job: str) -> None:
        """Note the destination's job of a batch, durably."""
        self._database.execute("update batches set job = ? where number = ?", (job, number))
        self.flush()

    def staged(self) -> list[SentBatch]:
        """The rows of each job that is not settled, as batches without a number."""
        jobs: dict[str, list[JournalRow]] = {}
        found = [one for one in self.settled() if one.outcome == STAGED]
        spans = self._spans((one.first_seq, one.last_seq) for one in found)
        for one, rows in zip(found, spans, strict=True):
            jobs.setdefault(one.job, []).extend(
                row._replace(remote_id=one.remote_id) for row in rows
            )
        return [SentBatch(0, tuple(rows), job) for job, rows in jobs.items()]

    def settled(self) -> Iterator[SettledRows]:
        """Every recorded outcome, in the order of sending."""
        cursor = self._database.execute("select * from outcomes order by first_seq")
        yield from map(SettledRows._make, cursor)

    def tally(self) -> dict[str, int]:
        """Rows by outcome."""
        return dict(
            self._database.execute(
                "select state, sum(last_seq - first_seq + 1) from outcomes group by state"
            ).fetchall()
        )

    def timing(self) -> Timing:
        """The requests of the run; a percentile is the least time that covers so many of them."""
        count = int(self._database.execute("select count(*) from requests").fetchone()[0])
        if not count:
            return Timing()
        ranks = [-(-count * percent // 100) - 1 for percent in (50, 95, 99)]
        found = [
            self._database.execute(
                "select ms from requests order by ms limit 1 offset ?", (rank,)
            ).fetchone()[0]
            for rank in ranks
        ]
        return Timing(count, *(round(float(one), 3) for one in found))

    def close(self) -> None:
        """Close it. What was not flushed counts as never recorded."""
        self._database.close()

    def delete(self) -> None:
        """Close and remove the journal with everything that belongs to it."""
        self.close()
        delete_files(self.path)

    def _has_rows(self) -> bool:
        """Whether the rows are there, and all of them."""
        rows = self.path.with_suffix(ROWS)
        return rows.is_file() and rows.stat().st_size == self.meta("bytes")

    def _spans(self, spans: Iterable[tuple[int, int]]) -> Iterator[ConsecutiveRows]:
        """The rows of each (first, last), which are in order and do not overlap."""
        lines = self.lines()
        last_read = 0
        for first, last in spans:
            deque(islice(lines, first - 1 - last_read), maxlen=0)
            yield ConsecutiveRows(first, list(islice(lines, last - first + 1)))
            last_read = last

    def _write(
        self, number: int, rows: Sequence[JournalRow], settled: Sequence[SettledRows]
    ) -> None:
        first, last = rows[0].seq, rows[-1].seq
        is_whole = last - first + 1 == len(rows)
        for begin, end in [(first, last)] if is_whole else [one[:2] for one in settled]:
            self._forget(begin, end)
        self._database.executemany(_INSERT, settled)
        self._database.executemany("insert into requests values (?)", zip(self._took))
        self._database.execute("update batches set state = 'done' where number = ?", (number,))

    def _forget(self, first: int, last: int) -> None:
        """Take rows out of what is recorded, because something else became of them."""
        before = last + 1
        while found := self._database.execute(
            "select * from outcomes where first_seq < ? order by first_seq desc limit 1", (before,)
        ).fetchone():
            before, end, *rest = found
            if end < first:
                return
            self._database.execute("delete from outcomes where first_seq = ?", (before,))
            kept = [(before, first - 1), (last + 1, end)]
            self._database.executemany(
                _INSERT, [(one, other, *rest) for one, other in kept if one <= other]
            )


def _settled(rows: Sequence[JournalRow], outcomes: Sequence[Outcome]) -> Iterator[SettledRows]:
    """Rows and their outcomes, put together where neighbours have the same.

    Raises ValueError when there are not as many outcomes as rows.
    """
    if len(outcomes) != len(rows):
        raise ValueError(f"{len(outcomes)} outcomes of {len(rows)} rows")
    rest = iter(outcomes)
    for first, count in _runs(rows):
        for outcome, same in groupby(islice(rest, count)):
            last = first + len(list(same)) - 1
            yield _line(first, last, outcome)
            first = last + 1


def _runs(rows: Sequence[JournalRow]) -> Iterator[tuple[int, int]]:
    """The first `seq` and the number of rows that follow each other."""
    if isinstance(rows, ConsecutiveRows):
        yield rows.first_seq, len(rows)
        return
    for _, run in groupby(enumerate(rows), lambda one: one[1].seq - one[0]):
        found = [row.seq for _, row in run]
        yield found[0], len(found)


def _line(first: int, last: int, one: Outcome) -> SettledRows:
    doubt = int(one.may_have_arrived)
    return SettledRows(first, last, one.state, one.code, one.reason, doubt, one.remote_id, one.job)


def delete_files(journal: Path) -> None:
    """Remove a journal, open or not, and the files beside it that bear its name."""
    for path in journal.parent.glob(f"{journal.stem}.*"):
        path.unlink(missing_ok=True)
