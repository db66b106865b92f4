"""Settling runs that never finished, before a new one begins.

Call it with the sync's lease held: on this machine the old process is dead.
What was being sent is sent again under the same key (or left unknown where that
would hurt), what had an outcome is folded, and what was never sent is forgotten,
because the new run plans it afresh. A journal that is gone makes every intent
of its run unknown, never `not sent`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from cdp.destinations.delivery import Driver
from cdp.errors import CdpError, TransientError
from cdp.project import Project
from cdp.syncs import ledger
from cdp.syncs.journal import Journal, delete_files
from cdp.syncs.runs import OpenRun, finish_run
from cdp.syncs.send import resolve_in_flight
from cdp.syncs.spec import Sync
from cdp.warehouse import Warehouse

Say = Callable[[str], None]
Opened = Callable[[], AbstractContextManager[Warehouse]]


def settle_runs(
    project: Project,
    sync: Sync,
    driver: Driver,
    spool: Path,
    runs: Sequence[OpenRun],
    opened: Opened,
    say: Say,
) -> None:
    """Settle unfinished runs of a sync; the warehouse must be closed, and `opened` opens it.

    Raises TransientError when one of them may be alive on another machine, and
    what stopped the sending when a batch in flight could not be settled.
    """
    for run in runs:
        if run.is_alive_elsewhere:
            raise TransientError(
                "sync-running",
                f"sync '{sync.name}' is being run by process {run.pid} on {run.host}",
                help="let it finish; it is taken over when it has been silent for 30 minutes",
            )
    for run in runs:
        _settle(project, sync, driver, spool, opened, say, run)


def clear_spool(spool: Path, sync: Sync) -> None:
    """Remove what settled runs left behind. Call it when no run of the sync is unfinished."""
    for left in spool.glob(f"{sync.name}-*"):
        left.unlink(missing_ok=True)


def _settle(
    project: Project,
    sync: Sync,
    driver: Driver,
    spool: Path,
    opened: Opened,
    say: Say,
    run: OpenRun,
) -> None:
    path = ledger.journal_path(spool, sync.name, run.run_id)
    journal = Journal.open_existing(path) if run.state == "sending" else None
    error: CdpError | None = None
    try:
        if journal is not None:
            is_same = run.destination == sync.destination
            error = resolve_in_flight(journal, driver if is_same else None)
        with opened() as warehouse:
            if run.state == "planning":
                finish_run(warehouse, project, run.run_id, "abandoned")
                say(f"run {run.run_id} of {sync.name} ended before it sent anything")
            elif journal is not None:
                tally, timing = journal.tally(), journal.timing()
                with ledger.folding_journal(warehouse, project, journal, run.run_id):
                    finish_run(warehouse, project, run.run_id, "interrupted", tally, None, timing)
                say(
                    f"run {run.run_id} of {sync.name} was interrupted; "
                    f"{sum(tally.values()):,} rows of it are settled"
                )
            else:
                with ledger.folding_lost(warehouse, project, run.run_id) as count:
                    finish_run(warehouse, project, run.run_id, "lost", {"unknown": count})
                say(
                    f"the journal of run {run.run_id} of {sync.name} is gone; "
                    f"{count:,} rows are unknown"
                )
    finally:
        if journal is not None:
            journal.close()
    delete_files(path)
    if error is not None:
        raise error
