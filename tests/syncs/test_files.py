"""Files as destinations: change files and snapshots, whole or not at all."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from .harness import Shop

AWKWARD = 'a "quoted", \n newline; ünïcode'


def files(shop: Shop, pattern: str) -> list[Path]:
    return sorted((shop.folder / "out").glob(pattern))


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def test_changes_to_csv_are_one_file_a_run(shop: Shop) -> None:
    shop.sync(destination="table")
    shop.desire([("a", AWKWARD, Decimal("1.5")), ("b", None, None), ("c", "", 2)])
    assert shop.run().count("accepted") == 3
    shop.desire([("a", AWKWARD, Decimal("1.5")), ("b", "b@x", None)])
    shop.run()
    assert shop.run().sent == 0
    first, second = files(shop, "customers/*.csv")
    assert read_csv(first) == [
        {"operation": "upsert", "key": "a", "email": AWKWARD, "spend": "1.500000"},
        {"operation": "upsert", "key": "b", "email": "", "spend": ""},
        {"operation": "upsert", "key": "c", "email": "", "spend": "2.000000"},
    ]
    assert '"b"' not in first.read_text()
    assert 'c,"",2.000000' in first.read_text()
    assert [(row["operation"], row["key"]) for row in read_csv(second)] == [
        ("remove", "c"),
        ("upsert", "b"),
    ]
    assert files(shop, "customers/.*") == []


def test_changes_to_json_lines(shop: Shop) -> None:
    shop.sync(destination="lines")
    shop.desire([("a", AWKWARD, Decimal("1.5")), ("b", None, None)])
    shop.run()
    (path,) = files(shop, "customers/*.jsonl")
    assert [json.loads(line) for line in path.read_text().splitlines()] == [
        {"operation": "upsert", "key": "a", "email": AWKWARD, "spend": 1.5},
        {"operation": "upsert", "key": "b", "email": None, "spend": None},
    ]


def test_changes_to_parquet_keep_their_types(shop: Shop) -> None:
    shop.sync(destination="columns")
    shop.desire({"a": "a@x"})
    with shop.connect() as connection:
        connection.execute(
            "create or replace table main.sync__customers as select 'a' as sync_key, "
            "'a@x' as email, cast(2.5 as decimal(38, 6)) as spend, 7 as orders, true as is_vip, "
            "timestamp '2026-01-02 03:04:05.678901' as seen_at, ['x', 'y,z'] as tags"
        )
    shop.run()
    (path,) = files(shop, "customers/*.parquet")
    with duckdb.connect() as connection:
        found = connection.execute("from read_parquet(?)", [str(path)])
        assert [str(column[1]) for column in found.description or ()][2:] == [
            "VARCHAR",
            "DECIMAL(38,6)",
            "INTEGER",
            "BOOLEAN",
            "TIMESTAMP",
            "VARCHAR[]",
        ]
        (row,) = found.fetchall()
    assert row[2:6] == ("a@x", Decimal("2.5"), 7, True)
    assert str(row[6]) == "2026-01-02 03:04:05.678901"
    assert row[7] == ["x", "y,z"]


def test_a_snapshot_holds_the_whole_state_and_changes_only_with_it(shop: Shop) -> None:
    shop.sync(destination="whole", more="guards: {max_removal_ratio: 1}")
    shop.desire([("b", "b@x", 1), ("a", "a@x", 1), ("d", "1", 1), ("d", "2", 1)])
    shop.run()
    (path,) = files(shop, "customers.csv")
    assert [row["key"] for row in read_csv(path)] == ["a", "b"]
    written_at = path.stat().st_mtime_ns
    shop.run()
    assert path.stat().st_mtime_ns == written_at
    shop.desire({"b": "b@x"})
    assert shop.run().count("accepted") == 2
    assert read_csv(path) == [{"key": "b", "email": "b@x", "spend": "10.000000"}]
    assert shop.spooled() == []


def test_a_folder_that_cannot_be_written_to_acknowledges_nothing(shop: Shop) -> None:
    (shop.folder / "out").write_text("a file where the folder should be")
    shop.sync(destination="table")
    shop.desire({"a": "a@x"})
    failed = shop.run()
    assert str(failed.error) == (
        "error[destination-unwritable]: destination 'table' cannot be written to: Not a directory\n"
        "help: check that the folder exists, may be written to and has space"
    )
    (shop.folder / "out").unlink()
    assert shop.run().count("accepted") == 1


def test_a_folder_that_no_file_system_has_is_said_so(shop: Shop) -> None:
    shop.sync(destination="table")
    path = shop.folder / "definitions" / "destinations.yml"
    path.write_text(path.read_text().replace("path: out", 'path: "o\\0ut"'))
    shop.desire({"a": "a@x"})
    assert str(shop.run().error) == (
        "error[destination-unwritable]: destination 'table' cannot be written to: ValueError\n"
        "help: check that the folder exists, may be written to and has space"
    )


@pytest.mark.parametrize("destination", ["table", "whole"])
def test_the_spool_is_private_while_payloads_are_in_it(
    shop: Shop, destination: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cdp.destinations.files import FileDriver

    modes: dict[str, int] = {}
    send = FileDriver.send

    def look(driver: FileDriver, batch: object) -> object:
        modes.update({path.suffix: path.stat().st_mode & 0o777 for path in shop.spool.iterdir()})
        return send(driver, batch)  # type: ignore[arg-type]

    monkeypatch.setattr(FileDriver, "send", look)
    shop.sync(destination=destination)
    shop.desire({"a": "a@x"})
    shop.run()
    assert ".journal" in modes
    assert set(modes.values()) == {0o600}
    assert shop.spool.stat().st_mode & 0o777 == 0o700
