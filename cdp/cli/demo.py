"""`cdp demo`: everything at work on a small store."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cdp.cli.output import print_rows, say

if TYPE_CHECKING:
    from cdp.demo.run import DemoReport


@click.command("demo")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default="demo")
@click.option(
    "--people",
    type=click.IntRange(min=10),
    default=1_250,
    show_default=True,
    help="How many people the store has",
)
@click.option("--seed", type=int, default=7, show_default=True, help="Same seed, same events")
def command(folder: Path, people: int, seed: int) -> None:
    """Generate a small store, load, build and sync it, and show what came out.

    \b
    Example:
      cdp demo
      cdp demo /tmp/big-demo --people 10000
    """
    from cdp.demo.run import run_demo

    _print(run_demo(folder, people, seed, say), folder)


def _print(report: DemoReport, folder: Path) -> None:
    quality = report.quality
    rejected = sum(count for _, count in report.rejected)
    reasons = ", ".join(f"{code} {count}" for code, count in report.rejected)
    duplicates = report.deliveries - report.events
    _heading("Loaded")
    _line(
        "deliveries accepted",
        f"{report.deliveries:,}",
        f"{report.events:,} events, {duplicates:,} duplicates",
    )
    _line("lines rejected", f"{rejected:,}", f"{reasons}; kept in raw.rejected")
    _heading("Identity")
    _line("identifiers", f"{quality.identifiers:,}", f"of {report.people:,} people")
    _line("profiles", f"{quality.profiles:,}", f"the largest has {quality.largest_profile:,}")
    _line("precision", f"{quality.precision:.3f}", "pairs of identifiers that are one person")
    _line("recall", f"{quality.recall:.3f}", "reachable pairs that are in one profile")
    _heading("Audiences, and the change since the run before")
    _table(
        ("audience", "members", "entered", "exited"),
        [(one.name, one.members, one.entered, one.exited) for one in report.audiences],
    )
    _heading("Syncs: the first run, then only the change")
    _table(
        ("sync", "run", "added", "changed", "removed", "sent", "acknowledged"),
        [
            (
                one.sync,
                number,
                one.diff.added,
                one.diff.changed,
                one.diff.removed,
                one.sent,
                one.count("accepted"),
            )
            for number, run in enumerate(report.syncs, start=1)
            for one in run
        ],
    )
    click.echo(
        f"The CRM got {report.crm_rows:,} rows in {report.crm_requests} requests "
        f"and holds {report.crm_held:,} people."
    )
    _heading("Where things are")
    for path, note in (
        ("warehouse.duckdb", "schemas main (public), main_internal, main_ops, raw"),
        ("warehouse.read.duckdb", "the public tables, to query while a build runs"),
        ("exports/", "what the CSV destination was sent"),
        ("definitions/", "edit, then run 'cdp build' in the folder"),
    ):
        click.echo(f"  {f'{folder}/{path}':<30}  {note}")
    _heading("Try next")
    program = "cdp" if shutil.which("cdp") else sys.argv[0]
    for words in (
        "audience show vip_customers",
        f"profile show {report.example_user}",
        "sync plan vip_customers_to_csv",
    ):
        click.echo(f"  {program} {words} --project-dir {folder}")


def _heading(text: str) -> None:
    click.echo(f"\n{text}")


def _line(name: str, value: str, note: str) -> None:
    click.echo(f"  {name:<20} {value:<8}  {note}")


def _table(columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    print_rows(columns, rows, "table")
