"""Plans that a person must approve before they are sent.

Owns the identity of a plan, `sync_approvals`, and the guard of a run whose plan
nobody has approved. An approval holds for exactly one plan and one run.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

from cdp.clock import utc_now
from cdp.errors import DriftError
from cdp.project import Project
from cdp.syncs.diff import Diff
from cdp.syncs.spec import Sync
from cdp.syncs.tables import is_current, table
from cdp.warehouse import Warehouse

ID_DIGITS = 12


def plan_id(warehouse: Warehouse, sync: Sync) -> str:
    """Names what `cdp_changes` would send: the operation, key and content of every row.

    It does not depend on the order of rows. It tells plans apart; it is no seal
    against somebody who can write to the warehouse.
    """
    # A row's content is the last 32 digits, so that no key can pass for another's end.
    rows, content = warehouse.rows(
        "select count(*), bit_xor(md5_number(case when c.class = 'removed' then 'remove ' else "
        "'upsert ' end || c.sync_key || coalesce(c.payload_hash, repeat('0', 32)))) "
        "from cdp_changes as c where c.class in ('added', 'changed', 'removed')"
    )[0]
    text = f"{sync.name}\n{sync.destination}\n{rows}\n{content}"
    return hashlib.sha256(text.encode()).hexdigest()[:ID_DIGITS]


def needs_approval(sync: Sync, diff: Diff) -> bool:
    """Whether a person must look at a plan of this size."""
    return sync.approval_above is not None and diff.to_send > sync.approval_above


def check_approval(
    warehouse: Warehouse, project: Project, sync: Sync, diff: Diff, plan: str
) -> DriftError | None:
    """The guard of a plan that nobody has approved, or None."""
    if not needs_approval(sync, diff):
        return None
    unused = _unused(warehouse, project, sync)
    if any(approved == plan for approved, _, _ in unused):
        return None
    counts = f"{diff.added:,} added, {diff.changed:,} changed, {diff.removed:,} removed"
    help = (
        f"look at 'cdp sync plan {sync.name} --show 5', then 'cdp sync approve {sync.name} {plan}'"
    )
    if not unused:
        return DriftError(
            "approval-required",
            f"sync '{sync.name}' would send {diff.to_send:,} rows ({counts}), which a person must "
            f"approve: plan {plan}",
            location=sync.location,
            help=help,
        )
    former, who, when = unused[0]
    return DriftError(
        "plan-changed",
        f"sync '{sync.name}' would now send {diff.to_send:,} rows ({counts}) as plan {plan}, "
        f"which is not plan {former} that {who} approved on {when:%Y-%m-%d %H:%M} UTC",
        location=sync.location,
        help=help,
    )


def record_approval(
    warehouse: Warehouse, project: Project, sync: Sync, diff: Diff, plan: str, who: str
) -> None:
    """Write down who approved a plan, and when. An earlier approval that no run used is void."""
    approvals, whose = table(project, "sync_approvals"), [sync.name, sync.destination]
    warehouse.execute(
        f"delete from {approvals} "  # noqa: S608
        "where sync_name = ? and destination_name = ? and run_id is null",
        whose,
    )
    warehouse.execute(
        f"insert into {approvals} (sync_name, destination_name, plan_id, "  # noqa: S608
        "added, changed, removed, approved_by, approved_at) values (?, ?, ?, ?, ?, ?, ?, ?)",
        [*whose, plan, diff.added, diff.changed, diff.removed, who, utc_now()],
    )


def use_approval(
    warehouse: Warehouse, project: Project, sync: Sync, plan: str, run_id: str
) -> None:
    """The run sends this plan: nobody else may. Call it in the transaction of the intents."""
    warehouse.execute(
        f"update {table(project, 'sync_approvals')} set run_id = ? "  # noqa: S608
        "where sync_name = ? and destination_name = ? and plan_id = ? and run_id is null",
        [run_id, sync.name, sync.destination, plan],
    )


def _unused(warehouse: Warehouse, project: Project, sync: Sync) -> list[tuple[str, str, datetime]]:
    """The approvals that no run has used, as (plan, who, when), the latest first."""
    if not is_current(warehouse, project):
        return []
    return [
        (plan, who, when)
        for plan, who, when in warehouse.rows(
            "select plan_id, approved_by, approved_at "  # noqa: S608
            f"from {table(project, 'sync_approvals')} where sync_name = ? "
            "and destination_name = ? and run_id is null order by approved_at desc, plan_id",
            [sync.name, sync.destination],
        )
    ]
