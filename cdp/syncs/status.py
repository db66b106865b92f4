"""What the ledger says of each sync: its last run, its rows, why rows failed. Reading only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cdp.clock import utc_now
from cdp.project import Project
from cdp.syncs.due import next_due
from cdp.syncs.spec import Sync
from cdp.syncs.tables import ensure_tables, is_current, is_outdated, table
from cdp.warehouse import LOCK_WAIT_S, Warehouse, open_warehouse


@dataclass(frozen=True)
class SyncStatus:
    """One sync. Rows are counted by what the destination is known to hold.

    `sent`, `accepted`, `requests` and `latency_p95_ms` are the last run's; `due` is when
    its schedule wants the next one: `now`, a moment in UTC, or None without a schedule.
    """

    sync: str
    destination: str
    last_run: str | None = None
    finished_at: datetime | None = None
    last_success_at: datetime | None = None
    problem: str | None = None
    sent: int = 0
    accepted: int = 0
    requests: int = 0
    latency_p95_ms: float | None = None
    present: int = 0
    absent: int = 0
    unknown: int = 0
    rejected: int = 0
    staged: int = 0
    invalid: int = 0
    due: str | None = None


@dataclass(frozen=True)
class Failure:
    """A reason for which rows of a sync are not as they should be. Without personal data."""

    sync: str
    destination: str
    outcome: str
    reason_class: str
    reason_code: str | None
    row_count: int
    first_attempted_at: datetime
    last_attempted_at: datetime
    sample_reason: str | None
    sample_key_sha256: str | None
    advice: str


@contextmanager
def open_reports(project: Project, lock_wait_s: float = LOCK_WAIT_S) -> Iterator[Warehouse]:
    """The warehouse for reading, its syncs' tables those of this version.

    Where an earlier version made them they are completed first, which writes.
    """
    with open_warehouse(project, read_only=True, lock_wait_s=lock_wait_s) as warehouse:
        if not is_outdated(warehouse, project):
            yield warehouse
            return
    with open_warehouse(project, lock_wait_s=lock_wait_s) as warehouse:
        ensure_tables(warehouse, project)
        yield warehouse


def sync_status(warehouse: Warehouse, project: Project, syncs: Sequence[Sync]) -> list[SyncStatus]:
    """The status of these syncs; one that never ran has no last run."""
    if not is_current(warehouse, project):
        return [
            SyncStatus(sync.name, sync.destination, due=_due(warehouse, project, sync))
            for sync in syncs
        ]
    return [_status(warehouse, project, sync) for sync in syncs]


def sync_failures(
    warehouse: Warehouse, project: Project, syncs: Sequence[Sync], most: int | None = None
) -> list[Failure]:
    """Why rows of these syncs failed, the most frequent reasons of each first; `most` a sync."""
    if not is_current(warehouse, project):
        return []
    found: list[Failure] = []
    for sync in syncs:
        rows = warehouse.rows(
            "select sync_name, destination_name, outcome, reason_class, reason_code, row_count, "  # noqa: S608
            "first_attempted_at, last_attempted_at, sample_reason, sample_key_sha256, "
            f"replace(advice, 'NAME', sync_name) from {table(project, 'sync_failures')} "
            "where sync_name = ? and destination_name = ? "
            "order by row_count desc, outcome, reason_code",
            [sync.name, sync.destination],
        )
        found += [Failure(*row) for row in rows[:most]]
    return found


def _status(warehouse: Warehouse, project: Project, sync: Sync) -> SyncStatus:
    runs = table(project, "sync_runs")
    found = warehouse.rows(
        "select r.state, r.finished_at, (select max(s.finished_at) "  # noqa: S608
        f"from {runs} as s where s.sync_name = r.sync_name and s.state = 'done'), "
        "r.problem, coalesce(r.accepted + r.rejected + r.retry + r.unknown "
        "+ coalesce(r.staged, 0), 0), "
        "coalesce(r.accepted, 0), coalesce(r.requests, 0), r.latency_p95_ms "
        f"from {runs} as r where r.sync_name = ? "
        "order by r.started_at desc, r.run_id desc limit 1",
        [sync.name],
    )
    last = found[0] if found else (None, None, None, None, 0, 0, 0, None)
    rows = warehouse.rows(
        "select count(*) filter (where remote_state = 'present'), "  # noqa: S608
        "count(*) filter (where remote_state = 'absent'), "
        "count(*) filter (where remote_state = 'unknown'), "
        "count(*) filter (where last_outcome = 'rejected'), "
        "count(*) filter (where last_outcome = 'staged') "
        f"from {table(project, 'sync_ledger')} where sync_name = ? and destination_name = ?",
        [sync.name, sync.destination],
    )[0]
    invalid = warehouse.value(
        f"select coalesce(sum(row_count), 0) from {table(project, 'sync_failures')} "  # noqa: S608
        "where sync_name = ? and destination_name = ? and outcome = 'invalid'",
        [sync.name, sync.destination],
    )
    due = _due(warehouse, project, sync)
    values: list[Any] = [sync.name, sync.destination, *last, *rows, int(invalid), due]
    return SyncStatus(*values)


def _due(warehouse: Warehouse, project: Project, sync: Sync) -> str | None:
    if sync.schedule is None:
        return None
    due_at = next_due(warehouse, project, sync)
    is_now = due_at is None or due_at <= utc_now()
    return "now" if is_now else f"{due_at:%Y-%m-%d %H:%M:%S}"
