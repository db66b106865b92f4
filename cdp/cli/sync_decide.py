"""`cdp sync retry`, `reset`, `resend` and `approve`: what a person decides about a sync.

Owns these commands of the group in `sync`. They send nothing; the next run does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from cdp.cli.options import lock_option, project_options
from cdp.cli.output import say

if TYPE_CHECKING:
    from cdp.project import Project


def by_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """--by, the name for the record."""
    return click.option(
        "--by", metavar="NAME", help="Who decides, for the record  [default: the system's user]"
    )(command)


def guard_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a plan and of the run that sends it."""
    for option in (
        click.option("--retry-rejected", is_flag=True, help="Send rejected rows again, unchanged"),
        click.option(
            "--allow-removals", is_flag=True, help="Remove more than max_removal_ratio allows"
        ),
        click.option(
            "--allow-changes", is_flag=True, help="Change more than max_change_ratio allows"
        ),
    ):
        command = option(command)
    return command


@click.command()
@click.argument("name")
@click.option("--unknown", is_flag=True, help="Rows whose answer was lost, instead of rejected")
@click.option("--arrived", is_flag=True, help="With --unknown: they are there; send nothing")
@click.option("--key", "keys", multiple=True, help="Only this key, plain or hashed as shown")
@click.option("--reason", "reasons", multiple=True, help="Only this reason: its code or class")
@by_option
@lock_option
@project_options
def retry(
    project: Project,
    name: str,
    unknown: bool,
    arrived: bool,
    keys: tuple[str, ...],
    reasons: tuple[str, ...],
    by: str | None,
    lock_wait: float,
) -> None:
    """Put rejected rows, or rows of unknown outcome, into the next run.

    Rejected rows are sent again by themselves when they change, and unchanged after 1, 2, 4, 8,
    16 and then every 32 days. Rows that must not arrive twice and whose answer was lost wait
    for this command.

    \b
    Example:
      cdp sync retry cart_abandoners_to_crm --reason http_422
      cdp sync retry order_texts --unknown --key 3e23e8160039
    """
    from cdp.catalogue import load_catalogue
    from cdp.syncs.decide import Wanted, retry_rows, whoami

    if arrived and not unknown:
        raise click.UsageError("--arrived is about rows of unknown outcome: add --unknown")
    wanted = Wanted(("unknown",) if unknown else ("rejected",), keys, reasons)
    count = retry_rows(
        project,
        load_catalogue(project),
        name,
        wanted,
        by or whoami(),
        did_arrive=arrived,
        lock_wait_s=lock_wait,
    )
    what = "count as there" if arrived else "are sent by the next run"
    say(f"{name}: {count:,} rows {what}")


@click.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask")
@by_option
@lock_option
@project_options
def reset(project: Project, name: str, yes: bool, by: str | None, lock_wait: float) -> None:
    """Forget what is known of a sync's destination; the next run sends every row as new.

    Rows that the sync sent and that leave the source later stay at the destination: nobody
    knows any more that the sync sent them.

    \b
    Example:
      cdp sync reset vip_customers_to_csv
    """
    from cdp.catalogue import load_catalogue
    from cdp.syncs.decide import known_rows, reset_sync, whoami
    from cdp.syncs.plan import find_sync
    from cdp.warehouse import open_warehouse

    catalogue = load_catalogue(project)
    sync, _ = find_sync(project, catalogue, name)
    with open_warehouse(project, read_only=True, lock_wait_s=lock_wait) as warehouse:
        count = known_rows(warehouse, project, sync)
    if not yes:
        click.confirm(
            f"{name}: forget {count:,} rows of destination '{sync.destination}'? The next run "
            "sends all rows as new, and what has left the source by then stays there.",
            abort=True,
            err=True,
        )
    count = reset_sync(project, catalogue, name, by or whoami(), lock_wait)
    say(f"{name}: {count:,} rows are forgotten")


@click.command()
@click.argument("name")
@click.option("--all", "choice", flag_value="all", help="Every row")
@click.option(
    "--changed-columns",
    "choice",
    flag_value="changed_columns",
    help="Rows for which new fields, or fields by another name, say something",
)
@click.option("--none", "choice", flag_value="none", help="No row; they count as there")
@by_option
@lock_option
@project_options
def resend(
    project: Project, name: str, choice: str | None, by: str | None, lock_wait: float
) -> None:
    """Choose what is sent again after the mapping of a sync changed.

    Rows whose other content changed are sent in any case. --all sends every row again even
    where the mapping is the same.

    \b
    Example:
      cdp sync resend vip_customers_to_csv --changed-columns
    """
    from cdp.catalogue import load_catalogue
    from cdp.syncs.decide import resend_rows, whoami

    if choice is None:
        raise click.UsageError("choose one of --all, --changed-columns and --none")
    count = resend_rows(project, load_catalogue(project), name, choice, by or whoami(), lock_wait)
    say(f"{name}: the next run sends {count:,} rows")


@click.command()
@click.argument("name")
@click.argument("plan_id")
@guard_options
@by_option
@lock_option
@project_options
def approve(
    project: Project, name: str, plan_id: str, by: str | None, lock_wait: float, **options: bool
) -> None:
    """Approve the plan of a sync that says 'approval', for one run.

    The run sends exactly this plan, or says that it has changed.

    \b
    Example:
      cdp sync plan crm_contacts --show 5
      cdp sync approve crm_contacts 3f2a9c0b71de
      cdp sync run crm_contacts
    """
    from cdp.catalogue import load_catalogue
    from cdp.syncs.decide import approve_plan, whoami

    who = by or whoami()
    diff = approve_plan(project, load_catalogue(project), name, plan_id, who, options, lock_wait)
    say(f"{name}: plan {plan_id} ({diff.to_send:,} rows) is approved by {who}")


COMMANDS = (retry, reset, resend, approve)
