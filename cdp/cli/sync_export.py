"""`cdp sync export`: syncs in the words of another tool. Parses and prints; see `cdp.syncs.drt`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cdp.cli.options import format_option, project_options
from cdp.cli.output import print_rows, say

if TYPE_CHECKING:
    from cdp.project import Project

EXIT_INCOMPLETE = 4


@click.command()
@click.argument("names", nargs=-1)
@click.option(
    "--drt",
    "folder",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Write a drt project into this folder",
)
@format_option
@project_options
def export(
    project: Project, names: tuple[str, ...], folder: Path, output_format: str | None
) -> None:
    """Write syncs as drt's, for a team that runs drt already.

    Secrets stay the names of their environment variables. Exits with 4 when drt has no
    words for one of the syncs.

    \b
    Example:
      cdp sync export --drt ../drt
      cdp sync export vip_customers_to_csv --drt ../drt
    """
    from cdp.catalogue import load_catalogue
    from cdp.cli.sync_status import choose_syncs
    from cdp.syncs.drt import export_syncs, profile_text, write_project

    catalogue = load_catalogue(project)
    syncs = [catalogue.syncs[name] for name in choose_syncs(names, catalogue)]
    pairs = [(one, catalogue.destinations[one.destination]) for one in syncs]
    found = export_syncs(project, pairs, folder)
    write_project(project, found, folder)
    print_rows(
        ("sync", "file", "notes"),
        [
            (
                one.sync,
                f"syncs/{one.sync}.yml" if one.text else "",
                one.problem or "; ".join(one.notes),
            )
            for one in found
        ],
        output_format,
    )
    say(f"drt finds the warehouse by ~/.drt/profiles.yml:\n{profile_text(project)}")
    missing = sum(1 for one in found if not one.text)
    if missing:
        say(f"{missing} of {len(found)} syncs cannot be written for drt")
        sys.exit(EXIT_INCOMPLETE)


COMMANDS = (export,)
