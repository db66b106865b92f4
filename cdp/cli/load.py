"""`cdp load`: event files into the warehouse."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from cdp.cli.options import lock_option, project_options
from cdp.cli.output import say
from cdp.project import Project

if TYPE_CHECKING:
    from cdp.loader.load import Limit, LoadResult, Watcher

EXIT_REJECTED = 4
MOST_SKIPPED_LISTED = 5


@click.command("load")
@click.argument("paths", nargs=-1, required=True)
@click.option("--source", "source_name", required=True, help="A source of definitions/sources.yml")
@click.option(
    "--max-rejected",
    metavar="N|N%",
    help="Load nothing when more messages than this are rejected",
)
@lock_option
@project_options
def command(
    project: Project,
    paths: tuple[str, ...],
    source_name: str,
    max_rejected: str | None,
    lock_wait: float,
) -> None:
    """Load event files into the warehouse, each exactly once.

    PATHS are files, folders, globs and - for stdin: Segment-spec messages as NDJSON, JSON arrays
    or batch bodies, plain, gzip or zstd; CSV and Parquet for sources with a table.
    Exit code 4: loaded, but some messages were rejected (table raw.rejected).

    \b
    Example:
      cdp load 'events/*.ndjson.gz' --source web
      cdp load landing/ --source app --max-rejected 1%
    """
    from cdp.loader.load import load_files
    from cdp.loader.spec import find_source
    from cdp.warehouse import open_warehouse

    limit = _limit(max_rejected)
    source = find_source(project.definitions / "sources.yml", source_name)
    with (
        _with_stdin(paths) as files,
        open_warehouse(project, lock_wait_s=lock_wait) as warehouse,
        _progress_bar() as watcher,
    ):
        result = load_files(
            warehouse, project.raw_schema, source, files, max_rejected=limit, watcher=watcher
        )
    for line in summary(result, project.raw_schema):
        say(line)
    if result.rejected_count:
        sys.exit(EXIT_REJECTED)


def summary(result: LoadResult, raw_schema: str) -> Iterator[str]:
    """What a load did, in lines for a person."""
    for file in result.skipped[:MOST_SKIPPED_LISTED]:
        known = "" if file.path.as_posix() == file.loaded_as else f", as {file.loaded_as}"
        yield f"{file.path.name}: already loaded{known}"
    if len(result.skipped) > MOST_SKIPPED_LISTED:
        yield f"... and {len(result.skipped) - MOST_SKIPPED_LISTED:,} more"
    if result.load_id is None:
        yield f"nothing to load: {_count(len(result.skipped), 'file')} already loaded"
        return
    notes = [f"{result.rejected_count:,} rejected"] if result.rejected_count else []
    if result.skipped:
        notes.append(f"{_count(len(result.skipped), 'file')} already loaded")
    yield (
        f"load {result.load_id}: {_count(result.event_count, 'event')} "
        f"from {_count(len(result.loaded), 'file')}" + (f" ({', '.join(notes)})" if notes else "")
    )
    if result.rejected:
        for code, count in result.rejected:
            yield f"  {count:>7,}  {code}"
        yield f"their lines and reasons are in {raw_schema}.rejected, load_id {result.load_id}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _limit(text: str | None) -> Limit | None:
    from cdp.loader.load import Limit

    if text is None:
        return None
    number = text.strip().removesuffix("%")
    try:
        value = float(number) if text.endswith("%") else int(number)
    except ValueError:
        value = -1
    if not 0 <= value < float("inf"):
        raise click.BadParameter(
            f"{text!r} is neither a count nor a percentage; write 100 or 1%",
            param_hint="--max-rejected",
        )
    return Limit(value, text.endswith("%"))


@contextmanager
def _with_stdin(paths: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The paths, with what comes from stdin for `-` in a private file while it is loaded."""
    if "-" not in paths:
        yield paths
        return
    with TemporaryDirectory() as folder:
        file = Path(folder) / "stdin"
        with file.open("wb") as out:
            shutil.copyfileobj(sys.stdin.buffer, out)
        yield tuple(str(file) if path == "-" else path for path in paths)


@contextmanager
def _progress_bar() -> Iterator[Watcher | None]:
    """A bar on stderr while it is a terminal, else nothing."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

    from cdp.loader.load import Watcher

    columns = (BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("load", total=None)
        yield Watcher(
            lambda total: bar.update(task, total=total),
            lambda read: bar.advance(task, read),
        )
