"""`cdp sync report`: a page about syncs. Owns this command."""

from __future__ import annotations

from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from cdp.cli.options import lock_option, project_options
from cdp.cli.sync_status import choose_syncs

if TYPE_CHECKING:
    from cdp.project import Project


def _refuse_folder(context: click.Context, parameter: click.Parameter, output: IO[str]) -> IO[str]:
    """The file is opened when the page is done, and a folder found out when it is in its place."""
    if Path(output.name).is_dir():
        raise click.BadParameter(f"'{output.name}' is a folder: name a file in it")
    return output


@click.command("report")
@click.argument("names", nargs=-1)
@click.option(
    "--output",
    type=click.File("w", encoding="utf-8", atomic=True),
    default="-",
    callback=_refuse_folder,
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
