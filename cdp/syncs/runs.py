"""The rows of `sync_runs`: beginning, sending, finishing, and which never finished.

A run is `planning` until its intents are written, then `sending`; it ends as
done, failed, guarded, stopped (by a signal), interrupted (it died, and a later run
settled it), lost (its journal is gone), abandoned (it ended before anything was
to be sent) or forgotten (a person reset the sync).
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from cdp.clock import utc_now
from cdp.project import Project
from cdp.syncs.diff import Diff
from cdp.syncs.journal import Timing
from cdp.syncs.lease import host_name
from cdp.syncs.spec import Sync
from cdp.syncs.tables import table
from cdp.warehouse import Warehouse

_OUTCOMES = ("accepted", "rejected", "retry", "unknown", "staged")
FOREIGN_LEASE = timedelta(minutes=30)
"""How long a run on another machine, whose lock cannot be seen from here, counts as alive."""


@dataclass(frozen=True)
class OpenRun:
    """A run that never finished."""

    run_id: str
    destination: str
    state: str
    host: str
    pid: int
    heartbeat_at: datetime

    @property
    def is_alive_elsewhere(self) -> bool:
        return self.host != host_name() and utc_now() - self.heartbeat_at < FOREIGN_LEASE


def new_run_id() -> str:
    """Sorts by time and never repeats."""
    return f"{utc_now():%Y%m%dT%H%M%S%f}-{secrets.token_hex(4)}"


def open_runs(warehouse: Warehouse, project: Project, sync: Sync) -> list[OpenRun]:
    """The runs of a sync that never finished, oldest first."""
    if not warehouse.exists(project.schema("ops"), "sync_runs"):
        return []
    return [
        OpenRun(*row)
        for row in warehouse.rows(
            "select run_id, destination_name, state, host, pid, heartbeat_at "  # noqa: S608
            f"from {table(project, 'sync_runs')} "
            "where sync_name = ? and state in ('planning', 'sending') order by started_at, run_id",
            [sync.name],
        )
    ]


def begin_run(warehouse: Warehouse, project: Project, run_id: str, sync: Sync) -> None:
    now = utc_now()
    warehouse.execute(
        f"insert into {table(project, 'sync_runs')} (run_id, sync_name, "  # noqa: S608
        "destination_name, state, started_at, heartbeat_at, host, pid) "
        "values (?, ?, ?, 'planning', ?, ?, ?, ?)",
        [run_id, sync.name, sync.destination, now, now, host_name(), os.getpid()],
    )


def record_plan(
    warehouse: Warehouse, project: Project, run_id: str, diff: Diff, state: str
) -> None:
    """The plan's counts and the state that the run enters with it."""
    warehouse.execute(
        f"update {table(project, 'sync_runs')} set state = ?, heartbeat_at = ?, "  # noqa: S608
        "desired = ?, added = ?, changed = ?, removed = ?, unchanged = ?, held = ?, invalid = ? "
        "where run_id = ?",
        [
            state,
            utc_now(),
            diff.desired,
            diff.added,
            diff.changed,
            diff.removed,
            diff.unchanged + diff.kept,
            diff.held,
            diff.invalid,
            run_id,
        ],
    )


def finish_run(
    warehouse: Warehouse,
    project: Project,
    run_id: str,
    state: str,
    tally: dict[str, int] | None = None,
    problem: str | None = None,
    timing: Timing | None = None,
) -> None:
    """`tally` counts rows by outcome; `problem` is a slug."""
    counts = tally or {}
    took = timing or Timing()
    warehouse.execute(
        f"update {table(project, 'sync_runs')} set state = ?, finished_at = ?, "  # noqa: S608
        "accepted = ?, rejected = ?, retry = ?, unknown = ?, staged = ?, problem = ?, "
        "requests = ?, "
        "latency_p50_ms = ?, latency_p95_ms = ?, latency_p99_ms = ? where run_id = ?",
        [
            state,
            utc_now(),
            *(counts.get(name, 0) for name in _OUTCOMES),
            problem,
            took.requests,
            took.p50_ms,
            took.p95_ms,
            took.p99_ms,
            run_id,
        ],
    )
