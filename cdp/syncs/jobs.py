"""Rows that earlier runs left in jobs of a destination: asking what became of them.

Owns reading them from the ledger, where they are `staged`, and bringing the answers
back. Nothing is sent here, so that a run that dies meanwhile just asks again. How a
destination is asked is its driver's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from cdp.destinations.delivery import STAGED, Batch, Driver, Outcome, OutgoingRow, Staging, Stop
from cdp.errors import RunError
from cdp.project import Project
from cdp.syncs import ledger
from cdp.syncs.spec import Sync
from cdp.syncs.tables import table
from cdp.warehouse import Warehouse


@dataclass(frozen=True)
class StagedJob:
    """Rows of one job, with the hashes of their contents, and the run that sent them."""

    run_id: str
    job: str
    rows: tuple[OutgoingRow, ...]
    hashes: tuple[str | None, ...]


def staged_jobs(warehouse: Warehouse, project: Project, sync: Sync) -> list[StagedJob]:
    """What the ledger has of a sync in jobs of its destination, oldest run first."""
    found: dict[tuple[str, str], list[tuple[OutgoingRow, str | None]]] = {}
    for run_id, job, operation, key, payload_hash, remote_id in warehouse.rows(
        "select run_id, job_id, last_operation, sync_key, last_hash, remote_id "  # noqa: S608
        f"from {table(project, 'sync_ledger')} where sync_name = ? and destination_name = ? "
        "and last_outcome = 'staged' order by run_id, job_id, sync_key",
        [sync.name, sync.destination],
    ):
        row = OutgoingRow(operation, key, {}, remote_id or "")
        found.setdefault((run_id, job or ""), []).append((row, payload_hash))
    return [
        StagedJob(run_id, job, *(tuple(part) for part in zip(*rows, strict=True)))
        for (run_id, job), rows in found.items()
    ]


def settle_jobs(
    project: Project,
    sync: Sync,
    driver: Driver,
    spool: Path,
    jobs: Sequence[StagedJob],
    opened: Callable[[], AbstractContextManager[Warehouse]],
    say: Callable[[str], None],
) -> None:
    """Ask about jobs, and fold what is known now; the warehouse is closed, `opened` opens it.

    Raises RunError when the destination says that nothing more should be asked.
    """
    for one in jobs:
        if not isinstance(driver, Staging):
            return
        batch = Batch(sync.name, one.run_id, 0, one.rows, "", job=one.job)
        try:
            outcomes = driver.settle(batch)
        except Stop as stop:
            raise RunError(stop.slug, stop.message, help=stop.help) from None
        known = [
            _outcome(row, payload_hash, outcome)
            for row, payload_hash, outcome in zip(one.rows, one.hashes, outcomes, strict=True)
            if outcome.state != STAGED
        ]
        if known:
            path = ledger.journal_path(spool, sync.name, one.run_id)
            with opened() as warehouse:
                ledger.fold_outcomes(warehouse, project, known, path, one.run_id)
        said = ", ".join(
            f"{count:,} {state}" for state, count in Counter(o.state for o in outcomes).items()
        )
        say(f"{sync.name}: a job of run {one.run_id}: {said}")


def _outcome(row: OutgoingRow, payload_hash: str | None, outcome: Outcome) -> dict[str, object]:
    return {
        "sync_key": row.key,
        "operation": row.operation,
        "payload_hash": payload_hash,
        "outcome": outcome.state,
        "code": outcome.code,
        "reason": outcome.reason,
        "doubt": int(outcome.may_have_arrived),
        "remote_id": outcome.remote_id,
        "job": outcome.job,
    }
