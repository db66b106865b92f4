"""`cdp destination`: types, their pages, a harmless test, and a simulator. Parses and prints."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from cdp.cli.options import format_option, project_options
from cdp.cli.output import print_rows, say
from cdp.errors import CdpError, RunError, suggest

if TYPE_CHECKING:
    from cdp.destinations.manifest import Manifest
    from cdp.project import Project


@click.group()
def command() -> None:
    """Look at destinations, test them, and simulate them.

    \b
    Example:
      cdp destination list
      cdp destination show hubspot
      cdp destination test crm
      cdp destination simulate hubspot --port 8100
    """


@command.command("list")
@click.option("--configured", is_flag=True, help="Those of destinations.yml instead of all types")
@format_option
@project_options
def list_(project: Project, configured: bool, output_format: str | None) -> None:
    """List the types of destinations, or the configured ones.

    \b
    Example:
      cdp destination list
      cdp destination list --configured --format json
    """
    if configured:
        from cdp.catalogue import load_catalogue

        found = load_catalogue(project).destinations
        rows = [(name, one.type, ", ".join(one.live_on)) for name, one in sorted(found.items())]
        print_rows(("destination", "type", "live_on"), rows, output_format)
        return
    from cdp.destinations.manifest import load_manifests
    from cdp.destinations.page import what_it_is

    print_rows(
        ("type", "title", "objects", "removes"),
        [
            (
                name,
                one.title,
                ", ".join(one.http.objects) if one.http else what_it_is(one),
                _removing(one),
            )
            for name, one in sorted(load_manifests().items())
        ],
        output_format,
    )


@command.command()
@click.argument("type_name", metavar="TYPE")
def show(type_name: str) -> None:
    """Show what a type of destination takes, does and asks for.

    \b
    Example:
      cdp destination show braze
    """
    from cdp.destinations.page import destination_page

    click.echo(destination_page(_manifest(type_name)))


@command.command()
@click.argument("names", nargs=-1)
@format_option
@project_options
def test(project: Project, names: tuple[str, ...], output_format: str | None) -> None:
    """Ask configured destinations whether they answer, without writing anything.

    Exits with 1 when one of them does not.

    \b
    Example:
      cdp destination test
      cdp destination test crm
    """
    from cdp.catalogue import load_catalogue
    from cdp.destinations.probe import probe

    found = load_catalogue(project).destinations
    for name in names:
        if name not in found:
            raise RunError(
                "unknown-destination",
                f"there is no destination '{name}'",
                help=suggest(name, found),
            )
    rows: list[tuple[str, str, str]] = []
    errors: list[CdpError] = []
    for name in names or sorted(found):
        try:
            result = probe(found[name], project.folder)
        except CdpError as error:
            errors.append(error)
            rows.append((name, "failed", error.problems[0].slug))
            continue
        rows.append((name, "ok" if result.was_asked else "not asked", result.detail))
    print_rows(("destination", "result", "detail"), rows, output_format)
    for failed in errors:
        say(str(failed))
    if errors:
        sys.exit(1)


@command.command()
@click.argument("type_name", metavar="TYPE")
@click.option("--port", type=click.IntRange(0, 65_535), default=8100, show_default=True)
@click.option("--faults", type=click.FloatRange(0, 1), default=0.0, help="Share of requests")
@click.option("--seed", type=int, default=0, show_default=True, help="Same seed, same faults")
@click.option("--object", "only", default="", help="Where two objects' requests look alike")
def simulate(type_name: str, port: int, faults: float, seed: int, only: str) -> None:
    """Run a destination that exists only on this machine, with faults if you like.

    It knows the vendor's requests, limits and replies from the manifest, takes any
    credentials, and shows what it holds at /_simulator. Point a destination at it with
    the setting 'endpoint'.

    \b
    Example:
      cdp destination simulate hubspot --port 8100 --faults 0.2 --seed 1
    """
    from cdp.destinations.simulate.faults import Faults
    from cdp.destinations.simulate.serve import STATE, make_server
    from cdp.destinations.simulate.vendor import Simulator

    manifest = _manifest(type_name)
    if manifest.http is None or (only and only not in manifest.http.objects):
        raise RunError(
            "cannot-simulate",
            f"'{type_name}' has no requests to simulate"
            if manifest.http is None
            else f"{manifest.title} has no object '{only}'",
            help=suggest(only, manifest.http.objects)
            if manifest.http
            else "only what is reached over HTTP can be simulated",
        )
    server = make_server(Simulator(manifest, faults=Faults(seed, faults), only=only), port)
    address = f"http://127.0.0.1:{server.port}"
    say(f"{manifest.title} is simulated at {address}; what it holds is at {address}{STATE}")
    say(f"seed {seed}; faults in {faults:.0%} of the requests; end it with Ctrl-C")
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        say("ended")
    finally:
        server.server_close()


def _manifest(name: str) -> Manifest:
    from cdp.destinations.manifest import load_manifests

    known = load_manifests()
    if name not in known:
        raise RunError(
            "unknown-destination-type",
            f"there is no type of destination '{name}'",
            help=suggest(name, known),
        )
    return known[name]


def _removing(manifest: Manifest) -> str:
    """The objects whose rows can be removed again."""
    from cdp.destinations.page import what_it_is

    if manifest.http is None:
        return what_it_is(manifest) if manifest.takes_syncs else ""
    return ", ".join(name for name, one in manifest.http.objects.items() if one.serves("remove"))
