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
      cdp profile history jane@mail.example --trait plan
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


@command.command("history")
@click.argument("identifier")
@click.option("--trait", help="Only this trait, by the name that identify calls give it")
@format_option
@project_options
def history(
    project: Project, identifier: str, trait: str | None, output_format: str | None
) -> None:
    """Show what a profile's traits were, since when, and which call said so.

    \b
    Example:
      cdp profile history jane@mail.example
      cdp profile history u_00352 --trait plan
    """
    from cdp.profile import CHANGE_COLUMNS, find_profile, read_trait_changes
    from cdp.warehouse import open_for_reading

    with open_for_reading(project) as warehouse:
        profile_id = find_profile(project, warehouse, identifier)
        changes = read_trait_changes(project, warehouse, profile_id, trait)
    say(f"profile {profile_id}")
    print_rows(CHANGE_COLUMNS, changes, output_format)
