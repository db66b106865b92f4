"""SQL tables as a destination: a table for each sync, equal to its desired state.

Owns the tables' shape (`sync_key` and a column for each mapped field; a field that
is new adds a column, one that is gone stays and keeps its values) and the writing:
a batch is one transaction of upserts and deletes, so that sending it again changes
nothing. Touches no other table. How a database says it is `dialects`'.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing, suppress
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
    Target,
    unwritable,
)
from cdp.destinations.dialects import KEY, Dialect, Postgres, Sqlite
from cdp.destinations.secrets import resolve_settings
from cdp.destinations.spec import Destination
from cdp.warehouse import quoted

MOST_ROWS, MOST_BYTES = 5_000, 16_000_000
AT_ONCE = 500
"""Rows that are removed by one statement."""


class TableDriver:
    """Writes to the table that bears the sync's name."""

    is_idempotent = True
    snapshot_format: str | None = None

    def __init__(
        self, destination: Destination, project_folder: Path, target: Target | None = None
    ) -> None:
        self._name = destination.name
        self._skips = target.skips if target else frozenset()
        self._dialect = _dialect(destination, project_folder)
        self._connection: Any = None
        self._known: dict[str, set[str]] = {}

    def close(self) -> None:
        if self._connection is not None:
            with suppress(*self._dialect.errors):
                self._connection.close()

    def lane(self, operation: str) -> int:
        return 0

    def limits(self, operation: str) -> tuple[int, int]:
        return MOST_ROWS, MOST_BYTES

    def ask(self) -> str:
        """Raises Stop when the database does not answer."""
        self._connected()
        return "the database answers"

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
        except self._dialect.errors as error:
            if self._dialect.is_about_a_row(error):
                connection.rollback()
                return Refused("bad_value", self._dialect.describe(error))
            raise self._stop(error, UNKNOWN if is_committing else RETRY) from None
        return [Outcome(ACCEPTED)] * len(batch.rows)

    def _prepare(self, cursor: Any, batch: Batch) -> None:
        """Make the table, and the columns that it does not have yet."""
        table = self._dialect.table(batch.sync)
        if batch.sync not in self._known:
            cursor.execute(self._dialect.create(batch.sync))
            # The table's name is the sync's, which was checked when it was read.
            cursor.execute(f"select * from {table} limit 0")  # noqa: S608
            self._known[batch.sync] = {one[0] for one in cursor.description}
        for name, kind in batch.columns:
            if name not in self._known[batch.sync]:
                column = f"{quoted(name)} {self._dialect.type_of(kind)}"
                cursor.execute(f"alter table {table} add column {column}")
                self._known[batch.sync].add(name)

    def _write(self, cursor: Any, batch: Batch) -> None:
        table, mark = self._dialect.table(batch.sync), self._dialect.mark
        names = [name for name, _ in batch.columns]
        columns = ", ".join([KEY, *(quoted(name) for name in names)])
        marks = ", ".join([mark] * (len(names) + 1))
        # Names are those of the model's columns, quoted; values are bound.
        upsert = f"insert into {table} ({columns}) values ({marks}) "  # noqa: S608
        upsert += self._dialect.on_conflict(batch.sync, names, self._skips)
        removed = [row.key for row in batch.rows if row.operation == REMOVE]
        for first in range(0, len(removed), AT_ONCE):
            keys = removed[first : first + AT_ONCE]
            listed = ", ".join([mark] * len(keys))
            cursor.execute(f"delete from {table} where {KEY} in ({listed})", keys)  # noqa: S608
        value = self._dialect.value
        written = [
            (row.key, *(value(row.fields.get(name), kind) for name, kind in batch.columns))
            for row in batch.rows
            if row.operation != REMOVE
        ]
        if written:
            self._dialect.execute_many(cursor, upsert, written)

    def _connected(self) -> Any:
        if self._connection is None:
            errors = self._dialect.errors
            try:
                self._connection = self._dialect.connect()
            except errors as error:
                raise self._stop(error, RETRY) from None
        return self._connection

    def _stop(self, error: Exception, state: str) -> Stop:
        help = "check that the database is there, and that its user may create and write tables"
        return unwritable(self._name, self._dialect.describe(error), help, state)


def _dialect(destination: Destination, project_folder: Path) -> Dialect:
    """The database of a configured destination. Raises RunError when a secret is missing."""
    settings = resolve_settings(destination)
    name = destination.manifest.variant
    if name == "sqlite":
        return Sqlite(project_folder / str(settings["path"]))
    if name == "postgres":
        return Postgres(str(settings["dsn"]), str(settings["schema"]))
    from cdp.destinations.mysql import MySql

    ca_file = settings["ca_file"]
    return MySql(
        str(settings["dsn"]),
        str(settings["tls"]),
        str(project_folder / str(ca_file)) if ca_file else None,
    )
