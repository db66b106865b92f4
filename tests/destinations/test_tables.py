"""Tables as destinations: SQLite always, PostgreSQL where a server is named."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cdp.destinations.delivery import Batch, OutgoingRow, Refused, Stop
from cdp.destinations.probe import probe
from cdp.destinations.tables import TableDriver
from cdp.errors import RunError
from tests.postgres import DATABASE, SCHEMA, connect

from .play import destination

COLUMNS = [
    ("email", "VARCHAR"),
    ("spend", "DECIMAL(38,6)"),
    ("seen", "TIMESTAMP"),
    ("vip", "BOOLEAN"),
]


class Tables:
    """A database, and a driver that writes to it."""

    def __init__(self, name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        if name == "postgres_table":
            import os

            self.reader: Any = connect()
            self.reader.cursor().execute(f"create schema {SCHEMA}")
            address = f"{os.environ['CDP_TEST_POSTGRES'].rpartition('/')[0]}/{DATABASE}"
            settings = {"dsn": address, "schema": SCHEMA}
            self.table = f"{SCHEMA}.people"
        else:
            settings = {"path": "out/people.sqlite"}
            self.reader, self.table = None, "people"
        self.destination = destination(name, settings)
        self.driver = TableDriver(self.destination, folder)

    def send(self, *rows: OutgoingRow, columns: Any = COLUMNS) -> Any:
        return self.driver.send(Batch("people", "run", 1, rows, "key", columns))

    def rows(self, columns: str) -> list[tuple[Any, ...]]:
        if self.reader is None:
            self.reader = sqlite3.connect(self.folder / "out" / "people.sqlite")
        cursor = self.reader.cursor()
        cursor.execute(f"select {columns} from {self.table} order by sync_key")
        return list(cursor.fetchall())

    def close(self) -> None:
        self.driver.close()
        if self.reader is not None:
            self.reader.close()


@pytest.fixture(params=["sqlite_table", pytest.param("postgres_table", marks=pytest.mark.postgres)])
def tables(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Tables]:
    found = Tables(request.param, tmp_path, monkeypatch)
    yield found
    found.close()


def person(key: str, **fields: Any) -> OutgoingRow:
    full = {"email": None, "spend": None, "seen": None, "vip": None, **fields}
    return OutgoingRow("upsert", key, full)


def test_a_table_is_made_and_follows_what_is_sent(tables: Tables) -> None:
    first = [person("a", email="a'@x", spend=1.5, vip=True), person("b", email='"b', spend=2)]
    assert [one.state for one in tables.send(*first)] == ["accepted"] * 2
    assert tables.send(*first)[0].state == "accepted"
    tables.send(OutgoingRow("remove", "a", {}), OutgoingRow("remove", "never", {}), person("b"))
    tables.send(person("c", email="c", seen="2026-11-20T10:00:00.000000Z"))
    assert tables.rows("sync_key, email, spend") == [("b", None, None), ("c", "c", None)]
    assert "2026-11-20" in str(tables.rows("seen")[1][0])


def test_a_new_field_adds_a_column(tables: Tables) -> None:
    tables.send(person("a", email="a"))
    more = [*COLUMNS, ("tags", "VARCHAR[]")]
    tables.driver.close()
    tables.driver = TableDriver(tables.destination, tables.folder)
    tables.send(OutgoingRow("upsert", "b", {"email": "b", "tags": ["x", "y"]}), columns=more)
    assert tables.rows("sync_key, email, tags") == [("a", "a", None), ("b", "b", '["x", "y"]')]


@pytest.mark.postgres
def test_a_bad_value_refuses_the_batch_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = Tables("postgres_table", tmp_path, monkeypatch)
    tables.send(person("a", email="a"))
    refused = tables.send(person("b", email="b"), person("c", seen="never-83214"))
    assert isinstance(refused, Refused)
    assert (refused.code, "83214" in refused.reason) == ("bad_value", False)
    assert tables.rows("sync_key") == [("a",)]
    assert tables.send(person("d", email="d"))[0].state == "accepted"
    tables.close()


def test_a_database_that_cannot_be_opened_ends_the_run(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "people.sqlite").mkdir()
    found = destination("sqlite_table", {"path": "out/people.sqlite"})
    driver = TableDriver(found, tmp_path)
    with pytest.raises(Stop) as caught:
        driver.send(Batch("people", "run", 1, [person("a")], "key", COLUMNS))
    stop = caught.value
    assert (stop.slug, stop.message, stop.help) == (
        "destination-unwritable",
        "destination 'sqlite_table' cannot be written to: OperationalError",
        "check that the database is there, and that its user may create and write tables",
    )
    with pytest.raises(RunError, match="destination-unwritable"):
        probe(found, tmp_path)


def test_a_database_that_answers_passes_the_test(tmp_path: Path) -> None:
    result = probe(destination("sqlite_table", {"path": "new.sqlite"}), tmp_path)
    assert (result.was_asked, result.detail) == (True, "the database answers")


def test_a_driver_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "psycopg2", None)
    driver = TableDriver(destination("postgres_table", {"dsn": "postgresql://x"}), tmp_path)
    with pytest.raises(RunError) as caught:
        driver.ask()
    assert str(caught.value) == (
        "error[driver-not-installed]: tables in PostgreSQL need a package that is not installed\n"
        "help: pip install 'cdp[postgres]'"
    )
