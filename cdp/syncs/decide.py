"""What a person decides about a sync: to try again, forget, send again, or approve a plan.

Owns these changes of the ledger, each in one transaction with its line in
`sync_decisions`, and with the sync's lease held, so that no run is under way on
this machine. Sends nothing: the next run does.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from cdp.catalogue import Catalogue
from cdp.clock import utc_now
from cdp.destinations.spec import Destination
from cdp.errors import DriftError, RunError, TransientError
from cdp.project import Project
from cdp.syncs import ledger
from cdp.syncs.approval import needs_approval, record_approval
from cdp.syncs.diff import Diff
from cdp.syncs.journal import delete_files
from cdp.syncs.lease import lease, spool_folder
from cdp.syncs.mapping import adopt
from cdp.syncs.plan import Plan, find_sync, plan_sync
from cdp.syncs.runs import OpenRun, finish_run, open_runs
from cdp.syncs.spec import Sync
from cdp.syncs.tables import ensure_tables, table
from cdp.syncs.target import appends
from cdp.warehouse import LOCK_WAIT_S, Warehouse, duckdb_path, open_warehouse

_ASKING = ("approval-required", "plan-changed")


@dataclass(frozen=True)
class Wanted:
    """Which rows a person means: of these outcomes, and of these keys and reasons if any.

    A key may be given as it is or as the hash that commands show; a reason as its
    code or its class.
    """

    outcomes: tuple[str, ...]
    keys: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()

    def detail(self, hashed_keys: Sequence[str]) -> str:
        """In words, with the hashes of the keys that were found where keys were asked for."""
        parts = [", ".join(self.outcomes)]
        if self.reasons:
            parts.append("reason " + ", ".join(self.reasons))
        if self.keys:
            parts.append("key " + (", ".join(hashed_keys) or "not found"))
        return "; ".join(parts)


def whoami() -> str:
    """The user of the system, for the record."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def retry_rows(
    project: Project,
    catalogue: Catalogue,
    name: str,
    wanted: Wanted,
    who: str,
    *,
    did_arrive: bool = False,
    lock_wait_s: float = LOCK_WAIT_S,
) -> int:
    """Put rows into the next run, or count them as there; how many.

    `did_arrive` is for rows of unknown outcome: somebody looked, and they are there.
    Raises TransientError while the sync runs or a run of it is unsettled.
    """
    with _decision(project, catalogue, name, lock_wait_s) as (warehouse, sync, _):
        _refuse_unsettled(sync, open_runs(warehouse, project, sync))
        hashed = _matching(warehouse, project, sync, wanted)
        change = (
            "remote_state = case when l.last_operation = 'upsert' then 'present' else 'absent' "
            "end, payload_hash = l.last_hash, last_outcome = 'accepted', acknowledged_at = ?, "
            "reason_code = null, reason = null"
            if did_arrive
            else "released_at = ?"
        )
        with warehouse.transaction():
            warehouse.execute(
                f"update {table(project, 'sync_ledger')} as l set {change} "  # noqa: S608
                "where l.sync_name = ? and l.destination_name = ? "
                "and l.sync_key in (select w.sync_key from cdp_wanted as w)",
                [utc_now(), sync.name, sync.destination],
            )
            decision = "arrived" if did_arrive else "retry"
            count = int(warehouse.value("select count(*) from cdp_wanted"))
            record(warehouse, project, sync, decision, wanted.detail(hashed), count, who)
    return count


def reset_sync(
    project: Project,
    catalogue: Catalogue,
    name: str,
    who: str,
    lock_wait_s: float = LOCK_WAIT_S,
) -> int:
    """Forget what is known of the sync's destination; how many rows that were.

    Unfinished runs and their journals are forgotten with it. Raises TransientError
    while the sync runs, here or elsewhere.
    """
    with _decision(project, catalogue, name, lock_wait_s) as (warehouse, sync, _):
        spool = spool_folder(duckdb_path(project), project.schema("ops"))
        unfinished = [
            run
            for run in open_runs(warehouse, project, sync)
            if run.destination == sync.destination
        ]
        _refuse_unsettled(sync, [run for run in unfinished if run.is_alive_elsewhere])
        count = known_rows(warehouse, project, sync)
        whose = [sync.name, sync.destination]
        with warehouse.transaction():
            for name_ in ("sync_ledger", "sync_intents", "sync_mappings", "sync_loads"):
                warehouse.execute(
                    f"delete from {table(project, name_)} "  # noqa: S608
                    "where sync_name = ? and destination_name = ?",
                    whose,
                )
            for run in unfinished:
                finish_run(warehouse, project, run.run_id, "forgotten")
            record(warehouse, project, sync, "reset", "", count, who)
        for run in unfinished:
            delete_files(ledger.journal_path(spool, sync.name, run.run_id))
    return count


def resend_rows(
    project: Project,
    catalogue: Catalogue,
    name: str,
    choice: str,
    who: str,
    lock_wait_s: float = LOCK_WAIT_S,
) -> int:
    """Decide what a changed mapping means; how many rows the next run will send.

    `choice` is all, changed_columns or none. `all` also sends every row again where
    the mapping is the same. Raises RunError where rows are only appended, and
    TransientError while the sync runs or a run of it is unsettled.
    """
    with _decision(project, catalogue, name, lock_wait_s) as (warehouse, sync, destination):
        _refuse_unsettled(sync, open_runs(warehouse, project, sync))
        if appends(destination, sync):
            raise RunError(
                "cannot-resend",
                f"sync '{sync.name}' appends rows, and what was appended is not sent again",
                location=sync.location,
                help=f"'cdp sync reset {sync.name}' forgets what was sent; everything in the "
                "source is then sent as new",
            )
        with warehouse.transaction():
            if choice == "all":
                _forget_content(warehouse, project, sync)
            plan = plan_sync(warehouse, project, catalogue, name, choice=choice)
            ledger.rebase(warehouse, project, sync.name, sync.destination)
            if plan.choice:
                adopt(warehouse, project, sync, plan.mapping, choice, who)
            count = plan.diff.added + plan.diff.changed
            record(warehouse, project, sync, "resend", choice, count, who)
    return count


def approve_plan(
    project: Project,
    catalogue: Catalogue,
    name: str,
    wanted: str,
    who: str,
    options: Mapping[str, Any] | None = None,
    lock_wait_s: float = LOCK_WAIT_S,
) -> Diff:
    """Approve what the sync would send now, if it is the plan `wanted`; the plan's counts.

    `options` are those of the run that is to send it: retry_rejected, allow_removals,
    allow_changes. Raises DriftError when the plan is another or a guard stops it,
    RunError when it needs no approval, TransientError as the other decisions.
    """
    with _decision(project, catalogue, name, lock_wait_s) as (warehouse, sync, _):
        _refuse_unsettled(sync, open_runs(warehouse, project, sync))
        plan = plan_sync(warehouse, project, catalogue, name, identify=True, **(options or {}))
        if plan.guard is not None and plan.guard.problems[0].slug not in _ASKING:
            raise plan.guard
        if plan.plan_id != wanted.lower():
            raise _another_plan(sync, plan, wanted)
        if not needs_approval(sync, plan.diff):
            raise RunError(
                "no-approval-needed",
                f"sync '{sync.name}' sends plan {plan.plan_id} without approval",
                location=sync.location,
                help=f"run 'cdp sync run {sync.name}'",
            )
        with warehouse.transaction():
            record_approval(warehouse, project, sync, plan.diff, plan.plan_id, who)
            record(warehouse, project, sync, "approve", plan.plan_id, plan.diff.to_send, who)
    return plan.diff


def _another_plan(sync: Sync, plan: Plan, wanted: str) -> DriftError:
    now = (
        f"send {plan.diff.to_send:,} rows as plan {plan.plan_id}"
        if plan.plan_id
        else ("send nothing")
    )
    return DriftError(
        "plan-changed",
        f"sync '{sync.name}' would now {now}, which is not plan {wanted}",
        location=sync.location,
        help=f"look at 'cdp sync plan {sync.name}' and approve what it says now",
    )


def known_rows(warehouse: Warehouse, project: Project, sync: Sync) -> int:
    """The rows that the destination is believed to hold."""
    relation = ledger.ledger_relation(warehouse, project)
    return int(
        warehouse.value(
            f"select count(*) from {relation} "  # noqa: S608
            "where sync_name = ? and destination_name = ? and remote_state <> 'absent'",
            [sync.name, sync.destination],
        )
    )


def record(
    warehouse: Warehouse,
    project: Project,
    sync: Sync,
    decision: str,
    detail: str,
    rows: int,
    who: str,
) -> None:
    """A line of `sync_decisions`."""
    warehouse.execute(
        f"insert into {table(project, 'sync_decisions')} (sync_name, destination_name, "  # noqa: S608
        "decision, detail, row_count, decided_by, decided_at) values (?, ?, ?, ?, ?, ?, ?)",
        [sync.name, sync.destination, decision, detail, rows, who, utc_now()],
    )


@contextmanager
def _decision(
    project: Project, catalogue: Catalogue, name: str, lock_wait_s: float
) -> Iterator[tuple[Warehouse, Sync, Destination]]:
    """The warehouse, with the sync's lease held."""
    sync, destination = find_sync(project, catalogue, name)
    spool = spool_folder(duckdb_path(project), project.schema("ops"))
    with lease(spool, sync.name), open_warehouse(project, lock_wait_s=lock_wait_s) as warehouse:
        ensure_tables(warehouse, project)
        yield warehouse, sync, destination


def _refuse_unsettled(sync: Sync, runs: Sequence[OpenRun]) -> None:
    if runs:
        raise TransientError(
            "run-unsettled",
            f"a run of sync '{sync.name}' has not ended or was interrupted, and its outcomes "
            "are not settled",
            help=f"run 'cdp sync run {sync.name}' first; it settles them",
        )


def _matching(warehouse: Warehouse, project: Project, sync: Sync, wanted: Wanted) -> list[str]:
    """Leaves the keys in `cdp_wanted`; their hashes, where only some keys are wanted."""
    warehouse.execute(
        "create or replace temp table cdp_wanted as select r.sync_key, r.key_sha256 "  # noqa: S608
        f"from {table(project, 'sync_rows')} as r where r.sync_name = ? "
        "and r.destination_name = ? and r.last_outcome in (select unnest(cast(? as varchar[]))) "
        "and (len(cast(? as varchar[])) = 0 or list_contains(?, r.sync_key) "
        "or list_contains(?, r.key_sha256)) and (len(cast(? as varchar[])) = 0 "
        "or list_contains(?, r.reason_code) or list_contains(?, r.reason_class))",
        [
            sync.name,
            sync.destination,
            list(wanted.outcomes),
            *[list(wanted.keys)] * 3,
            *[list(wanted.reasons)] * 3,
        ],
    )
    if not wanted.keys:
        return []
    return [one for (one,) in warehouse.rows("select key_sha256 from cdp_wanted order by 1")]


def _forget_content(warehouse: Warehouse, project: Project, sync: Sync) -> None:
    """Rows stay known to be there, so that they can be removed; what they hold is not."""
    warehouse.execute(
        f"update {table(project, 'sync_ledger')} set payload_hash = null "  # noqa: S608
        "where sync_name = ? and destination_name = ? and remote_state = 'present'",
        [sync.name, sync.destination],
    )
