"""Tables as destinations: SQLite always, PostgreSQL and MySQL where a server is named."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cdp.destinations.delivery import Batch, OutgoingRow, Refused, Stop, Target
from cdp.destinations.probe import probe
from cdp.destinations.tables import TableDriver
from cdp.errors import RunError
from tests import mysql
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
            self.reader: Any = connect()
            self.reader.cursor().execute(f"create schema {SCHEMA}")
            address = f"{os.environ['CDP_TEST_POSTGRES'].rpartition('/')[0]}/{DATABASE}"
            settings = {"dsn": address, "schema": SCHEMA}
            self.table = f"{SCHEMA}.people"
        elif name == "mysql_table":
            self.reader, self.table = mysql.connect(), "people"
            settings = {"dsn": mysql.address()}
        else:
            settings = {"path": "out/people.sqlite"}
            self.reader, self.table = None, "people"
        self.destination = destination(name, settings)
        self.driver = TableDriver(self.destination, folder)

    def open(self, mode: str) -> None:
        """A driver for a sync of a mode."""
        self.driver.close()
        self.driver = TableDriver(self.destination, self.folder, Target(mode=mode))

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


SERVERS = [
    pytest.param("postgres_table", marks=pytest.mark.postgres),
    pytest.param("mysql_table", marks=pytest.mark.mysql),
]


@pytest.fixture(params=["sqlite_table", *SERVERS])
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


def test_hostile_values_arrive_as_they_are(tables: Tables) -> None:
    awkward = "a'; drop table people; -- \"\\ %s %(x)s \u00fc\U0001f600"
    keys = ["a", "a ", "A", awkward]
    tables.send(*(person(key, email=awkward) for key in keys))
    found = tables.rows("sync_key, email")
    assert sorted(found) == sorted((key, awkward) for key in keys)
    tables.send(*(OutgoingRow("remove", key, {}) for key in ("a ", awkward)))
    assert sorted(tables.rows("sync_key")) == [("A",), ("a",)]


def test_a_row_without_fields_is_a_key(tables: Tables) -> None:
    for _ in range(2):
        assert tables.send(OutgoingRow("upsert", "a", {}), columns=[])[0].state == "accepted"
    assert tables.rows("sync_key") == [("a",)]


def test_an_update_makes_no_row(tables: Tables) -> None:
    tables.send(person("a", email="a"), person("b", email="b"))
    tables.open("update")
    found = tables.send(person("a", email="new"), person("c", email="c"), person("b"))
    assert [(one.state, one.code) for one in found] == [
        ("accepted", ""), ("rejected", "not_there"), ("accepted", ""),
    ]  # fmt: skip
    assert tables.rows("sync_key, email") == [("a", "new"), ("b", None)]
    assert tables.send(OutgoingRow("upsert", "a", {}), columns=[])[0].state == "accepted"


def test_an_archive_keeps_who_leaves_with_the_time_and_clears_it_on_return(tables: Tables) -> None:
    tables.open("archive")
    tables.send(person("a", email="a"), person("b", email="b"))
    leaving = [OutgoingRow("remove", key, {}) for key in ("a", "never")]
    assert [one.state for one in tables.send(*leaving)] == ["accepted"] * 2
    ((_, email, left_at), (_, _, stayed)) = tables.rows("sync_key, email, archived_at")
    assert (email, stayed) == ("a", None)
    assert left_at is not None
    tables.send(*leaving)
    assert tables.rows("archived_at")[0] == (left_at,)
    tables.send(person("a", email="back"))
    assert tables.rows("sync_key, email, archived_at") == [("a", "back", None), ("b", "b", None)]


@pytest.mark.parametrize("tables", SERVERS, indirect=True)
@pytest.mark.parametrize("bad", [{"seen": "never-83214"}, {"vip": "83214 or not"}])
def test_a_bad_value_refuses_the_batch_and_leaves_nothing(
    tables: Tables, bad: dict[str, Any]
) -> None:
    tables.send(person("a", email="a"))
    refused = tables.send(person("b", email="b"), person("c", **bad))
    assert isinstance(refused, Refused)
    assert (refused.code, "83214" in refused.reason) == ("bad_value", False)
    assert tables.rows("sync_key") == [("a",)]
    assert tables.send(person("d", email="d"))[0].state == "accepted"


@pytest.mark.parametrize("tables", SERVERS, indirect=True)
def test_a_decimal_keeps_its_digits(tables: Tables) -> None:
    tables.send(person("a", spend="12345678901234567890.123456"))
    assert str(tables.rows("spend")[0][0]) == "12345678901234567890.123456"


@pytest.mark.mysql
def test_a_key_that_is_too_long_for_mysql_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = Tables("mysql_table", tmp_path, monkeypatch)
    assert tables.send(person("\U0001f600" * 512))[0].state == "accepted"
    assert tables.send(person("k" * 513)) == Refused("bad_value", "DataError 1406")
    tables.close()


@pytest.mark.mysql
def test_a_wrong_password_ends_the_run_and_is_not_shown(tmp_path: Path) -> None:
    mysql.connect().close()
    address = mysql.address().replace("root@", "root:pass-7731@")
    driver = TableDriver(destination("mysql_table", {"dsn": address}), tmp_path)
    with pytest.raises(Stop) as caught:
        driver.ask()
    assert caught.value.message == (
        "destination 'mysql_table' cannot be written to: OperationalError 1045"
    )


@pytest.mark.mysql
@pytest.mark.parametrize("tls", ["required", "verified"])
def test_a_server_without_a_trusted_certificate_is_not_talked_to(tmp_path: Path, tls: str) -> None:
    mysql.connect().close()
    driver = TableDriver(destination("mysql_table", {"dsn": mysql.address(), "tls": tls}), tmp_path)
    with pytest.raises(Stop, match="OperationalError 2026"):
        driver.ask()


def test_an_address_of_another_kind_is_refused_unseen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_DSN", "postgresql://me:pass-7731@host/shop")
    with pytest.raises(RunError) as caught:
        TableDriver(destination("mysql_table", {"dsn": "env:SHOP_DSN"}), tmp_path)
    assert str(caught.value) == (
        "error[invalid-setting]: the environment variable SHOP_DSN, which destination "
        "'mysql_table' uses as 'dsn', has not the form that it must have\n"
        "  --> destinations.yml\n"
        "help: mysql://user:password@host:port/database; what is special in a password is "
        "percent-encoded"
    )


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


def test_a_file_that_is_no_database_does_not_pass_the_test(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("neither a database nor short" * 50)
    with pytest.raises(RunError, match="cannot be written to: DatabaseError"):
        probe(destination("sqlite_table", {"path": "notes.txt"}), tmp_path)


def test_a_database_that_answers_passes_the_test(tmp_path: Path) -> None:
    result = probe(destination("sqlite_table", {"path": "new.sqlite"}), tmp_path)
    assert (result.was_asked, result.detail) == (True, "the database answers")


@pytest.mark.parametrize(
    ("name", "dsn", "package", "needing", "extra"),
    [
        (
            "postgres_table",
            "postgresql://x",
            "psycopg2",
            "tables in PostgreSQL need",
            "postgres",
        ),
        (
            "mysql_table",
            "mysql://x/y",
            "pymysql",
            "tables in MySQL and MariaDB need",
            "mysql",
        ),
    ],
)
def test_a_driver_that_is_missing_is_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    dsn: str,
    package: str,
    needing: str,
    extra: str,
) -> None:
    monkeypatch.setitem(__import__("sys").modules, package, None)
    driver = TableDriver(destination(name, {"dsn": dsn}), tmp_path)
    with pytest.raises(RunError) as caught:
        driver.ask()
    assert str(caught.value) == (
        f"error[driver-not-installed]: {needing} a package that is not installed\n"
        f"help: pip install 'cdp[{extra}]'"
    )
