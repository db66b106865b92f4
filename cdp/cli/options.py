"""Options that several commands share, each in one place."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from cdp.project import find_project

Command = Callable[..., Any]


def project_options(command: Command) -> Command:
    """--project-dir, --profiles-dir and --target; the command gets a `project`."""

    @click.option(
        "--project-dir",
        type=click.Path(path_type=Path, file_okay=False),
        default=".",
        help="Folder with cdp.yml",
        show_default=True,
    )
    @click.option(
        "--profiles-dir",
        type=click.Path(path_type=Path, file_okay=False),
        help="Folder with profiles.yml",
    )
    @click.option("--target", help="Target of the dbt profile")
    @functools.wraps(command)
    def wrapped(
        project_dir: Path, profiles_dir: Path | None, target: str | None, **rest: Any
    ) -> Any:
        return command(project=find_project(project_dir, target, profiles_dir), **rest)

    return wrapped


def lock_option(command: Command) -> Command:
    """--lock-wait, in seconds."""
    return click.option(
        "--lock-wait",
        type=click.FloatRange(min=0),
        default=30.0,
        show_default=True,
        metavar="SECONDS",
        help="Wait this long for the warehouse",
    )(command)


def format_option(command: Command) -> Command:
    """--format of printed rows; a table on a terminal, ndjson in a pipe."""
    return click.option(
        "--format",
        "output_format",
        type=click.Choice(["table", "json", "ndjson", "csv"]),
        help="How rows are printed",
    )(command)
