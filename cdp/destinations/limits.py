"""Rate limits of an account, shared by every process that writes to it from this machine.

Owns a sliding window for each limit, in a small SQLite file beside the journals.
In no window of the limit's length are more requests (or rows) begun than it
allows: time is cut into slots of a twentieth of the window, and a slot counts
until it has wholly left the window. Waits are booked, so that a second process
queues behind the first. Does not sleep.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from cdp.destinations.manifest import RateLimit

SLOTS = 20
_BUSY_S = 10.0


class RateLimits:
    """The limits of one destination. `clock` gives seconds since 1970."""

    def __init__(
        self,
        limits: Sequence[RateLimit],
        path: Path | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._limits = limits
        self._clock = clock
        self._path = str(path) if path else ":memory:"
        self._database: sqlite3.Connection | None = None

    def reserve(self, rows: int) -> float:
        """Book one request of so many rows; the seconds to wait before it may begin."""
        if not self._limits:
            return 0.0
        database = self._open()
        database.execute("begin immediate")
        now = self._clock()
        start = now
        for number, limit in enumerate(self._limits):
            start = max(start, self._earliest(database, number, limit, rows, now))
        for number, limit in enumerate(self._limits):
            width = limit.per_s / SLOTS
            database.execute(
                "insert into slots values (?, ?, ?) "
                "on conflict (number, slot) do update set cost = cost + excluded.cost",
                (number, int(start // width), _cost(limit, rows)),
            )
        database.execute("commit")
        return start - now

    def close(self) -> None:
        if self._database is not None:
            self._database.close()

    def _open(self) -> sqlite3.Connection:
        if self._database is None:
            self._database = sqlite3.connect(self._path, timeout=_BUSY_S, isolation_level=None)
            self._database.execute("pragma synchronous = off")
            self._database.execute(
                "create table if not exists slots "
                "(number integer, slot integer, cost integer, primary key (number, slot))"
            )
        return self._database

    def _earliest(
        self, database: sqlite3.Connection, number: int, limit: RateLimit, rows: int, now: float
    ) -> float:
        """When the window first has room. A request above the limit waits for an empty window."""
        width = limit.per_s / SLOTS
        database.execute(
            "delete from slots where number = ? and slot < ?",
            (number, int((now - limit.per_s) // width) - 1),
        )
        slots = database.execute(
            "select slot, cost from slots where number = ? order by slot", (number,)
        ).fetchall()
        room = (limit.requests or limit.rows) - _cost(limit, rows)
        used = sum(cost for _, cost in slots)
        start = now
        for slot, cost in slots:
            left_at = (slot + 1) * width + limit.per_s
            if used <= room and left_at > start:
                break
            start = max(start, left_at)
            used -= cost
        return start


def _cost(limit: RateLimit, rows: int) -> int:
    return 1 if limit.requests else rows
