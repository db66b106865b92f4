"""SQL tables as a destination: a table for each sync, equal to its desired state.

Owns the tables' shape (`sync_key` and a column for each mapped field; a field that
is new adds a column, one that is gone stays and keeps its values) and the writing:
a batch is one transaction of upserts (or updates) and deletes (or marks in
`archived_at`), so that sending it again changes nothing. Touches no other table. How a
database says it is `dialects`'.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from cdp.clock import utc_now
from cdp.destinations.delivery import (
    ACCEPTED,
    ARCHIVE,
    REJECTED,
    REMOVE,
    RETRY,
    UNKNOWN,
    UPDATE,
    Batch,
    Outcome,
    Refused,
    Stop,
    Target,
    unwritable,
)
from cdp.destinations.dialects import KEY, Dialect, Postgres, Sqlite
from cdp.destinations.manifest.objects import ARCHIVED_AT
from cdp.destinations.secrets import resolve_settings
from cdp.destinations.spec import Destination
from cdp.warehouse import quoted

MOST_ROWS, MOST_BYTES = 5_000, 16_000_000
AT_ONCE = 500
"""Rows that are found or removed by one statement."""


class TableDriver:
    """Writes to the table that bears the sync's name."""

    is_idempotent = True
    snapshot_format: str | None = None

    def __init__(
        self, destination: Destination, project_folder: Path, target: Target | None = None
    ) -> None:
        self._name = destination.name
        self._skips = target.skips if target else frozenset()
        self._mode = target.mode if target else ""
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
                missing = self._write(cursor, batch)
            is_committing = True
            connection.commit()
        except self._dialect.errors as error:
            if self._dialect.is_about_a_row(error):
                connection.rollback()
                return Refused("bad_value", self._dialect.describe(error))
            raise self._stop(error, UNKNOWN if is_committing else RETRY) from None
        absent = Outcome(REJECTED, "not_there", "the table has no row with its key")
        return [absent if row.key in missing else Outcome(ACCEPTED) for row in batch.rows]

    def _prepare(self, cursor: Any, batch: Batch) -> None:
        """Make the table, and the columns that it does not have yet."""
        table = self._dialect.table(batch.sync)
        if batch.sync not in self._known:
            cursor.execute(self._dialect.create(batch.sync))
            # The table's name is the sync's, which was checked when it was read.
            cursor.execute(f"select * from {table} limit 0")  # noqa: S608
            self._known[batch.sync] = {one[0] for one in cursor.description}
        for name, kind in self._columns(batch):
            if name not in self._known[batch.sync]:
                column = f"{quoted(name)} {self._dialect.type_of(kind)}"
                cursor.execute(f"alter table {table} add column {column}")
                self._known[batch.sync].add(name)

    def _write(self, cursor: Any, batch: Batch) -> set[str]:
        """Removals, then the others; the keys of rows that are to be updated and are not there."""
        columns = self._columns(batch)
        self._leave(cursor, batch, [row.key for row in batch.rows if row.operation == REMOVE])
        written = [row for row in batch.rows if row.operation != REMOVE]
        missing: set[str] = set()
        if self._mode == UPDATE:
            keys = [row.key for row in written]
            missing = set(keys) - self._there(cursor, batch, keys)
            written = [row for row in written if row.key not in missing]
        value = self._dialect.value
        rows = [
            [value(row.fields.get(name), kind) for name, kind in columns] + [row.key]
            for row in written
        ]
        names = [name for name, _ in columns]
        if rows and (names or self._mode != UPDATE):
            self._dialect.execute_many(cursor, self._statement(batch, names), rows)
        return missing

    def _columns(self, batch: Batch) -> list[tuple[str, str]]:
        archived = [(ARCHIVED_AT, "TIMESTAMP")] if self._mode == ARCHIVE else []
        return [*batch.columns, *archived]

    def _statement(self, batch: Batch, names: Sequence[str]) -> str:
        """What writes one row; its values are those of the columns, and the key."""
        table, mark = self._dialect.table(batch.sync), self._dialect.mark
        # Names are those of the model's columns, quoted; values are bound.
        if self._mode == UPDATE:
            changes = ", ".join(
                f"{one} = coalesce({mark}, {one})" if name in self._skips else f"{one} = {mark}"
                for name, one in ((name, quoted(name)) for name in names)
            )
            return f"update {table} set {changes} where {KEY} = {mark}"  # noqa: S608
        columns = ", ".join([*(quoted(name) for name in names), KEY])
        marks = ", ".join([mark] * (len(names) + 1))
        insert = f"insert into {table} ({columns}) values ({marks}) "  # noqa: S608
        return insert + self._dialect.on_conflict(batch.sync, names, self._skips)

    def _leave(self, cursor: Any, batch: Batch, keys: Sequence[str]) -> None:
        """Delete rows, or mark them; the moment of those that are marked stays."""
        table, mark = self._dialect.table(batch.sync), self._dialect.mark
        statement, values = f"delete from {table} where ", []  # noqa: S608
        if self._mode == ARCHIVE:
            now = f"{utc_now():%Y-%m-%dT%H:%M:%S.%f}Z"
            statement = f"update {table} set {ARCHIVED_AT} = {mark} "  # noqa: S608
            statement += f"where {ARCHIVED_AT} is null and "
            values = [self._dialect.value(now, "TIMESTAMP")]
        for part in _parts(keys):
            cursor.execute(statement + self._is_one_of(part), [*values, *part])

    def _there(self, cursor: Any, batch: Batch, keys: Sequence[str]) -> set[str]:
        found: set[str] = set()
        query = f"select {KEY} from {self._dialect.table(batch.sync)} where "  # noqa: S608
        for part in _parts(keys):
            cursor.execute(query + self._is_one_of(part), part)
            found |= {str(row[0]) for row in cursor.fetchall()}
        return found

    def _is_one_of(self, keys: Sequence[str]) -> str:
        return f"{KEY} in ({', '.join([self._dialect.mark] * len(keys))})"

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


def _parts(keys: Sequence[str]) -> Iterator[list[str]]:
    for first in range(0, len(keys), AT_ONCE):
        yield list(keys[first : first + AT_ONCE])


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
