"""`cdp validate`: every problem of every definition at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cdp.cli.options import format_option, project_options
from cdp.cli.output import print_rows, say

if TYPE_CHECKING:
    from cdp.project import Project


@click.command()
@project_options
@format_option
def command(project: Project, output_format: str | None) -> None:
    """Check every definition, without touching the warehouse or any file.

    All problems are printed together; the exit code is 1 when there is one.

    \b
    Example:
      cdp validate
    """
    from cdp.catalogue import load_catalogue
    from cdp.generate import compile_catalogue

    catalogue = load_catalogue(project)
    compiled = compile_catalogue(catalogue)
    rows = [
        ("identifiers", len(catalogue.identity.types)),
        ("entities", len(catalogue.entities)),
        ("sources", len(catalogue.sources)),
        ("record sources", len(catalogue.record_sources)),
        ("traits", len(catalogue.traits)),
        ("audiences", len(catalogue.audiences)),
        ("destinations", len(catalogue.destinations)),
        ("syncs", len(catalogue.syncs)),
    ]
    print_rows(["definitions", "count"], rows, output_format)
    say(f"all definitions are valid; they compile to {len(compiled.models)} models")
