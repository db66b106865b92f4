"""`cdp sync alerts`: limits that syncs break, and telling somebody. Owns this command."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from cdp.cli.options import format_option, lock_option, project_options
from cdp.cli.output import print_rows, say
from cdp.cli.sync_status import choose_syncs

if TYPE_CHECKING:
    from cdp.project import Project


@click.command("alerts")
@click.argument("names", nargs=-1)
@click.option("--notify", is_flag=True, help="Tell the alerts' destinations what is new or over")
@lock_option
@format_option
@project_options
def list_alerts(
    project: Project,
    names: tuple[str, ...],
    notify: bool,
    lock_wait: float,
    output_format: str | None,
) -> None:
    """The limits of alerts that syncs break now.

    Exits 3 when there is one, so that a script can act on it.

    \b
    Example:
      cdp sync run; cdp sync alerts --notify
    """
    from cdp.catalogue import load_catalogue
    from cdp.errors import DriftError
    from cdp.syncs.alerts import broken_alerts, tell
    from cdp.syncs.status import open_reports

    catalogue = load_catalogue(project)
    chosen = [catalogue.syncs[name] for name in choose_syncs(names, catalogue)]
    if notify:
        broken, news = tell(project, catalogue, chosen, lock_wait)
        for one in news:
            say(f"told: {one.sync}, {one.alert}, {one.what}")
    else:
        with open_reports(project, lock_wait) as warehouse:
            broken = broken_alerts(warehouse, project, chosen)
    print_rows(
        ("sync", "alert", "text"), [(one.sync, one.alert, one.text) for one in broken],
        output_format,
    )  # fmt: skip
    if broken:
        sys.exit(DriftError.exit_code)
    say("every sync is within its limits")


COMMANDS = (list_alerts,)
