"""What the ledger says about each sync: its last run and its rows by state. Reading only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cdp.catalogue import Catalogue
from cdp.project import Project
from cdp.syncs.ledger import table
from cdp.warehouse import Warehouse


@dataclass(frozen=True)
class SyncStatus:
    """One sync. Rows are counted by what the destination is known to hold."""

    sync: str
    destination: str
    last_run: str | None = None
    finished_at: datetime | None = None
    problem: str | None = None
    present: int = 0
    absent: int = 0
    unknown: int = 0
    rejected: int = 0


def sync_status(warehouse: Warehouse, project: Project, catalogue: Catalogue) -> list[SyncStatus]:
    """The status of each defined sync, by name; one that never ran has no last run."""
    has_ledger = warehouse.exists(project.schema("ops"), "sync_runs")
    return [
        _status(warehouse, project, sync.name, sync.destination)
        if has_ledger
        else SyncStatus(sync.name, sync.destination)
        for _, sync in sorted(catalogue.syncs.items())
    ]


def _status(warehouse: Warehouse, project: Project, sync: str, destination: str) -> SyncStatus:
    runs = warehouse.rows(
        "select state, finished_at, problem "  # noqa: S608
        f"from {table(project, 'sync_runs')} where sync_name = ? "
        "order by started_at desc, run_id desc limit 1",
        [sync],
    )
    counts = warehouse.rows(
        "select count(*) filter (where remote_state = 'present'), "  # noqa: S608
        "count(*) filter (where remote_state = 'absent'), "
        "count(*) filter (where remote_state = 'unknown'), "
        "count(*) filter (where last_outcome = 'rejected') "
        f"from {table(project, 'sync_ledger')} where sync_name = ? and destination_name = ?",
        [sync, destination],
    )[0]
    last = runs[0] if runs else (None, None, None)
    return SyncStatus(sync, destination, *last, *counts)
