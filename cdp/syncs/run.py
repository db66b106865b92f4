"""One run of a sync, from the lease to the folded outcomes.

Steps (design, decision 19): take the lease; settle runs that never finished;
open the warehouse, compute the diff, spool the payloads, write the intents in
one set, close the warehouse; send against the local journal; open the warehouse
again and fold the outcomes. A kill at any point is settled by the next run.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from cdp.catalogue import Catalogue
from cdp.destinations.delivery import RETRY, UNKNOWN, Driver, Stop
from cdp.destinations.drivers import open_driver
from cdp.errors import CdpError, RunError, TransientError
from cdp.project import Project
from cdp.syncs import ledger
from cdp.syncs.approval import use_approval
from cdp.syncs.diff import Diff, number_changes, write_changes
from cdp.syncs.halt import STOPPED, Halt
from cdp.syncs.jobs import settle_jobs, staged_jobs
from cdp.syncs.journal import Journal, Timing
from cdp.syncs.lease import lease, spool_folder, unwritable
from cdp.syncs.mapping import adopt
from cdp.syncs.plan import Plan, find_sync, plan_sync
from cdp.syncs.recover import clear_spool, settle_runs
from cdp.syncs.runs import begin_run, finish_run, new_run_id, open_runs, record_plan
from cdp.syncs.send import Progress, send_journal
from cdp.syncs.snapshot import write_snapshot
from cdp.syncs.spec import Sync
from cdp.syncs.tables import ensure_tables
from cdp.syncs.target import target_of
from cdp.syncs.window import record_loads
from cdp.warehouse import LOCK_WAIT_S, Warehouse, duckdb_path, open_warehouse


@dataclass(frozen=True)
class RunOptions:
    """How a run behaves. `say` gets messages for a person.

    `gate` is held while the warehouse is open, and `halt` asks the run to stop: runs
    in one process share them. `sleep` replaces the waits between tries in tests.
    """

    lock_wait_s: float = LOCK_WAIT_S
    retry_rejected: bool = False
    allow_removals: bool = False
    allow_changes: bool = False
    progress: Progress | None = None
    say: Callable[[str], None] = lambda message: None
    sleep: Callable[[float], None] | None = None
    gate: AbstractContextManager[Any] = field(default_factory=threading.Lock)
    halt: Halt = field(default_factory=Halt)


@dataclass(frozen=True)
class SyncResult:
    """What a run did. `error` is a guard (DriftError) or what stopped the sending.

    `outcomes` counts the rows by accepted, rejected, retry, unknown and staged.
    """

    sync: str
    run_id: str
    diff: Diff
    outcomes: dict[str, int] = field(default_factory=dict)
    error: CdpError | None = None

    @property
    def sent(self) -> int:
        return sum(self.outcomes.values())

    def count(self, outcome: str) -> int:
        return self.outcomes.get(outcome, 0)


def run_sync(
    project: Project, catalogue: Catalogue, name: str, options: RunOptions | None = None
) -> SyncResult:
    """Make the destination equal to the desired state.

    Raises CdpError when nothing could be begun: an unknown sync, a missing
    secret, another run of the sync, a locked or unbuilt warehouse. A guard or a
    failure while sending is the result's `error`.
    """
    options = options or RunOptions()
    sync, destination = find_sync(project, catalogue, name)
    sleep = options.sleep or (lambda seconds: options.halt.sleep(seconds, sync.name))
    spool = spool_folder(duckdb_path(project), project.schema("ops"))
    with (
        lease(spool, sync.name),
        closing(
            open_driver(destination, project.folder, sleep, target_of(sync, destination), spool)
        ) as driver,
    ):
        try:
            return _Run(project, catalogue, sync, driver, spool, options).execute()
        except sqlite3.Error as error:
            raise unwritable(spool, str(error)) from None


@dataclass
class _Run:
    """The parts of one run, which its steps share."""

    project: Project
    catalogue: Catalogue
    sync: Sync
    driver: Driver
    spool: Path
    options: RunOptions
    run_id: str = field(default_factory=new_run_id)

    def execute(self) -> SyncResult:
        result, journal = self._begin()
        if journal is None:
            return result
        try:
            stopped = send_journal(journal, self.driver, self.options.progress, self.options.halt)
            outcomes = journal.tally()
            error = stopped or _undelivered(self.sync, outcomes)
            self._fold(journal, outcomes, error)
        finally:
            journal.close()
        return SyncResult(self.sync.name, self.run_id, result.diff, outcomes, error)

    def _begin(self) -> tuple[SyncResult, Journal | None]:
        """The plan, and the journal when there is something to send.

        Unfinished runs come first, and then what earlier runs left in jobs of the destination.
        """
        has_asked = False
        while True:
            with self._warehouse() as warehouse:
                self._check_halt()
                ensure_tables(warehouse, self.project)
                unfinished = open_runs(warehouse, self.project, self.sync)
                jobs = [] if has_asked else staged_jobs(warehouse, self.project, self.sync)
                if not unfinished and not jobs:
                    clear_spool(self.spool, self.sync)
                    return self._prepare(warehouse)
            shared = (self.project, self.sync, self.driver, self.spool)
            if unfinished:
                settle_runs(*shared, unfinished, self._warehouse, self.options.say)
            else:
                has_asked = True
                settle_jobs(*shared, jobs, self._warehouse, self.options.say)

    @contextmanager
    def _warehouse(self) -> Iterator[Warehouse]:
        """The warehouse, open in no other run of this process."""
        wait = self.options.lock_wait_s
        with self.options.gate, open_warehouse(self.project, lock_wait_s=wait) as warehouse:
            yield warehouse

    def _check_halt(self) -> None:
        """Raises RunError when the run is to stop before it has begun."""
        try:
            self.options.halt.check(self.sync.name)
        except Stop as stop:
            raise RunError(stop.slug, stop.message, help=stop.help) from None

    def _prepare(self, warehouse: Warehouse) -> tuple[SyncResult, Journal | None]:
        begin_run(warehouse, self.project, self.run_id, self.sync)
        try:
            plan = plan_sync(
                warehouse,
                self.project,
                self.catalogue,
                self.sync.name,
                retry_rejected=self.options.retry_rejected,
                allow_removals=self.options.allow_removals,
                allow_changes=self.options.allow_changes,
            )
        except CdpError as error:
            self._finish(warehouse, "failed", problem=error.problems[0].slug)
            raise
        result = SyncResult(self.sync.name, self.run_id, plan.diff, error=plan.guard)
        is_idle = plan.guard is not None or not plan.diff.to_send
        journal = None if is_idle else self._spool(warehouse, plan.diff)
        self._record(warehouse, plan, result, is_idle)
        return result, journal

    def _record(self, warehouse: Warehouse, plan: Plan, result: SyncResult, is_idle: bool) -> None:
        """Intents, invalid rows, the mapping and the plan's counts, in one transaction."""
        names = (self.run_id, self.sync.name, self.sync.destination)
        with warehouse.transaction():
            ledger.write_invalid(warehouse, self.project, *names)
            if not result.error:
                ledger.withdraw(warehouse, self.project, *names[1:])
            if not result.error and self.sync.origin.is_events:
                record_loads(warehouse, self.project, self.sync, self.run_id)
            if not result.error and plan.choice:
                ledger.rebase(warehouse, self.project, *names[1:])
                adopt(warehouse, self.project, self.sync, plan.mapping, plan.choice, "definition")
            state = "planning" if is_idle else "sending"
            record_plan(warehouse, self.project, self.run_id, result.diff, state)
            if not is_idle:
                ledger.write_intents(warehouse, self.project, *names)
                if plan.plan_id:
                    use_approval(warehouse, self.project, self.sync, plan.plan_id, self.run_id)
            elif result.error:
                self._finish(warehouse, "guarded", problem=result.error.problems[0].slug)
            else:
                self._finish(warehouse, "done")

    def _spool(self, warehouse: Warehouse, diff: Diff) -> Journal:
        """Payloads to the private journal, before the intents that rest on it."""
        path = ledger.journal_path(self.spool, self.sync.name, self.run_id)
        meta = {
            "run_id": self.run_id,
            "sync": self.sync.name,
            "destination": self.sync.destination,
            "columns": [list(column) for column in diff.columns],
            "snapshot": None,
        }
        if self.driver.snapshot_format:
            target = path.with_suffix(".snapshot")
            write_snapshot(
                warehouse, self.project, self.sync, diff, target, self.driver.snapshot_format
            )
            meta["snapshot"] = str(target)
        number_changes(warehouse)
        write_rows = partial(write_changes, warehouse, self.project, self.sync, diff)
        return Journal.create(path, meta, write_rows)

    def _fold(self, journal: Journal, outcomes: dict[str, int], error: CdpError | None) -> None:
        problem = error.problems[0].slug if error else None
        state = "stopped" if problem == STOPPED else "failed" if error else "done"
        with (
            self._warehouse() as warehouse,
            ledger.folding_journal(warehouse, self.project, journal, self.run_id),
        ):
            self._finish(warehouse, state, outcomes, problem, journal.timing())
        journal.delete()

    def _finish(
        self,
        warehouse: Warehouse,
        state: str,
        outcomes: dict[str, int] | None = None,
        problem: str | None = None,
        timing: Timing | None = None,
    ) -> None:
        finish_run(warehouse, self.project, self.run_id, state, outcomes, problem, timing)


def _undelivered(sync: Sync, outcomes: dict[str, int]) -> TransientError | None:
    """The error of a run that went to its end but left rows without an answer."""
    count = outcomes.get(RETRY, 0) + outcomes.get(UNKNOWN, 0)
    if not count:
        return None
    return TransientError(
        "rows-undelivered",
        f"sync '{sync.name}' got no answer for {count:,} of {sum(outcomes.values()):,} rows",
        help="run the sync again; what was acknowledged is not sent twice",
    )
