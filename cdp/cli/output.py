"""Printing: rows to stdout in four formats, messages and progress to stderr."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from typing import Any

import click

LONGEST_UNFOLDED = 36
GAP = 3


def say(message: str) -> None:
    """A message for a person."""
    click.echo(message, err=True)


def print_rows(
    columns: Sequence[str], rows: Sequence[Sequence[Any]], output_format: str | None
) -> None:
    """Rows to stdout: `table`, `json`, `ndjson` or `csv`; None chooses by where stdout goes."""
    chosen = output_format or ("table" if sys.stdout.isatty() else "ndjson")
    if chosen == "table":
        _print_table(columns, rows)
    elif chosen == "csv":
        writer = csv.writer(sys.stdout)
        writer.writerow(columns)
        writer.writerows(rows)
    elif chosen == "json":
        objects = [dict(zip(columns, row, strict=True)) for row in rows]
        click.echo(json.dumps(objects, default=str, indent=2, ensure_ascii=False))
    else:
        for row in rows:
            click.echo(
                json.dumps(dict(zip(columns, row, strict=True)), default=str, ensure_ascii=False)
            )


def _print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    least = GAP * (len(columns) - 1)
    for index, column in enumerate(columns):
        values = [row[index] for row in rows]
        numeric = bool(rows) and all(isinstance(value, (int, float)) for value in values)
        longest = max((len(_cell(value)) for value in values), default=0)
        # Only long texts may fold; a folded number or name is hard to read.
        width = max(len(column), min(longest, LONGEST_UNFOLDED))
        least += width
        table.add_column(
            column, justify="right" if numeric else "left", overflow="fold", min_width=width
        )
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    console = Console()
    # A terminal that is too narrow wraps lines; cutting values off would lose them.
    console.width = max(console.width, least)
    console.print(table)


def _cell(value: Any) -> str:
    from rich.markup import escape

    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return escape(str(value))
