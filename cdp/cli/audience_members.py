"""`cdp audience members`, `overlap`, `sizes` and `alerts`: who is in audiences, and when.

Owns these commands of the group in `audience`.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from cdp.cli.options import format_option, project_options
from cdp.cli.output import print_rows, say

if TYPE_CHECKING:
    from datetime import datetime

    from cdp.project import Project


@click.command("members")
@click.argument("name")
@click.option("--as-of", metavar="MOMENT", help="At this moment, as today's data tell it")
@click.option("--as-seen", is_flag=True, help="With --as-of: as the runs saw it then")
@click.option(
    "--changes-between",
    nargs=2,
    metavar="MOMENT MOMENT",
    help="Who came and went between two moments, as today's data tell it",
)
@project_options
@format_option
def list_members(
    project: Project,
    name: str,
    as_of: str | None,
    as_seen: bool,
    changes_between: tuple[str, str] | None,
    output_format: str | None,
) -> None:
    """The members of an audience: now, or at another moment.

    Moments are in UTC unless they name a zone. What today's data tell of a moment takes events
    until then, with today's profiles, identities and traits of identify calls; nothing is
    written. What the runs saw then is kept, whatever the data say today.

    \b
    Example:
      cdp audience members vip_customers --format csv
      cdp audience members vip_customers --as-of 2026-05-01T00:00Z
      cdp audience members vip_customers --as-of 2026-05-01 --as-seen
      cdp audience members vip_customers --changes-between 2026-04-01 2026-05-01
    """
    from cdp.audiences.past import read_moment

    if as_seen and not as_of:
        raise click.UsageError("--as-seen needs --as-of")
    if as_of and changes_between:
        raise click.UsageError("--as-of and --changes-between exclude each other")
    if changes_between:
        first, second = (read_moment(one) for one in changes_between)
        if second < first:
            raise click.UsageError("--changes-between takes the earlier moment first")
        _print_changes(project, name, (first, second), output_format)
    elif as_of and not as_seen:
        _print_past(project, name, read_moment(as_of), output_format)
    else:
        _print_seen(project, name, read_moment(as_of) if as_of else None, output_format)


def _print_changes(
    project: Project, name: str, moments: tuple[datetime, datetime], output_format: str | None
) -> None:
    from cdp.audiences.past import changes_between
    from cdp.audiences.report import find_audience
    from cdp.catalogue import load_catalogue
    from cdp.warehouse import open_warehouse

    catalogue = load_catalogue(project)
    audience = find_audience(catalogue, name)
    with open_warehouse(project, read_only=True) as warehouse:
        found = changes_between(warehouse, project, catalogue, audience, moments)
    rows = [(one.change, one.profile) for one in found]
    print_rows(["change", "canonical_profile_id"], rows, output_format)
    entered = sum(one.change == "entered" for one in found)
    say(f"{name}: {entered:,} entered and {len(found) - entered:,} left, as today's data tell it")


def _print_past(project: Project, name: str, moment: datetime, output_format: str | None) -> None:
    from cdp.audiences.past import members_at
    from cdp.audiences.report import find_audience
    from cdp.catalogue import load_catalogue
    from cdp.warehouse import open_warehouse

    catalogue = load_catalogue(project)
    audience = find_audience(catalogue, name)
    # Features are private and not in the read copy, so this waits for a writer.
    with open_warehouse(project, read_only=True) as warehouse:
        found = members_at(warehouse, project, catalogue, audience, moment)
    print_rows(["canonical_profile_id"], [(one,) for one in found], output_format)
    say(f"{name} has {len(found):,} members as of {moment} UTC, as today's data tell it")


def _print_seen(
    project: Project, name: str, moment: datetime | None, output_format: str | None
) -> None:
    from cdp.audiences.members import check_known, members_now, members_seen
    from cdp.catalogue import load_catalogue
    from cdp.warehouse import open_for_reading

    schema, catalogue = project.schema("public"), load_catalogue(project)
    with open_for_reading(project) as warehouse:
        check_known(warehouse, schema, catalogue, name)
        found = (
            members_seen(warehouse, schema, name, moment)
            if moment
            else members_now(warehouse, schema, name)
        )
    print_rows(["canonical_profile_id", "entered_at"], found, output_format)
    when = f"the runs until {moment} UTC" if moment else "the last run"
    say(f"{name} has {len(found):,} members, as {when} saw it")


@click.command("overlap")
@click.argument("first")
@click.argument("second")
@project_options
@format_option
def show_overlap(project: Project, first: str, second: str, output_format: str | None) -> None:
    """How many members two audiences share.

    \b
    Example:
      cdp audience overlap vip_customers lapsed_buyers
    """
    from cdp.audiences.members import check_known, overlap
    from cdp.catalogue import load_catalogue
    from cdp.warehouse import open_for_reading

    schema, catalogue = project.schema("public"), load_catalogue(project)
    with open_for_reading(project) as warehouse:
        for name in (first, second):
            check_known(warehouse, schema, catalogue, name)
        found = overlap(warehouse, schema, first, second)
    every = found.both + found.only_first + found.only_second
    rows = [
        (what, number, f"{number / every:.1%}" if every else "")
        for what, number in (
            ("both", found.both),
            (f"{first} alone", found.only_first),
            (f"{second} alone", found.only_second),
        )
    ]
    print_rows(["in", "members", "share"], rows, output_format)


@click.command("sizes")
@click.argument("name", required=False)
@project_options
@format_option
def list_sizes(project: Project, name: str | None, output_format: str | None) -> None:
    """The size of an audience, or of all, after each run; the newest first.

    \b
    Example:
      cdp audience sizes vip_customers
    """
    from cdp.audiences.members import SIZE_COLUMNS, check_known, size_history
    from cdp.catalogue import load_catalogue
    from cdp.warehouse import open_for_reading

    schema, catalogue = project.schema("public"), load_catalogue(project)
    with open_for_reading(project) as warehouse:
        if name:
            check_known(warehouse, schema, catalogue, name)
        rows = size_history(warehouse, schema, name)
    print_rows(SIZE_COLUMNS, rows, output_format)


@click.command("alerts")
@project_options
@format_option
def list_alerts(project: Project, output_format: str | None) -> None:
    """The limits of size that the last run of an audience broke.

    Exits 3 when there is one, so that a script can act on it.

    \b
    Example:
      cdp audience alerts || notify-somebody
    """
    from cdp.audiences.members import ALERT_COLUMNS, broken_alerts
    from cdp.errors import DriftError
    from cdp.warehouse import open_for_reading

    with open_for_reading(project) as warehouse:
        rows = broken_alerts(warehouse, project.schema("public"))
    print_rows(ALERT_COLUMNS, rows, output_format)
    if rows:
        sys.exit(DriftError.exit_code)
    say("every audience is within its limits")


COMMANDS = (list_members, show_overlap, list_sizes, list_alerts)
