"""`cdp identity`: why identifiers are one profile, and what holds profiles together."""

from __future__ import annotations

from dataclasses import astuple
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cdp.cli.options import format_option, lock_option, project_options
from cdp.cli.output import print_rows, say
from cdp.project import Project

if TYPE_CHECKING:
    from cdp.identity.explain import Explanation
    from cdp.identity.suggest import Suggestion

HOP_COLUMNS = (
    "hop",
    "from_type",
    "from_value",
    "to_type",
    "to_value",
    "rule",
    "source",
    "message_id",
    "occurred_at",
    "event_count",
    "is_bridge",
)

HUB_COLUMNS = (
    "identifier_type",
    "identifier",
    "neighbour_count",
    "neighbours",
    "event_count",
    "first_seen_at",
    "last_seen_at",
    "canonical_profile_id",
    "profile_size",
)

FIELD_COLUMNS = (
    "path",
    "type",
    "coverage",
    "values",
    "values_per_person",
    "most_values",
    "shared_values",
    "most_people",
    "one_day_share",
    "placeholder_messages",
    "case_variants",
    "format",
    "note",
)
PLAN_COLUMNS = ("section", "name", "before", "after", "identifiers")
EFFECT_COLUMNS = (
    "rules",
    "identifiers",
    "profiles",
    "largest_profile",
    "several_users",
    "coverage",
)


@click.group("identity")
def command() -> None:
    """Explain profiles: why identifiers are joined, and by what.

    \b
    Example:
      cdp identity explain jane@mail.example u_00352
      cdp identity hubs --show-values
      cdp identity suggest --write proposed.yml
      cdp identity plan
    """


@command.command("explain")
@click.argument("one", metavar="A")
@click.argument("other", metavar="B")
@lock_option
@format_option
@project_options
def explain_command(
    project: Project, one: str, other: str, lock_wait: float, output_format: str | None
) -> None:
    """Show why two identifiers are one profile, or why they are not.

    A and B are values, type:value, or identifier ids. Prints the cheapest chain of events
    between them: the fewest hops, then the most events. A hop that is a bridge is the only
    thing that joins its two sides: without it A and B would be two profiles.

    \b
    Example:
      cdp identity explain jane@mail.example u_00352
      cdp identity explain user_id:u_00352 anonymous_id:7a2f --format json
    """
    from cdp.identity.explain import explain
    from cdp.warehouse import open_warehouse

    with open_warehouse(project, read_only=True, lock_wait_s=lock_wait) as warehouse:
        found = explain(project, warehouse, one, other)
    rows = [
        (
            number,
            hop.one.type,
            hop.one.value,
            hop.other.type,
            hop.other.value,
            hop.rule,
            hop.source,
            hop.message_id,
            hop.occurred_at,
            hop.events,
            hop.is_bridge,
        )
        for number, hop in enumerate(found.hops, start=1)
    ]
    print_rows(HOP_COLUMNS, rows, output_format)
    say(_verdict(found))


@command.command("hubs")
@click.option(
    "--most",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="How many identifiers to print",
)
@click.option(
    "--least",
    type=click.IntRange(min=1),
    default=2,
    show_default=True,
    metavar="NEIGHBOURS",
    help="Leave out identifiers with fewer neighbours",
)
@click.option("--type", "identifier_type", help="Only identifiers of this type")
@click.option(
    "--show-values", is_flag=True, help="Print values; else identifier ids, which are hashes"
)
@lock_option
@format_option
@project_options
def hubs_command(
    project: Project,
    most: int,
    least: int,
    identifier_type: str | None,
    show_values: bool,
    lock_wait: float,
    output_format: str | None,
) -> None:
    """Show the identifiers that stand with the most others: kiosks, team addresses.

    Neighbours are the distinct values of other types on the same events. profile_size is the
    number of identifiers that the profile holds together.

    \b
    Example:
      cdp identity hubs
      cdp identity hubs --type anonymous_id --show-values
    """
    from cdp.identity.hubs import find_hubs
    from cdp.warehouse import open_warehouse

    with open_warehouse(project, read_only=True, lock_wait_s=lock_wait) as warehouse:
        found = find_hubs(
            project,
            warehouse,
            most=most,
            least_neighbours=least,
            identifier_type=identifier_type,
        )
    rows = [
        (
            hub.type,
            hub.value if show_values else hub.key,
            hub.neighbours,
            hub.neighbour_types,
            hub.events,
            hub.first_seen_at,
            hub.last_seen_at,
            hub.profile,
            hub.profile_size,
        )
        for hub in found
    ]
    print_rows(HUB_COLUMNS, rows, output_format)
    if not found:
        say("no identifier has that many neighbours")


@command.command("suggest")
@click.option("--effects", "is_effects", is_flag=True, help="Print what each rule would do")
@click.option(
    "--write",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the proposed identity.yml to a new file",
)
@click.option(
    "--most-messages",
    type=click.IntRange(min=1),
    default=2_000_000,
    show_default=True,
    help="Measure at most about this many, by whole devices",
)
@lock_option
@format_option
@project_options
def suggest_command(
    project: Project,
    is_effects: bool,
    file: Path | None,
    most_messages: int,
    lock_wait: float,
    output_format: str | None,
) -> None:
    """Propose identity.yml from the raw events.

    Finds fields that look like identifiers and measures them: the share of messages that
    carry them, values a person, values that several people share, values seen on one day
    only, placeholders, formats. A person is a user id (for user ids: an anonymous id). With
    --effects it prints what the proposed rules would give, each on top of those before it.
    Needs loaded events, and no build.

    \b
    Example:
      cdp identity suggest
      cdp identity suggest --effects
      cdp identity suggest --write proposed.yml
    """
    from cdp.errors import RunError
    from cdp.identity.suggest import suggest
    from cdp.identity.suggest_yaml import identity_yaml
    from cdp.warehouse import open_warehouse

    if file is not None and file.exists():
        raise RunError(
            "file-exists",
            f"{file} exists already",
            help="name a new file, compare it with identity.yml, and take over what you want",
        )
    with open_warehouse(project, read_only=True, lock_wait_s=lock_wait) as warehouse:
        found = suggest(project, warehouse, most_messages=most_messages)
    if is_effects:
        print_rows(EFFECT_COLUMNS, _effect_rows(found), output_format)
    else:
        print_rows(FIELD_COLUMNS, _field_rows(found), output_format)
    say(f"measured {found.messages:,} messages of {found.deliveries:,} deliveries")
    if file is not None:
        text = identity_yaml(found)
        file.write_text(text, encoding="utf-8")
        say(f"wrote {file}: {_counted(len(found.rules), 'identifier type')}")


@command.command("plan")
@project_options
@lock_option
@format_option
@click.option("--show-values", is_flag=True, help="Show the identifiers of the samples.")
def plan(project: Project, lock_wait: float, output_format: str | None, show_values: bool) -> None:
    """Show what the present rules and overrides would do to the profiles, and change nothing.

    All evidence is resolved anew in a scratch database. The table has the number of profiles that
    would be merged and split, the largest before and after, and twenty samples.

    \b
    Example:
      cdp identity plan
      cdp identity plan --show-values --format csv
    """
    from cdp.cli.compile import compile_project
    from cdp.dbt import run_dbt
    from cdp.identity.plan import compare, scratch_project, selection

    with scratch_project(project) as scratch:
        compile_project(scratch)
        quiet = ["--quiet", "--log-level-file", "none"]
        run_dbt(scratch, "run", [*quiet, *selection()], lock_wait_s=lock_wait)
        lines = compare(project, scratch, show_values=show_values)
    print_rows(PLAN_COLUMNS, [astuple(line) for line in lines], output_format)
    say("nothing was changed; 'cdp build' applies the rules")


def _effect_rows(found: Suggestion) -> list[tuple[Any, ...]]:
    return [
        (
            one.rules,
            one.identifiers,
            one.profiles,
            one.largest_profile,
            one.several_users,
            round(one.coverage, 4),
        )
        for one in found.effects
    ]


def _field_rows(found: Suggestion) -> list[tuple[Any, ...]]:
    rows = []
    for one in found.fields:
        measured = one.measure
        shares = {
            "e-mail": measured.email_share,
            "uuid": measured.uuid_share,
            "number": measured.number_share,
            "phone": measured.phone_share,
        }
        formats = [f"{name} {share:.0%}" for name, share in shares.items() if share >= 0.005]
        rows.append(
            (
                measured.path,
                one.type,
                round(measured.coverage, 4),
                measured.values,
                round(measured.values_per_person, 2),
                measured.most_values,
                measured.shared_values,
                measured.most_people,
                round(measured.one_day_share, 4),
                measured.placeholder_messages,
                measured.case_variants,
                ", ".join(formats) or "other",
                one.reason,
            )
        )
    return rows


def _verdict(found: Explanation) -> str:
    """What the hops mean; names profiles, never identifiers."""
    if found.one == found.other:
        return f"both are the same identifier of profile {found.one.profile}"
    bridges = sum(hop.is_bridge for hop in found.hops)
    hops = _counted(len(found.hops), "hop")
    if found.is_one_profile:
        without = (
            f"without any of the {_counted(bridges, 'bridge')} they would be two"
            if bridges > 1
            else "without the bridge they would be two"
            if bridges
            else "no single link holds them together"
        )
        return f"one profile, {found.one.profile}: {hops}; {without}"
    two = f"two profiles, {found.one.profile} and {found.other.profile}"
    if found.is_chain:
        cuts = sum(hop.one.profile != hop.other.profile for hop in found.hops)
        return f"{two}: a chain of {hops} joins them, and the rules cut it {_times(cuts)}"
    missing = "missing is a message that carries an identifier of each"
    if found.hops:
        alike = _counted(len(found.hops), "pair")
        return f"{two}: no chain of events joins them, but {alike} look alike; {missing}"
    return f"{two}: no chain of events joins them; {missing}"


def _counted(number: int, word: str) -> str:
    return f"{number:,} {word}" + ("" if number == 1 else "s")


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number:,} times"
