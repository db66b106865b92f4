"""One door to the warehouse that the dbt profile names.

Owns opening DuckDB, waiting for its single writer and naming who holds it, and
running SQL. Does not own any table. Engines other than DuckDB are built by dbt;
the commands that write to the warehouse themselves (load, sync) speak DuckDB.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cdp.errors import Location, RunError, TransientError
from cdp.project import Project

if TYPE_CHECKING:
    import duckdb

LOCK_WAIT_S = 30.0
LOCKED = "Could not set lock on file"
LIMITS = {"memory_limit", "threads", "temp_directory", "max_temp_directory_size"}
_HOLDER = re.compile(r"PID (\d+)")
_RETRY_EVERY_S = 0.2


class Warehouse:
    """An open connection. Identifiers come from code, values only as parameters."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, path: Path) -> None:
        self.connection = connection
        self.path = path

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        self.connection.execute(sql, list(parameters))

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query, fetched: an open result would block the next statement."""
        return self.connection.execute(sql, list(parameters)).fetchall()

    def table(
        self, sql: str, parameters: Sequence[Any] = ()
    ) -> tuple[list[str], list[tuple[Any, ...]]]:
        """The column names and all rows of a query."""
        cursor = self.connection.execute(sql, list(parameters))
        names = [column[0] for column in cursor.description or ()]
        return names, cursor.fetchall()

    def value(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """The first column of the only row."""
        found = self.rows(sql, parameters)
        return found[0][0] if found else None

    def exists(self, schema: str, table: str) -> bool:
        return bool(
            self.rows(
                "select 1 from information_schema.tables where table_schema = ? and table_name = ?",
                [schema, table],
            )
        )

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of the statements inside, or none."""
        self.connection.execute("begin transaction")
        try:
            yield
        except BaseException:
            self.connection.execute("rollback")
            raise
        self.connection.execute("commit")


def quoted(name: str) -> str:
    """An identifier of SQL, quoted."""
    return '"' + name.replace('"', '""') + '"'


def quoted_text(text: str) -> str:
    """A text literal of SQL, for statements of DuckDB that take no parameters there."""
    return "'" + text.replace("'", "''") + "'"


def duckdb_path(project: Project) -> Path:
    """The DuckDB file of the target.

    Raises RunError when the target is another engine.
    """
    target = project.target
    if target.path is None:
        raise RunError(
            "unsupported-warehouse",
            f"this command writes to DuckDB only, and the target '{target.name}' "
            f"is {target.adapter}",
            help="choose a DuckDB target with --target; models build on every engine",
        )
    return target.path


@contextmanager
def open_warehouse(
    project: Project, *, read_only: bool = False, lock_wait_s: float = LOCK_WAIT_S
) -> Iterator[Warehouse]:
    """The warehouse, for as long as the block lasts.

    Waits up to `lock_wait_s` seconds for another process to let go of it.

    Raises:
        TransientError: another process still holds it; the message names the process.
        RunError: it is not a DuckDB database, a reader found no database, or the memory
            that the profile allows is not enough.
    """
    path = duckdb_path(project)
    if read_only and not path.exists():
        raise RunError(
            "no-warehouse",
            f"there is no warehouse at {path}",
            help="load events with 'cdp load' and run 'cdp build' first",
        )
    with _opened(project, path, read_only, lock_wait_s) as warehouse:
        yield warehouse


@contextmanager
def _opened(
    project: Project, path: Path, read_only: bool, lock_wait_s: float
) -> Iterator[Warehouse]:
    """A DuckDB file of the target, within what its profile allows."""
    import duckdb

    connection = _connect(path, read_only, lock_wait_s)
    try:
        _limit(connection, project)
        yield Warehouse(connection, path)
    except duckdb.OutOfMemoryException as error:
        raise RunError(
            "out-of-memory",
            f"DuckDB needs more memory than it may have: {str(error).splitlines()[0]}",
            help="raise 'memory_limit' in the target's settings, or lower 'threads'",
        ) from None
    finally:
        connection.close()


def _limit(connection: duckdb.DuckDBPyConnection, project: Project) -> None:
    """Take no more of the machine than the profile's settings say; the others are for models."""
    import duckdb

    settings = project.target.settings.get("settings") or {}
    for name in sorted(LIMITS & settings.keys()):
        try:
            connection.execute(f"set {name} = {quoted_text(str(settings[name]))}")
        except duckdb.Error as error:
            first = str(error).splitlines()[0]
            raise RunError(
                "invalid-setting",
                f"DuckDB does not take the setting '{name}' of target '{project.target.name}': "
                f"{first}",
                location=Location(project.profiles_file),
                help="mend it there; see DuckDB's configuration reference",
            ) from None


def read_copy(path: Path) -> Path:
    """Where the published copy of the profile-grain tables of a warehouse is."""
    return path.with_name(path.stem + ".read" + path.suffix)


@contextmanager
def open_for_reading(project: Project) -> Iterator[Warehouse]:
    """The warehouse, or its published read copy while somebody writes to the warehouse."""
    path = duckdb_path(project)
    copy = read_copy(path)
    try:
        with open_warehouse(
            project, read_only=True, lock_wait_s=0 if copy.exists() else LOCK_WAIT_S
        ) as warehouse:
            yield warehouse
            return
    except TransientError as error:
        if not copy.exists():
            raise
        sys.stderr.write(f"{error.problems[0].message}; reading the published copy instead\n")
    with _opened(project, copy, True, LOCK_WAIT_S) as warehouse:
        yield warehouse


def _connect(path: Path, read_only: bool, lock_wait_s: float) -> duckdb.DuckDBPyConnection:
    import duckdb

    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + lock_wait_s
    while True:
        try:
            return _open(path, read_only)
        except duckdb.IOException as error:
            if LOCKED not in str(error):
                raise _unreadable(path, error) from None
            if time.monotonic() >= deadline:
                raise _locked(path, str(error), lock_wait_s) from None
        except duckdb.Error as error:
            raise _unreadable(path, error) from None
        time.sleep(_RETRY_EVERY_S)


def _open(path: Path, read_only: bool) -> duckdb.DuckDBPyConnection:
    import duckdb

    if read_only or path.exists():
        connection = duckdb.connect(str(path), read_only=read_only)
    else:
        connection = _create(path)
    connection.execute("set timezone = 'UTC'")
    return connection


def _create(path: Path) -> duckdb.DuckDBPyConnection:
    """A new file in a format that DuckDB 1.5 and 2.0 both read."""
    import duckdb

    with duckdb.connect() as maker:
        maker.execute(f"attach {quoted_text(str(path))} as created (storage_version 'v1.5.0')")
    return duckdb.connect(str(path))


def _unreadable(path: Path, error: Exception) -> RunError:
    first = str(error).splitlines()[0]
    return RunError(
        "unreadable-warehouse",
        f"{path} cannot be opened: {first}",
        help="check the path in profiles.yml; it must be a DuckDB database",
    )


def _locked(path: Path, text: str, waited_s: float) -> TransientError:
    found = _HOLDER.search(text)
    holder = f"process {found[1]}{_command(found[1])}" if found else "another process"
    return TransientError(
        "warehouse-locked",
        f"{path} is held by {holder}; waited {waited_s:g} s",
        help="let it finish, or wait longer with --lock-wait; DuckDB has one writer at a time",
    )


def _command(pid: str) -> str:
    """The command line of a process, where the system tells, without its arguments' values."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return ""
    names = [Path(word).name for word in words[:4] if word and not word.startswith("-")]
    return f" ({' '.join(names)})" if names else ""
