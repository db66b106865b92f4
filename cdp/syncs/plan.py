"""What a run of a sync would do: the plan, which is data, and its guards.

`cdp sync plan` prints it and `cdp sync run` executes it. Reading only.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from decimal import Decimal

from cdp.catalogue import Catalogue
from cdp.destinations.spec import Destination
from cdp.errors import DriftError, RunError, suggest
from cdp.project import Project
from cdp.syncs.approval import check_approval, needs_approval, plan_id
from cdp.syncs.diff import Diff, compute_diff, desired_columns
from cdp.syncs.mapping import Change, Mapping, former_mapping, question
from cdp.syncs.runs import open_runs
from cdp.syncs.spec import Sync
from cdp.syncs.target import appends, mapping_of, removes
from cdp.warehouse import Warehouse


@dataclass(frozen=True)
class Plan:
    """The counts of a diff, the guard that stops it, and how many runs wait to be resumed.

    `choice` says what a new `mapping` means for the rows that are there: first, all,
    changed_columns or none; it is empty where the mapping is not new. `plan_id` is
    empty where nothing is to be sent, or nobody asks for it.
    """

    sync: Sync
    diff: Diff
    guard: DriftError | None
    mapping: Mapping
    choice: str = ""
    unfinished_runs: int = 0
    plan_id: str = ""


@dataclass(frozen=True)
class Sample:
    """One change, its key hashed."""

    change: str
    key_sha256: str


def plan_sync(
    warehouse: Warehouse,
    project: Project,
    catalogue: Catalogue,
    name: str,
    *,
    retry_rejected: bool = False,
    allow_removals: bool = False,
    allow_changes: bool = False,
    choice: str = "",
    identify: bool = False,
) -> Plan:
    """The plan of one sync; `cdp_changes` is left in the warehouse as a temporary table.

    `choice` is a person's, about a changed mapping. With `identify` the plan has its id
    even where nobody has to approve it.

    Raises RunError when the sync is unknown, refused on this target or not built.
    """
    sync, destination = find_sync(project, catalogue, name)
    names = tuple(name for name, _ in desired_columns(warehouse, project, sync))
    mapping = Mapping(names, mapping_of(sync, destination))
    former = former_mapping(warehouse, project, sync)
    change = Change(former, mapping) if former is not None and former != mapping else None
    choice = choice or _choice(sync, change, appends(destination, sync))
    diff = compute_diff(
        warehouse,
        project,
        sync,
        is_idempotent=destination.manifest.is_idempotent(sync.object),
        retry_rejected=retry_rejected,
        removes=removes(sync, destination),
        appends=appends(destination, sync),
        mapping=mapping.rest,
        rebase=change.rebase(choice) if change else None,
    )
    guard = check_guards(sync, diff, allow_removals, allow_changes)
    if guard is None and change is not None and not choice and diff.held_there:
        guard = question(sync, change, diff.held_there)
    chosen = (choice or "first") if former != mapping else ""
    waiting = len(open_runs(warehouse, project, sync))
    must_name = diff.to_send and (identify or needs_approval(sync, diff))
    identity = plan_id(warehouse, sync) if must_name else ""
    guard = guard or check_approval(warehouse, project, sync, diff, identity)
    return Plan(sync, diff, guard, mapping, chosen, waiting, identity)


def _choice(sync: Sync, change: Change | None, is_appended: bool) -> str:
    """What becomes of rows that are there; empty where a person has to say it."""
    if change is None:
        return ""
    # What was appended is never sent again, and the order of fields says nothing.
    return "none" if is_appended or change.is_of_order else sync.on_mapping_change


def find_sync(project: Project, catalogue: Catalogue, name: str) -> tuple[Sync, Destination]:
    """A sync and its destination.

    Raises RunError for an unknown name, and where the destination is not live on the target.
    """
    sync = catalogue.syncs.get(name)
    if sync is None:
        raise RunError(
            "unknown-sync",
            f"there is no sync '{name}'",
            help=suggest(name, catalogue.syncs),
        )
    destination = catalogue.destinations[sync.destination]
    check_live(project, destination)
    return sync, destination


def check_live(project: Project, destination: Destination) -> None:
    """Raises RunError where the destination may not be written to on the target."""
    target = project.target.name
    if target not in destination.live_on:
        raise RunError(
            "destination-not-live",
            f"destination '{destination.name}' may not be written to on the target '{target}'",
            location=destination.location,
            help=f"use --target {destination.live_on[0]}"
            if destination.live_on
            else "name the target in its 'live_on'",
        )


def check_guards(
    sync: Sync, diff: Diff, allow_removals: bool, allow_changes: bool = False
) -> DriftError | None:
    """The guard that a run of this diff trips, or None."""
    if diff.removed and not diff.desired:
        return DriftError(
            "empty-source",
            f"sync '{sync.name}' would remove all {diff.removed:,} rows, because its source has "
            "no valid row",
            help="an empty source never deletes; check the model, or delete the rows at the "
            "destination and its sync's definition",
        )
    if not allow_removals:
        most = sync.guards.max_removal_ratio
        error = _too_many(sync, diff, "remove", "removals", diff.removed, most)
        if error is not None:
            return error
    if allow_changes or sync.guards.max_change_ratio is None:
        return None
    most = sync.guards.max_change_ratio
    return _too_many(sync, diff, "change", "changes", diff.changed, most)


def _too_many(
    sync: Sync, diff: Diff, verb: str, noun: str, count: int, most: Decimal
) -> DriftError | None:
    if count <= most * diff.held_there:
        return None
    share = 100 * count / diff.held_there
    return DriftError(
        f"too-many-{noun}",
        f"sync '{sync.name}' would {verb} {count:,} of {diff.held_there:,} rows "
        f"({share:.0f}%), and at most {100 * most:.0f}% are allowed",
        location=sync.location,
        help=f"look at 'cdp sync plan'; if it is right, run with --allow-{noun}, or raise "
        f"guards.max_{noun.removesuffix('s')}_ratio",
    )


def sample_changes(warehouse: Warehouse, count: int) -> list[Sample]:
    """Up to `count` changes of each class, after `plan_sync` on the same connection."""
    rows = warehouse.rows(
        "select c.class, c.sync_key from cdp_changes as c "
        "where c.class in ('added', 'changed', 'removed', 'held') "
        "qualify row_number() over (partition by c.class order by c.sync_key) <= ? "
        "order by c.class, c.sync_key",
        [count],
    )
    return [Sample(change, hash_key(key)) for change, key in rows]


def hash_key(key: str) -> str:
    """A key as it may be shown: the first 12 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(key.encode()).hexdigest()[:12]
