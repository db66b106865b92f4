"""`cdp profile`: one profile, whole."""

from __future__ import annotations

import click

from cdp.cli.options import format_option, project_options
from cdp.cli.output import print_rows, say
from cdp.project import Project


@click.group("profile")
def command() -> None:
    """Look at one profile.

    \b
    Example:
      cdp profile show jane@mail.example
    """


@command.command("show")
@click.argument("identifier")
@click.option(
    "--events",
    type=click.IntRange(min=0),
    default=5,
    show_default=True,
    help="How many recent events to show",
)
@format_option
@project_options
def show(project: Project, identifier: str, events: int, output_format: str | None) -> None:
    """Show the profile that an identifier, or a profile id past or present, belongs to.

    \b
    Example:
      cdp profile show jane@mail.example
      cdp profile show u_00352 --events 20
      cdp profile show u_00352 --format json
    """
    from cdp.profile import find_profile, read_profile
    from cdp.warehouse import open_for_reading

    with open_for_reading(project) as warehouse:
        profile_id = find_profile(project, warehouse, identifier)
        facts = read_profile(project, warehouse, profile_id, events)
    say(f"profile {profile_id}")
    print_rows(("kind", "name", "value", "at"), facts, output_format)
