"""`cdp sync report`: a page about syncs. Owns this command."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

import click

from cdp.cli.options import lock_option, project_options
from cdp.cli.sync_status import choose_syncs

if TYPE_CHECKING:
    from cdp.project import Project


@click.command("report")
@click.argument("names", nargs=-1)
@click.option(
    "--output",
    type=click.File("w", encoding="utf-8", atomic=True),
    default="-",
    help="The file to write, instead of standard output",
)
@lock_option
@project_options
def write_report(
    project: Project, names: tuple[str, ...], output: IO[str], lock_wait: float
) -> None:
    """Write a page (HTML): how syncs are, their runs, and why rows failed.

    \b
    Example:
      cdp sync report --output syncs.html
    """
    from cdp.catalogue import load_catalogue
    from cdp.syncs.report_page import report_page
    from cdp.syncs.status import open_reports

    catalogue = load_catalogue(project)
    chosen = [catalogue.syncs[name] for name in choose_syncs(names, catalogue)]
    with open_reports(project, lock_wait) as warehouse:
        page = report_page(warehouse, project, chosen)
    output.write(page)


COMMANDS = (write_report,)
