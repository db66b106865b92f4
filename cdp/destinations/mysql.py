"""Tables in MySQL 8 and MariaDB: connecting, types and the upsert.

The session is strict (a value that does not fit is an error, never cut short), quotes
names as the standard does, and takes a backslash for a backslash. Keys are compared
byte for byte, trailing spaces included. Making a table or a column commits at once
there; the rows of a batch are one transaction all the same.
"""

from __future__ import annotations

import ssl
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

from cdp.destinations.dialects import CONNECT_TIMEOUT_S, KEY, as_json, not_installed
from cdp.warehouse import quoted

LONGEST_KEY = 512
"""Characters. InnoDB indexes 3,072 bytes, and a character may take four."""
_MODE = "STRICT_ALL_TABLES,ANSI_QUOTES,NO_BACKSLASH_ESCAPES,NO_ZERO_DATE,NO_ZERO_IN_DATE"
_BAD_VALUES = (1264, 1265, 1292, 1366, 1406, 1411)
"""Out of range, truncated, wrong value, wrong value for a column, too long, wrong for a type."""
_TYPES: Mapping[str, str] = {
    "BOOLEAN": "boolean",
    "INTEGER": "bigint",
    "BIGINT": "bigint",
    "HUGEINT": "decimal(39, 0)",
    "DOUBLE": "double",
    "FLOAT": "double",
    "DATE": "date",
    "TIMESTAMP": "datetime(6)",
}


class MySql:
    """A database that exists. `tls`: preferred, required or verified (by `ca_file`, if given)."""

    mark = "%s"

    def __init__(self, dsn: str, tls: str, ca_file: str | None) -> None:
        self._address = urlsplit(dsn)
        self._tls = tls
        self._ca_file = ca_file
        self._collation = ""

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        return (OSError, ValueError, _pymysql().MySQLError)

    def connect(self) -> Any:
        address = self._address
        connection = _pymysql().connect(
            host=address.hostname or "localhost",
            port=address.port or 3306,
            user=unquote(address.username or ""),
            password=unquote(address.password or "").encode(),
            database=unquote(address.path.lstrip("/")),
            charset="utf8mb4",
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=300,
            write_timeout=300,
            sql_mode=_MODE,
            # Times are UTC, whatever the server's zone is.
            init_command="set time_zone = '+00:00'",
            ssl=self._context(),
        )
        is_mariadb = "mariadb" in str(connection.get_server_info()).lower()
        self._collation = "utf8mb4_nopad_bin" if is_mariadb else "utf8mb4_0900_bin"
        return connection

    def _context(self) -> ssl.SSLContext | None:
        """None lets the client encrypt where the server can."""
        if self._tls == "preferred":
            return None
        context = ssl.create_default_context(cafile=self._ca_file)
        if self._tls == "required":
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def table(self, sync: str) -> str:
        return quoted(sync)

    def create(self, sync: str) -> str:
        return (
            f"create table if not exists {self.table(sync)} "
            f"({KEY} varchar({LONGEST_KEY}) character set utf8mb4 "
            f"collate {self._collation} primary key) engine = InnoDB default charset = utf8mb4"
        )

    def type_of(self, kind: str) -> str:
        return kind.lower() if kind.startswith("DECIMAL") else _TYPES.get(kind, "longtext")

    def on_conflict(self, sync: str, names: Sequence[str], skips: Collection[str]) -> str:
        # MariaDB has no alias of the new row, and `ignore` would swallow errors.
        changes = [
            f"{one} = coalesce(values({one}), {one})" if name in skips else f"{one} = values({one})"
            for name, one in ((name, quoted(name)) for name in names)
        ]
        return "on duplicate key update " + ", ".join(changes or [f"{KEY} = {KEY}"])

    def value(self, value: Any, kind: str) -> Any:
        if kind == "TIMESTAMP" and isinstance(value, str):
            # Its times have neither a zone nor a letter between day and hour.
            return value.removesuffix("Z").replace("T", " ", 1)
        return as_json(value)

    def execute_many(self, cursor: Any, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        # The driver makes one statement of many rows out of it.
        cursor.executemany(statement, rows)

    def is_about_a_row(self, error: Exception) -> bool:
        kinds = (_pymysql().DataError, _pymysql().IntegrityError, ValueError)
        return isinstance(error, kinds) or _number(error) in _BAD_VALUES

    def describe(self, error: Exception) -> str:
        number = _number(error)
        return f"{type(error).__name__} {number}" if number else type(error).__name__


def _number(error: Exception) -> int:
    first = error.args[0] if error.args else None
    return first if isinstance(first, int) else 0


def _pymysql() -> Any:
    try:
        import pymysql
    except ImportError:
        raise not_installed("tables in MySQL and MariaDB need", "mysql") from None
    return pymysql
