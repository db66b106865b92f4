"""`cdp sync`: plan and run of syncs. Parses and prints; the work is `cdp.syncs`'."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any

import click

from cdp.cli import sync_alerts, sync_decide, sync_export, sync_report, sync_status
from cdp.cli.options import format_option, lock_option, project_options
from cdp.cli.output import print_rows, say
from cdp.cli.sync_decide import guard_options
from cdp.cli.sync_progress import progress_bars, stop_on_signals
from cdp.cli.sync_status import choose_syncs, print_known
from cdp.errors import CdpError, DriftError

if TYPE_CHECKING:
    from cdp.catalogue import Catalogue
    from cdp.project import Project
    from cdp.syncs.run import SyncResult

EXIT_REJECTED = 4
_CHANGES = ("added", "changed", "removed", "unchanged", "kept", "held", "staged", "invalid")
_OUTCOMES = ("accepted", "rejected", "retry", "unknown", "staged")


@click.group()
def command() -> None:
    """Send audiences and profiles to destinations.

    \b
    Example:
      cdp sync plan
      cdp sync run vip_customers_to_csv
      cdp sync status
    """


_COMMANDS = (sync_status, sync_report, sync_decide, sync_alerts, sync_export)
for _one in (one for module in _COMMANDS for one in module.COMMANDS):
    command.add_command(_one)


@command.command()
@click.argument("names", nargs=-1)
@click.option("--show", type=click.IntRange(min=0), default=0, help="Sample keys a class, hashed")
@guard_options
@lock_option
@format_option
@project_options
def plan(
    project: Project,
    names: tuple[str, ...],
    show: int,
    lock_wait: float,
    output_format: str | None,
    **guards: Any,
) -> None:
    """Show what a run would send, and send nothing.

    \b
    Example:
      cdp sync plan
      cdp sync plan vip_customers_to_csv --show 5
    """
    from cdp.catalogue import load_catalogue
    from cdp.syncs.plan import plan_sync, sample_changes
    from cdp.warehouse import open_warehouse

    catalogue = load_catalogue(project)
    rows: list[tuple[Any, ...]] = []
    samples: list[tuple[str, str, str]] = []
    errors: list[CdpError] = []
    with open_warehouse(project, read_only=True, lock_wait_s=lock_wait) as warehouse:
        for name in choose_syncs(names, catalogue):
            try:
                found = plan_sync(warehouse, project, catalogue, name, identify=True, **guards)
            except CdpError as error:
                errors.append(error)
                continue
            counts = [getattr(found.diff, change) for change in _CHANGES]
            rows.append((name, *counts, found.plan_id))
            if found.unfinished_runs:
                say(f"{name}: a run was interrupted; the next run settles it first")
            if found.guard:
                errors.append(found.guard)
            samples += [
                (name, one.change, one.key_sha256) for one in sample_changes(warehouse, show)
            ]
    if show:
        for name, *counts, plan_id in rows:
            named = zip(_CHANGES, counts, strict=True)
            what = ", ".join(f"{count:,} {change}" for change, count in named)
            say(f"{name}: {what}" + (f"; plan {plan_id}" if plan_id else ""))
        print_rows(("sync", "change", "key_sha256"), samples, output_format)
    else:
        print_known(("sync", *_CHANGES, "plan_id"), rows, output_format)
    _exit(errors, 0)


@command.command()
@click.argument("names", nargs=-1)
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    default=4,
    show_default=True,
    help="Run so many syncs at once",
)
@click.option("--due", is_flag=True, help="Only syncs whose schedule is due")
@guard_options
@lock_option
@format_option
@project_options
def run(
    project: Project,
    names: tuple[str, ...],
    threads: int,
    due: bool,
    lock_wait: float,
    output_format: str | None,
    **guards: Any,
) -> None:
    """Send what changed, and record what was acknowledged.

    Exits with 1 when a sync failed, 3 when a guard stopped one, 4 when rows were rejected. Ctrl-C
    stops after the requests that are under way.

    \b
    Example:
      cdp sync run
      cdp sync run vip_customers_to_csv cart_abandoners_to_crm
      cdp sync run --due
    """
    from cdp.catalogue import load_catalogue
    from cdp.syncs.halt import Halt
    from cdp.syncs.many import run_syncs
    from cdp.syncs.run import RunOptions, SyncResult

    catalogue = load_catalogue(project)
    chosen = choose_syncs(names, catalogue)
    if due and not (chosen := _due(project, catalogue, chosen, lock_wait)):
        say("no sync is due")
        return
    halt, gate = Halt(), threading.Lock()
    shared: dict[str, Any] = {"lock_wait_s": lock_wait, "halt": halt, "gate": gate, **guards}
    with progress_bars() as bar, stop_on_signals(halt):
        found = run_syncs(
            project,
            catalogue,
            chosen,
            lambda name: RunOptions(progress=bar(name), say=say, **shared),
            threads,
        )
    results = [one for one in found if isinstance(one, SyncResult)]
    errors = [one for one in found if isinstance(one, CdpError)]
    errors += [result.error for result in results if result.error]
    print_known(
        ("sync", "added", "changed", "removed", "held", "invalid", "sent", *_OUTCOMES),
        [_result_row(result) for result in results],
        output_format,
    )
    staged = sum(result.count("staged") + result.diff.staged for result in results)
    if staged:
        say(f"{staged:,} rows are in jobs of their destinations; the next run asks about them")
    _exit(errors, sum(_refused(result) for result in results))


def _due(project: Project, catalogue: Catalogue, names: list[str], lock_wait: float) -> list[str]:
    from cdp.clock import utc_now
    from cdp.syncs.due import due_syncs
    from cdp.syncs.status import open_reports

    with open_reports(project, lock_wait) as warehouse:
        return due_syncs(warehouse, project, [catalogue.syncs[one] for one in names], utc_now())


def _refused(result: SyncResult) -> int:
    """Rows that are not at the destination although they should be."""
    return result.count("rejected") + result.diff.invalid + result.diff.held


def _result_row(result: SyncResult) -> tuple[Any, ...]:
    diff = result.diff
    counts = (diff.added, diff.changed, diff.removed, diff.held, diff.invalid, result.sent)
    return (result.sync, *counts, *(result.count(outcome) for outcome in _OUTCOMES))


def _exit(errors: list[CdpError], rejected: int) -> None:
    """Print every error; exit with 1 for a failure, else 3 for a guard, else 4 for rejections."""
    for error in errors:
        say(str(error))
    if any(not isinstance(error, DriftError) for error in errors):
        sys.exit(1)
    if errors:
        sys.exit(DriftError.exit_code)
    if rejected:
        say(f"{rejected:,} rows are rejected or invalid; 'cdp sync status' says why")
        sys.exit(EXIT_REJECTED)
