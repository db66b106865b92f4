"""Rows of CSV and Parquet files as messages, by a source's mapping.

Owns cutting rows, turning columns into typed JSON values and refusing what is not
of its type. A row's identity is not here: a message without an id gets the file's
content and the line, like any other. Does not validate messages (`validate` does).

Own reason codes, beside Segment's: `invalid_row` (the row has another number of
fields than the table) and `invalid_value` (a field is not of the mapping's type).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timezone
from functools import lru_cache
from typing import Any

from cdp.errors import RunError, suggest
from cdp.loader.documents import BAD, Entry
from cdp.loader.reading import Landed, Lines
from cdp.loader.spec import WHITESPACE, Source, Table, Value
from cdp.loader.strict import NotStrictError, Number, check_text, dump

ROWS_AT_ONCE = 10_000
_INTEGER = re.compile(r"([+-]?)0*([0-9]+)\Z")
_NUMBER = re.compile(r"([+-]?)0*([0-9]*)(\.[0-9]*)?((?:[eE][+-]?[0-9]{1,3})?)\Z")
_BOOLEANS = {"true": True, "false": False, "t": True, "f": False, "1": True, "0": False}

Row = Sequence[str | None]


class _WrongValueError(ValueError):
    """A field is not of its type; the message names the column, never the value."""


def read_csv(source: Source, table: Table, pieces: Iterator[Lines]) -> Iterator[Entry]:
    """The messages of a delimited text, each with the physical line on which its row ends."""
    rows = _rows(table, _line_texts(pieces))
    columns = table.columns
    if table.header:
        _, first = next(rows, (0, []))
        columns = columns or tuple(name.strip() for name in first)
        if not columns:
            return
    mapper = _Mapper(source, table, columns)
    for line_number, row in rows:
        yield mapper.entry(line_number, row)


def read_parquet(source: Source, table: Table, landed: Landed) -> Iterator[Entry]:
    """The messages of a Parquet file; a row's line is its number, from 1.

    Raises RunError (`unreadable-file`) when it is not a Parquet file.
    """
    import duckdb

    with duckdb.connect() as reader:
        try:
            reader.execute("set timezone = 'UTC'")
            cursor = reader.execute(
                "select columns(*)::varchar from read_parquet(?)", [landed.path.as_posix()]
            )
            mapper = _Mapper(source, table, tuple(one[0] for one in cursor.description or ()))
            number = 1
            while rows := cursor.fetchmany(ROWS_AT_ONCE):
                for row in rows:
                    yield mapper.entry(number, row)
                    number += 1
        except duckdb.Error as error:
            raise RunError(
                "unreadable-file",
                f"{landed.path.name} cannot be read: {str(error).splitlines()[0]}; "
                "nothing was loaded",
                help="check that the file is complete and that you may read it",
            ) from None


def _line_texts(pieces: Iterator[Lines]) -> Iterator[str]:
    """Physical lines with their ends. Bytes that are not UTF-8 become surrogates."""
    for piece in pieces:
        text = piece.data.decode("utf-8", "surrogateescape").removesuffix("\n")
        for line in text.split("\n"):
            yield line + "\n"


def _rows(table: Table, texts: Iterator[str]) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not blank, with their line numbers."""
    if table.delimiter == WHITESPACE:
        for number, text in enumerate(texts, start=1):
            if row := text.split():
                yield number, row
        return
    reader = csv.reader(texts, delimiter=table.delimiter)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:
            # What the reader cannot take is no row, but a line to refuse.
            yield reader.line_num, []
            continue
        if any(field.strip() for field in row):
            yield reader.line_num, row


class _Mapper:
    """Makes messages of rows: the columns are looked up once, the values row by row."""

    def __init__(self, source: Source, table: Table, columns: tuple[str, ...]) -> None:
        missing = [
            value.column
            for _, value in table.fields
            if value.column is not None and value.column not in columns
        ]
        if missing:
            raise RunError(
                "missing-column",
                f"source '{source.name}' reads the column '{missing[0]}', which the file has not",
                location=source.location,
                help=suggest(missing[0], columns),
            )
        self._width = len(columns)
        self._type = table.type
        self._fields = [
            (path, value, columns.index(value.column) if value.column is not None else -1)
            for path, value in table.fields
        ]

    def entry(self, line_number: int, row: Row) -> Entry:
        if len(row) != self._width:
            reason = f"the row has {len(row)} fields, the table {self._width}"
            return Entry(line_number, 0, _shown(row), "invalid_row", reason)
        try:
            text = dump(self._message(row))
            check_text(text)
        except _WrongValueError as error:
            return Entry(line_number, 0, _shown(row), "invalid_value", str(error))
        except NotStrictError as error:
            return Entry(line_number, 0, _shown(row), BAD, str(error))
        return Entry(line_number, 0, text)

    def _message(self, row: Row) -> dict[str, Any]:
        message: dict[str, Any] = {"type": self._type}
        for path, value, index in self._fields:
            found: Any = value.text if index < 0 else _typed(row[index], value)
            if found is None:
                continue
            target = message
            for key in path[:-1]:
                target = target.setdefault(key, {})
            target[path[-1]] = found
        return message


def _shown(row: Row) -> str:
    return ",".join(field or "" for field in row)


def _typed(field: str | None, value: Value) -> Any:
    """A field as a JSON value; an empty one is absent. Raises _WrongValueError."""
    if field is None or not (text := field.strip()):
        return None
    if value.type == "string":
        return field
    found = _CONVERT[value.type](text, value.format)
    if found is None:
        kind = value.type + (f" in the format {value.format}" if value.format else "")
        raise _WrongValueError(f"the column '{value.column}' is not of type {kind}")
    return found


def _integer(text: str, _: str | None) -> Number | None:
    match = _INTEGER.match(text)
    return Number(_signed(match[1], match[2])) if match else None


def _number(text: str, _: str | None) -> Number | None:
    """The same digits, as JSON writes numbers: `+.50` becomes `0.50`."""
    match = _NUMBER.match(text)
    if not match or not any(character.isdigit() for character in text.split("e")[0].split("E")[0]):
        return None
    fraction = match[3] if match[3] and len(match[3]) > 1 else ""
    return Number(_signed(match[1], match[2] or "0") + fraction + match[4])


def _signed(sign: str, digits: str) -> str:
    return ("-" if sign == "-" else "") + digits


def _boolean(text: str, _: str | None) -> bool | None:
    return _BOOLEANS.get(text.lower())


@lru_cache(maxsize=20_000)
def _timestamp(text: str, form: str | None) -> str | None:
    try:
        if form:
            moment = datetime.strptime(text, form)
        else:
            moment = datetime.fromisoformat(re.sub(r"[zZ]\Z", "+00:00", text))
    except ValueError:
        return None
    if moment.tzinfo is not None:
        moment = moment.astimezone(timezone.utc).replace(tzinfo=None)
    return moment.isoformat() + "Z"


_CONVERT: dict[str, Callable[[str, str | None], Any]] = {
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "timestamp": _timestamp,
}
