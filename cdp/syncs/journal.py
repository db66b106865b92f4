"""The local journal of one run: what is to be sent, and what became of it.

A SQLite file in the private spool folder beside the warehouse. It holds the
payloads, is durable before each request (WAL, synchronous = FULL) and outlives
a kill at any moment; it is deleted when its outcomes are in the warehouse. Does
not decide what is sent and never opens the warehouse.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cdp.destinations.delivery import Outcome, OutgoingRow

_CHUNK = 2_000
_OUTCOME_COLUMNS = (
    "sync_key",
    "operation",
    "payload_hash",
    "outcome",
    "code",
    "reason",
    "doubt",
    "remote_id",
    "job",
)
_SCHEMA = """
create table meta (name text primary key, value text not null);
create table rows (
    seq integer primary key, operation text not null, sync_key text not null,
    payload_hash text, fields text not null, remote_id text
);
create table batches (
    number integer primary key, first_seq integer not null, last_seq integer not null,
    state text not null, job text not null default ''
);
create table outcomes (
    seq integer primary key, state text not null, code text not null, reason text not null,
    doubt integer not null, remote_id text not null, job text not null default ''
);
"""
_TIMES = "create table if not exists requests (ms real not null)"


@dataclass(frozen=True)
class JournalRow:
    """A row to send; `seq` counts from 1 in the order of sending."""

    seq: int
    operation: str
    key: str
    fields_json: str
    remote_id: str | None = None

    @property
    def size(self) -> int:
        """Its bytes in a request, about."""
        return len(self.key.encode()) + len(self.fields_json.encode()) + 64

    def outgoing(self) -> OutgoingRow:
        fields = json.loads(self.fields_json)
        return OutgoingRow(self.operation, self.key, fields, self.remote_id or "")


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
    rows: tuple[JournalRow, ...]
    job: str = ""


class Journal:
    """An open journal; use `create` or `open_existing`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._took: list[float] = []
        self._database = sqlite3.connect(path, isolation_level=None)
        try:
            self._database.execute("pragma journal_mode = wal")
            self._database.execute("pragma synchronous = full")
        except sqlite3.DatabaseError:
            self._database.close()
            raise

    @classmethod
    def create(
        cls,
        path: Path,
        meta: dict[str, Any],
        rows: Iterable[tuple[str | None, ...]],
    ) -> Journal:
        """A complete journal, durable on return.

        Rows are (operation, key, payload hash, fields as JSON, and the remote id if known).
        """
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        journal = cls(path)
        database = journal._database
        database.executescript(_SCHEMA)
        database.execute(_TIMES)
        database.execute("begin")
        database.executemany(
            "insert into rows (operation, sync_key, payload_hash, fields, remote_id) "
            "values (?, ?, ?, ?, ?)",
            ((*row, None)[:5] for row in rows),
        )
        database.executemany(
            "insert into meta values (?, ?)",
            [(name, json.dumps(value)) for name, value in {**meta, "complete": True}.items()],
        )
        database.execute("commit")
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
            if journal.meta("complete"):
                journal._add_what_is_new()
                return journal
        except sqlite3.DatabaseError:
            pass
        journal.close()
        return None

    def meta(self, name: str) -> Any:
        found = self._database.execute("select value from meta where name = ?", (name,)).fetchone()
        return json.loads(found[0]) if found else None

    def count(self) -> int:
        return int(self._database.execute("select count(*) from rows").fetchone()[0])

    def rows(self) -> Iterator[JournalRow]:
        """All rows in the order of sending, a chunk in memory at a time."""
        last = 0
        while chunk := self._between(last + 1, last + _CHUNK):
            yield from chunk
            last += _CHUNK

    def begin(self, rows: Sequence[JournalRow]) -> int:
        """Mark a batch as being sent, durably; its number."""
        cursor = self._database.execute(
            "insert into batches (first_seq, last_seq, state) values (?, ?, 'sending')",
            (rows[0].seq, rows[-1].seq),
        )
        return int(cursor.lastrowid or 0)

    def settle(self, number: int, rows: Sequence[JournalRow], outcomes: Sequence[Outcome]) -> None:
        """Record what became of each row of a batch."""
        self._database.execute("begin")
        self._database.executemany(
            "insert or replace into outcomes values (?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    row.seq,
                    outcome.state,
                    outcome.code,
                    outcome.reason,
                    int(outcome.may_have_arrived),
                    outcome.remote_id,
                    outcome.job,
                )
                for row, outcome in zip(rows, outcomes, strict=True)
            ],
        )
        self._database.executemany("insert into requests values (?)", zip(self._took))
        self._database.execute("update batches set state = 'done' where number = ?", (number,))
        self._database.execute("commit")
        self._took.clear()

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
            "order by number"
        ).fetchall()
        return [
            SentBatch(number, tuple(self._between(first, last)), job)
            for number, first, last, job in found
        ]

    def keep_job(self, number: int, job: str) -> None:
        """Note the destination's job of a batch, durably."""
        self._database.execute("update batches set job = ? where number = ?", (job, number))

    def staged(self) -> list[SentBatch]:
        """The rows of each job that is not settled, as batches without a number."""
        rows: dict[str, list[JournalRow]] = {}
        for job, *row in self._database.execute(
            "select o.job, r.seq, r.operation, r.sync_key, r.fields, "
            "coalesce(nullif(o.remote_id, ''), r.remote_id) from outcomes o "
            "join rows r on r.seq = o.seq where o.state = 'staged' order by o.seq"
        ):
            rows.setdefault(job, []).append(JournalRow(*row))
        return [SentBatch(0, tuple(found), job) for job, found in rows.items()]

    def outcomes(self) -> Iterator[dict[str, Any]]:
        """Every recorded outcome with its row."""
        yield from (
            dict(zip(_OUTCOME_COLUMNS, row, strict=True))
            for row in self._database.execute(
                "select r.sync_key, r.operation, r.payload_hash, o.state, o.code, o.reason, "
                "o.doubt, o.remote_id, o.job from outcomes o join rows r on r.seq = o.seq "
                "order by o.seq"
            )
        )

    def tally(self) -> dict[str, int]:
        """Rows by outcome."""
        return dict(
            self._database.execute("select state, count(*) from outcomes group by state").fetchall()
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
        self._database.close()

    def delete(self) -> None:
        """Close and remove the journal with everything that belongs to it."""
        self.close()
        delete_files(self.path)

    def _add_what_is_new(self) -> None:
        """A journal that an earlier version left has neither remote ids nor times nor jobs."""
        self._database.execute(_TIMES)
        empty = "text not null default ''"
        for name, column, kind in (
            ("rows", "remote_id", "text"),
            ("outcomes", "remote_id", empty),
            ("outcomes", "job", empty),
            ("batches", "job", empty),
        ):
            # Names come from the lines above.
            known = [row[1] for row in self._database.execute(f"pragma table_info({name})")]
            if column not in known:
                self._database.execute(f"alter table {name} add column {column} {kind}")

    def _between(self, first: int, last: int) -> list[JournalRow]:
        return [
            JournalRow(*row)
            for row in self._database.execute(
                "select seq, operation, sync_key, fields, remote_id from rows "
                "where seq between ? and ? order by seq",
                (first, last),
            )
        ]


def delete_files(journal: Path) -> None:
    """Remove a journal, open or not, and the files beside it that bear its name."""
    for path in journal.parent.glob(f"{journal.stem}.*"):
        path.unlink(missing_ok=True)
