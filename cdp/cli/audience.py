"""`cdp audience`: list, show and preview audiences; the rest is in `audience_members`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cdp.cli.audience_members import COMMANDS
from cdp.cli.options import format_option, project_options
from cdp.cli.output import print_rows, say

if TYPE_CHECKING:
    from cdp.audiences.report import Size
    from cdp.project import Project

RECENT_CHANGES = 10


@click.group()
def command() -> None:
    """List, show and preview audiences; see who is in them and when.

    \b
    Example:
      cdp audience list
      cdp audience show vip_customers
      cdp audience preview vip_customers --sample 3
      cdp audience members vip_customers --as-of 2026-05-01
    """


for _command in COMMANDS:
    command.add_command(_command)


@command.command("list")
@project_options
@format_option
def list_audiences(project: Project, output_format: str | None) -> None:
    """Every audience with its size and its last change.

    \b
    Example:
      cdp audience list --format csv
    """
    from cdp.catalogue import load_catalogue

    catalogue = load_catalogue(project)
    found = _sizes(project)
    rows = [
        (name, *_numbers(found, name), one.description.split("\n")[0])
        for name, one in sorted(catalogue.audiences.items())
    ]
    columns = ["audience", "members", "entered", "exited", "last_change_at", "description"]
    print_rows(columns, rows, output_format)
    if found is None:
        say("no build has made audience_memberships yet; run 'cdp build' to see sizes")


@command.command("show")
@click.argument("name")
@project_options
@format_option
def show_audience(project: Project, name: str, output_format: str | None) -> None:
    """One audience: its definition, its model, who uses it, its size and its recent changes.

    \b
    Example:
      cdp audience show vip_customers
    """
    from cdp.audiences.compile import model_name
    from cdp.audiences.members import identifier_counts, used_by
    from cdp.audiences.report import changes, find_audience, is_built, sizes
    from cdp.catalogue import load_catalogue
    from cdp.warehouse import open_for_reading

    catalogue = load_catalogue(project)
    audience = find_audience(catalogue, name)
    dialects = project.dialects
    folder = "models/audiences/generated" + (f"/{dialects[0]}" if len(dialects) > 1 else "")
    rows: list[tuple[str, Any]] = [
        ("name", name),
        ("description", audience.description),
        ("definition", f"definitions/audiences/{audience.path.name}"),
        ("model", f"{folder}/{model_name(name)}.sql"),
        ("include_anonymous", str(audience.include_anonymous).lower()),
        *(("used by", one) for one in used_by(catalogue, name)),
    ]
    with open_for_reading(project) as warehouse:
        if is_built(warehouse, project):
            size = sizes(warehouse, project).get(name)
            rows.append(("members", size.members if size else 0))
            rows += [
                (f"members with {kind}", number)
                for kind, number in identifier_counts(warehouse, project.schema("public"), name)
            ]
            own = [row for row in changes(warehouse, project) if row[0] == name]
            rows += [
                (f"{transition} at {at}", f"{number} ({reason})")
                for _, at, transition, reason, number in own[:RECENT_CHANGES]
            ]
        else:
            say("no build has made audience_memberships yet; run 'cdp build' to see its size")
    print_rows(["what", "value"], rows, output_format)
    say("")
    say(audience.path.read_text(encoding="utf-8").rstrip())


@command.command("preview")
@click.argument("name")
@click.option(
    "--sample",
    type=click.IntRange(min=0),
    default=5,
    show_default=True,
    help="How many profile ids to print",
)
@project_options
@format_option
def preview_audience(project: Project, name: str, sample: int, output_format: str | None) -> None:
    """What an audience would hold, without building it.

    Runs the definition as it is in the file over the features of the last build.

    \b
    Example:
      cdp audience preview vip_customers --sample 3
    """
    from cdp.audiences.report import find_audience, preview
    from cdp.catalogue import load_catalogue
    from cdp.warehouse import open_warehouse

    catalogue = load_catalogue(project)
    audience = find_audience(catalogue, name)
    # The features are private and not in the read copy, so this waits for a writer.
    with open_warehouse(project, read_only=True) as warehouse:
        found = preview(warehouse, project, catalogue, audience, sample)
    print_rows(["canonical_profile_id"], [(one,) for one in found.profiles], output_format)
    when = f" as of {found.as_of} UTC" if found.as_of else ""
    say(f"{name} would have {found.members:,} members{when}")


def _sizes(project: Project) -> dict[str, Size] | None:
    """The sizes in the warehouse; None before the first build."""
    from cdp.audiences.report import is_built, sizes
    from cdp.errors import RunError
    from cdp.warehouse import open_for_reading

    try:
        with open_for_reading(project) as warehouse:
            return sizes(warehouse, project) if is_built(warehouse, project) else None
    except RunError as error:
        if error.problems[0].slug == "no-warehouse":
            return None
        raise


def _numbers(found: dict[str, Size] | None, name: str) -> tuple[Any, ...]:
    """What is known of an audience; nothing when no build has seen it."""
    size = (found or {}).get(name)
    if size is None:
        return (None, None, None, None)
    return (size.members, size.entered, size.exited, size.changed_at)
