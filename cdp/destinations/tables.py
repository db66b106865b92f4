"""SQL tables as a destination: a table for each sync, equal to its desired state.

Owns the tables' shape (`sync_key` and a column for each mapped field; a field that
is new adds a column, one that is gone stays and keeps its values) and the writing:
a batch is one transaction, `insert ... on conflict do update` and `delete`, so that
sending it again changes nothing. Touches no other table.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from cdp.destinations.delivery import (
    ACCEPTED,
    REMOVE,
    RETRY,
    UNKNOWN,
    Batch,
    Outcome,
    Refused,
    Stop,
)
from cdp.destinations.secrets import resolve_settings
from cdp.destinations.spec import Destination
from cdp.errors import RunError
from cdp.warehouse import quoted

KEY = "sync_key"
MOST_ROWS, MOST_BYTES = 5_000, 16_000_000
_TYPES: Mapping[str, tuple[str, str]] = {
    "VARCHAR": ("text", "text"),
    "BOOLEAN": ("integer", "boolean"),
    "INTEGER": ("integer", "bigint"),
    "BIGINT": ("integer", "bigint"),
    "HUGEINT": ("numeric", "numeric"),
    "DOUBLE": ("real", "double precision"),
    "FLOAT": ("real", "double precision"),
    "DATE": ("text", "date"),
    "TIMESTAMP": ("text", "timestamptz"),
}
"""DuckDB's types in SQLite and in PostgreSQL. Decimals are numeric, anything else is text."""


class TableDriver:
    """Writes to the table that bears the sync's name."""

    is_idempotent = True
    snapshot_format: str | None = None

    def __init__(self, destination: Destination, project_folder: Path) -> None:
        settings = resolve_settings(destination)
        self._name = destination.name
        self._is_sqlite = destination.manifest.table_dialect == "sqlite"
        self._path = project_folder / str(settings.get("path"))
        self._dsn = str(settings.get("dsn"))
        self._schema = str(settings.get("schema"))
        self._connection: Any = None
        self._known: dict[str, set[str]] = {}

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def lane(self, operation: str) -> int:
        return 0

    def limits(self, operation: str) -> tuple[int, int]:
        return MOST_ROWS, MOST_BYTES

    def ask(self) -> None:
        """Raises Stop when the database does not answer."""
        self._connected()

    def send(self, batch: Batch) -> Sequence[Outcome] | Refused:
        """One transaction. Raises Stop when the database cannot be reached or written to."""
        connection = self._connected()
        is_committing = False
        try:
            with closing(connection.cursor()) as cursor:
                self._prepare(cursor, batch)
                self._write(cursor, batch)
            is_committing = True
            connection.commit()
        except self._bad_rows() as error:
            connection.rollback()
            # What a database says quotes the row.
            return Refused("bad_value", type(error).__name__)
        except self._errors() as error:
            state = UNKNOWN if is_committing else RETRY
            raise self._stop(type(error).__name__, state) from None
        return [Outcome(ACCEPTED)] * len(batch.rows)

    def _prepare(self, cursor: Any, batch: Batch) -> None:
        """Make the table, and the columns that it does not have yet."""
        table = self._table(batch.sync)
        if batch.sync not in self._known:
            cursor.execute(f"create table if not exists {table} ({KEY} text primary key)")
            # The table's name is the sync's, which was checked when it was read.
            cursor.execute(f"select * from {table} limit 0")  # noqa: S608
            self._known[batch.sync] = {one[0] for one in cursor.description}
        for name, kind in batch.columns:
            if name not in self._known[batch.sync]:
                cursor.execute(f"alter table {table} add column {quoted(name)} {self._type(kind)}")
                self._known[batch.sync].add(name)

    def _write(self, cursor: Any, batch: Batch) -> None:
        table, mark = self._table(batch.sync), "?" if self._is_sqlite else "%s"
        names = [name for name, _ in batch.columns]
        columns = ", ".join([KEY, *(quoted(name) for name in names)])
        marks = ", ".join([mark] * (len(names) + 1))
        changes = ", ".join(f"{quoted(name)} = excluded.{quoted(name)}" for name in names)
        # Names are those of the model's columns, quoted; values are bound.
        upsert = (
            f"insert into {table} ({columns}) values ({marks}) on conflict ({KEY}) do "  # noqa: S608
            + (f"update set {changes}" if names else "nothing")
        )
        removed = [(row.key,) for row in batch.rows if row.operation == REMOVE]
        if removed:
            cursor.executemany(f"delete from {table} where {KEY} = {mark}", removed)  # noqa: S608
        written = [
            (row.key, *(self._value(row.fields.get(name)) for name in names))
            for row in batch.rows
            if row.operation != REMOVE
        ]
        if written:
            cursor.executemany(upsert, written)

    def _value(self, value: Any) -> Any:
        if isinstance(value, (list, dict)):
            import json

            return json.dumps(value, ensure_ascii=False)
        return value

    def _type(self, kind: str) -> str:
        if kind.startswith("DECIMAL"):
            return "numeric"
        return _TYPES.get(kind, ("text", "text"))[0 if self._is_sqlite else 1]

    def _table(self, sync: str) -> str:
        return quoted(sync) if self._is_sqlite else f"{quoted(self._schema)}.{quoted(sync)}"

    def _connected(self) -> Any:
        if self._connection is None:
            errors = self._errors()
            try:
                self._connection = self._connect()
            except errors as error:
                raise self._stop(type(error).__name__, RETRY) from None
        return self._connection

    def _connect(self) -> Any:
        if self._is_sqlite:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            return sqlite3.connect(self._path, timeout=30)
        return _psycopg2().connect(self._dsn, connect_timeout=15)

    def _errors(self) -> tuple[type[Exception], ...]:
        return (OSError, sqlite3.Error if self._is_sqlite else _psycopg2().Error)

    def _bad_rows(self) -> tuple[type[Exception], ...]:
        """The errors that a row's values cause."""
        if self._is_sqlite:
            return (sqlite3.IntegrityError, sqlite3.InterfaceError, OverflowError)
        psycopg2 = _psycopg2()
        return (psycopg2.DataError, psycopg2.IntegrityError, ValueError)

    def _stop(self, what: str, state: str) -> Stop:
        return Stop(
            "destination-unwritable",
            f"destination '{self._name}' cannot be written to: {what}",
            "check that the database is there, and that its user may create and write tables",
            Outcome(state, "unwritable", what),
        )


def _psycopg2() -> Any:
    try:
        import psycopg2  # type: ignore[import-untyped,unused-ignore]
    except ImportError:
        raise RunError(
            "driver-not-installed",
            "tables in PostgreSQL need a package that is not installed",
            help="pip install 'cdp[postgres]'",
        ) from None
    return psycopg2
