"""`cdp doctor`: is everything in place?"""

from __future__ import annotations

import sys

import click

from cdp.cli.options import format_option, project_options
from cdp.cli.output import print_rows
from cdp.project import Project


@click.command("doctor")
@format_option
@project_options
def command(project: Project, output_format: str | None) -> None:
    """Check the installation, the project, the warehouse and the secrets it needs.

    Exits 1 when a check failed.

    \b
    Example:
      cdp doctor
      cdp doctor --format json
    """
    from cdp.doctor import examine

    checks = examine(project)
    rows = [(check.name, check.status, check.detail, check.help or "") for check in checks]
    print_rows(("check", "status", "detail", "help"), rows, output_format)
    if any(check.status == "failed" for check in checks):
        sys.exit(1)
