"""Which syncs their schedules want to run now. Reads `sync_runs`; starts nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cdp.project import Project
from cdp.syncs.spec import Sync
from cdp.syncs.tables import is_current, table
from cdp.warehouse import Warehouse


def due_syncs(
    warehouse: Warehouse, project: Project, syncs: Sequence[Sync], now: datetime
) -> list[str]:
    """The names of the syncs that are due, those that wait the longest first.

    A sync is due when its schedule says so after the start of its last run that was done; one
    that has a schedule and no such run is due; one without a schedule never is. `now` is UTC.
    """
    waiting = [
        (due_at or datetime.min, sync.name)
        for sync in syncs
        if sync.schedule is not None
        and ((due_at := next_due(warehouse, project, sync)) is None or due_at <= now)
    ]
    return [name for _, name in sorted(waiting)]


def next_due(warehouse: Warehouse, project: Project, sync: Sync) -> datetime | None:
    """When a sync with a schedule is due; None where no run of it to its destination was done."""
    assert sync.schedule is not None
    if not is_current(warehouse, project):
        return None
    started_at = warehouse.value(
        f"select max(started_at) from {table(project, 'sync_runs')} "  # noqa: S608
        "where sync_name = ? and destination_name = ? and state = 'done'",
        [sync.name, sync.destination],
    )
    return None if started_at is None else sync.schedule.due_after(started_at)
