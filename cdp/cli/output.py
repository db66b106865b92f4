"""Printing: rows to stdout in four formats, messages and progress to stderr."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from typing import Any

import click


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
    for index, column in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[index], (int, float)) for row in rows)
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*("" if value is None else _cell(value) for value in row))
    Console(soft_wrap=not sys.stdout.isatty()).print(table)


def _cell(value: Any) -> str:
    from rich.markup import escape

    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return escape(str(value))
