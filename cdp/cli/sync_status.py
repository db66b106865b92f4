"""`cdp sync status`: what destinations are known to hold, and what to do about failures.

Owns this command of the group in `sync`, and what the group's commands share: choosing syncs
and printing rows.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from cdp.cli.options import format_option, lock_option, project_options
from cdp.cli.output import print_rows, say
from cdp.errors import suggest

if TYPE_CHECKING:
    from cdp.catalogue import Catalogue
    from cdp.project import Project
    from cdp.syncs.status import Failure

MOST_REASONS = 3
_RARE = (
    "kept", "held", "invalid", "retry", "unknown", "absent", "problem", "last_success_at",
    "requests", "latency_p95_ms", "sample_reason", "reason_code", "staged", "due",
)  # fmt: skip


@click.command("status")
@click.argument("names", nargs=-1)
@click.option("--reasons", is_flag=True, help="Print why rows failed, instead of the syncs")
@lock_option
@format_option
@project_options
def show_status(
    project: Project,
    names: tuple[str, ...],
    reasons: bool,
    lock_wait: float,
    output_format: str | None,
) -> None:
    """Show last runs, what destinations hold, why rows failed and what to do.

    \b
    Example:
      cdp sync status
      cdp sync status cart_abandoners_to_crm --reasons --format json
    """
    from dataclasses import asdict

    from cdp.catalogue import load_catalogue
    from cdp.syncs.status import (
        Failure,
        SyncStatus,
        open_reports,
        sync_failures,
        sync_status,
    )

    catalogue = load_catalogue(project)
    chosen = [catalogue.syncs[name] for name in choose_syncs(names, catalogue)]
    with open_reports(project, lock_wait) as warehouse:
        found = sync_status(warehouse, project, chosen)
        most = None if reasons else MOST_REASONS
        failures = sync_failures(warehouse, project, chosen, most)
    if reasons and not failures and is_table(output_format):
        say("no row failed")
        return
    rows: Sequence[Any] = failures if reasons else found
    columns = list((Failure if reasons else SyncStatus).__dataclass_fields__)
    cells = [[_cell(one) for one in asdict(row).values()] for row in rows]
    if is_table(output_format) and not reasons:
        finished, success = columns.index("finished_at"), columns.index("last_success_at")
        for row in cells:
            row[success] = None if row[success] == row[finished] else row[success]
    print_known(columns, cells, output_format)
    if not reasons:
        _say_failures(failures)


def choose_syncs(names: tuple[str, ...], catalogue: Catalogue) -> list[str]:
    """The named syncs, else all. Unknown names are reported before anything runs."""
    from cdp.errors import RunError

    for name in names:
        if name not in catalogue.syncs:
            raise RunError(
                "unknown-sync",
                f"there is no sync '{name}'",
                help=suggest(name, catalogue.syncs),
            )
    return list(dict.fromkeys(names)) or sorted(catalogue.syncs)


def is_table(output_format: str | None) -> bool:
    """Whether rows are printed for a person."""
    return output_format == "table" or (output_format is None and sys.stdout.isatty())


def print_known(
    columns: Sequence[str], rows: Sequence[Sequence[Any]], output_format: str | None
) -> None:
    """Rows to stdout; a table leaves out the rarer columns where they say nothing."""
    is_short = is_table(output_format)
    shown = [
        index
        for index, name in enumerate(columns)
        if not is_short or name not in _RARE or any(row[index] for row in rows)
    ]
    print_rows(
        [columns[index] for index in shown],
        [[row[index] for index in shown] for row in rows],
        output_format,
    )


def _say_failures(failures: Sequence[Failure]) -> None:
    for one in failures:
        why = f"{one.reason_class}, {one.reason_code}" if one.reason_code else one.reason_class
        reason = f": {one.sample_reason}" if one.sample_reason else ""
        sample = f" (key {one.sample_key_sha256})" if one.sample_key_sha256 else ""
        say(
            f"{one.sync}: {one.row_count:,} {one.outcome} since "
            f"{one.first_attempted_at:%Y-%m-%d %H:%M} UTC [{why}]{reason}{sample}\n"
            f"  -> {one.advice}"
        )


def _cell(value: Any) -> Any:
    """Moments to the second."""
    from datetime import datetime

    return str(value)[:19] if isinstance(value, datetime) else value


COMMANDS = (show_status,)
