"""What differs between the databases that tables are written to.

Owns connecting, types, the text of the upsert, and which errors a row's values
cause. Errors are told by their class and number: what a database says quotes rows.
Decides nothing about what is written.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from cdp.errors import RunError
from cdp.warehouse import quoted

KEY = "sync_key"
CONNECT_TIMEOUT_S = 15


class Dialect(Protocol):
    """One kind of database. `mark` stands for a bound value; `errors` are all it may raise."""

    mark: str

    @property
    def errors(self) -> tuple[type[Exception], ...]: ...

    def connect(self) -> Any:
        """A connection of the driver, outside a transaction."""
        ...

    def table(self, sync: str) -> str:
        """The quoted name of a sync's table."""
        ...

    def create(self, sync: str) -> str:
        """The statement that makes a sync's table where it is missing."""
        ...

    def type_of(self, kind: str) -> str:
        """The column type for one of DuckDB's."""
        ...

    def on_conflict(self, sync: str, names: Sequence[str], skips: Collection[str]) -> str:
        """What follows an `insert` so that it replaces the columns of a row that is there.

        A null of one of `skips` leaves what is there.
        """
        ...

    def value(self, value: Any, kind: str) -> Any:
        """A value as the driver binds it."""
        ...

    def execute_many(self, cursor: Any, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        """The statement for each row, in as few round trips as the driver can."""
        ...

    def is_about_a_row(self, error: Exception) -> bool:
        """Whether a row's values caused the error."""
        ...

    def describe(self, error: Exception) -> str:
        """The error without anything that it quotes."""
        ...


class _Standard:
    """What SQLite and PostgreSQL have in common."""

    _types: Mapping[str, str]

    def table(self, sync: str) -> str:
        return quoted(sync)

    def create(self, sync: str) -> str:
        return f"create table if not exists {self.table(sync)} ({KEY} text primary key)"

    def type_of(self, kind: str) -> str:
        return "numeric" if kind.startswith("DECIMAL") else self._types.get(kind, "text")

    def on_conflict(self, sync: str, names: Sequence[str], skips: Collection[str]) -> str:
        there = quoted(sync)
        changes = ", ".join(
            f"{one} = coalesce(excluded.{one}, {there}.{one})"
            if name in skips
            else f"{one} = excluded.{one}"
            for name, one in ((name, quoted(name)) for name in names)
        )
        return f"on conflict ({KEY}) do " + (f"update set {changes}" if names else "nothing")

    def value(self, value: Any, kind: str) -> Any:
        return as_json(value)


class Sqlite(_Standard):
    """A file. Decimals become doubles there, beyond 15 digits rounded."""

    mark = "?"
    errors = (OSError, sqlite3.Error, ValueError, OverflowError)
    _types: Mapping[str, str] = {
        "BOOLEAN": "integer",
        "INTEGER": "integer",
        "BIGINT": "integer",
        "HUGEINT": "numeric",
        "DOUBLE": "real",
        "FLOAT": "real",
    }

    def __init__(self, path: Path) -> None:
        self._path = path

    def connect(self) -> Any:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self._path, timeout=30)
        try:
            # A file that is no database is opened, and found out when something is read.
            connection.execute("select 1 from sqlite_master limit 1").fetchall()
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def execute_many(self, cursor: Any, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        cursor.executemany(statement, rows)

    def is_about_a_row(self, error: Exception) -> bool:
        kinds = (sqlite3.IntegrityError, sqlite3.InterfaceError, ValueError, OverflowError)
        return isinstance(error, kinds)

    def describe(self, error: Exception) -> str:
        return type(error).__name__


class Postgres(_Standard):
    """A schema that exists."""

    mark = "%s"
    _types: Mapping[str, str] = {
        "BOOLEAN": "boolean",
        "INTEGER": "bigint",
        "BIGINT": "bigint",
        "HUGEINT": "numeric",
        "DOUBLE": "double precision",
        "FLOAT": "double precision",
        "DATE": "date",
        "TIMESTAMP": "timestamptz",
    }

    def __init__(self, dsn: str, schema: str) -> None:
        self._dsn = dsn
        self._schema = schema

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        return (OSError, ValueError, _psycopg2().Error)

    def connect(self) -> Any:
        return _psycopg2().connect(self._dsn, connect_timeout=CONNECT_TIMEOUT_S)

    def table(self, sync: str) -> str:
        return f"{quoted(self._schema)}.{quoted(sync)}"

    def execute_many(self, cursor: Any, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        from psycopg2.extras import execute_batch  # type: ignore[import-untyped,unused-ignore]

        execute_batch(cursor, statement, rows, page_size=500)

    def is_about_a_row(self, error: Exception) -> bool:
        psycopg2 = _psycopg2()
        return isinstance(error, (psycopg2.DataError, psycopg2.IntegrityError, ValueError))

    def describe(self, error: Exception) -> str:
        code = getattr(error, "pgcode", None)
        return f"{type(error).__name__} {code}" if code else type(error).__name__


def as_json(value: Any) -> Any:
    """Lists and structs are text in every dialect."""
    if isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=False)
    return value


def _psycopg2() -> Any:
    try:
        import psycopg2  # type: ignore[import-untyped,unused-ignore]
    except ImportError:
        raise not_installed("tables in PostgreSQL need", "postgres") from None
    return psycopg2


def not_installed(who_needs: str, extra: str) -> RunError:
    """The error of a driver's package that is missing."""
    return RunError(
        "driver-not-installed",
        f"{who_needs} a package that is not installed",
        help=f"pip install 'cdp[{extra}]'",
    )
