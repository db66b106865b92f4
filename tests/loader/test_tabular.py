"""Rows of CSV and Parquet files as messages, by the mapping of a source."""

from __future__ import annotations

import json
import random
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from cdp.errors import Problems, RunError
from cdp.loader import reading
from cdp.loader.spec import Source, read_sources
from tests.loader.conftest import WEB, Shop, message

TILLS = """\
sources:
  - name: tills
    table:
      message:
        type: track
        event: Order Completed
        message_id: {column: no}
        user_id: {column: customer}
        timestamp: {column: at}
        properties:
          revenue: {column: total, type: number}
          quantity: {column: items, type: integer}
          gift: {column: gift, type: boolean}
          shop.city: Ulm
"""
CDNOW = """\
sources:
  - name: cdnow
    table:
      delimiter: whitespace
      columns: [customer, date, cds, dollars]
      message:
        type: track
        event: Order Completed
        user_id: {column: customer}
        timestamp: {column: date, format: "%Y%m%d"}
        properties:
          quantity: {column: cds, type: integer}
          revenue: {column: dollars, type: number}
"""


def declared(shop: Shop, text: str) -> Source:
    path = shop.write("sources.yml", text)
    problems = Problems()
    sources = read_sources(path, problems)
    problems.raise_if_any()
    return next(iter(sources.values()))


def test_a_row_becomes_a_message(shop: Shop) -> None:
    text = "no,customer,at,total,items,gift\nr1,c1,2026-05-01T12:00:00+02:00,+012.50,3,TRUE\n"
    shop.load(shop.write("a.csv", text), source=declared(shop, TILLS))
    columns = 'line_number, message_id, type, event, user_id, "timestamp"'
    assert shop.events(columns) == [
        (2, "r1", "track", "Order Completed", "c1", datetime(2026, 5, 1, 10))
    ]
    properties = '{"revenue":12.50,"quantity":3,"gift":true,"shop":{"city":"Ulm"}}'
    assert str(shop.events("payload")[0][0]).endswith(f'"properties":{properties}}}')


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("r,c,,x1,1,", "the column 'total' is not of type number"),
        ("r,c,,.,1,", "the column 'total' is not of type number"),
        ("r,c,,1e,1,", "the column 'total' is not of type number"),
        ("r,c,,nan,1,", "the column 'total' is not of type number"),
        ("r,c,,1,1.0,", "the column 'items' is not of type integer"),
        ("r,c,,1,1,maybe", "the column 'gift' is not of type boolean"),
        ("r,c,1st of May,1,1,", "the column 'at' is not of type timestamp"),
    ],
)
def test_a_value_of_another_type_is_refused(shop: Shop, row: str, reason: str) -> None:
    text = f"no,customer,at,total,items,gift\n{row}\nr2,c2,,,,\n"
    shop.load(shop.write("a.csv", text), source=declared(shop, TILLS))
    assert shop.rejected("line_number, reason_code, reason, text") == [
        (2, "invalid_value", reason, row)
    ]
    assert shop.events("message_id") == [("r2",)]


def test_rows_that_are_no_rows(shop: Shop) -> None:
    lines = ["no,customer,at,total,items,gift", "r1,c1", "", "r2,,,,,", "x" * 200_000, "r3,c3,,,,"]
    shop.load(shop.write("a.csv", "\n".join(lines)), source=declared(shop, TILLS))
    assert shop.rejected() == [
        (2, "invalid_row", "the row has 2 fields, the table 6"),
        (4, "no_user_anon_id", "neither 'userId' nor 'anonymousId' is given"),
        (5, "invalid_row", "the row has 0 fields, the table 6"),
    ]
    assert shop.events("line_number, message_id") == [(6, "r3")]


def test_bytes_that_are_not_text_cost_only_their_row(shop: Shop) -> None:
    text = b"no,customer,at,total,items,gift\nr1,\xff,,,,\nr2,M\xc3\xbcller,,,,\n"
    shop.load(shop.write("a.csv", text), source=declared(shop, TILLS))
    assert shop.rejected() == [(2, "bad_request", "not valid UTF-8")]
    assert shop.events("user_id") == [("Müller",)]


def test_lines_of_rows_are_physical(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BLOCK_BYTES", 50)
    rows = [f"r{n},c{n},,{n}.5,1," if n % 4 else "" for n in range(2, 100)]
    text = "no,customer,at,total,items,gift\r\n" + "\r\n".join(rows)
    shop.load(shop.write("a.csv", text), source=declared(shop, TILLS))
    expected = [(n, f"r{n}") for n in range(2, 100) if n % 4]
    assert shop.events("line_number, message_id") == expected


def test_a_quoted_field_may_span_lines(shop: Shop) -> None:
    text = 'no,customer,at,total,items,gift\nr1,"a\nb,""c""",,,,\nr2,c,,,,\n'
    shop.load(shop.write("a.csv", text), source=declared(shop, TILLS))
    assert shop.events("line_number, user_id") == [(3, 'a\nb,"c"'), (4, "c")]


def test_parquet(shop: Shop) -> None:
    path = shop.folder / "a.parquet"
    shop.warehouse.execute(
        f"""
        copy (
            select 'r' || n as no, n as customer, timestamp '2026-05-01 10:00:00' as at,
                n * 1.25 as total, n as items, n = 2 as gift
            from range(1, 4) as t(n)
        ) to '{path}' (format parquet)
        """  # noqa: S608 - the test's own folder
    )
    shop.load(path, source=declared(shop, TILLS))
    assert shop.events('line_number, message_id, user_id, "timestamp"') == [
        (n, f"r{n}", str(n), datetime(2026, 5, 1, 10)) for n in (1, 2, 3)
    ]
    properties = [json.loads(row[0])["properties"] for row in shop.events("payload")]
    assert properties[1] == {"revenue": 2.5, "quantity": 2, "gift": True, "shop": {"city": "Ulm"}}


def test_a_file_that_is_no_parquet(shop: Shop) -> None:
    with pytest.raises(RunError, match=r"a.parquet cannot be read: .*; nothing was loaded"):
        shop.load(shop.write("a.parquet", "no parquet"), source=declared(shop, TILLS))


def test_a_column_that_the_file_has_not(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shop.folder)
    source = declared(shop, TILLS)
    with pytest.raises(RunError) as caught:
        shop.load(shop.write("a.csv", "no,customer,at,totl,items,gift\n"), source=source)
    assert str(caught.value) == (
        "error[missing-column]: source 'tills' reads the column 'total', which the file has not\n"
        "  --> sources.yml:2:11\n   2 |   - name: tills\n"
        "help: did you mean 'totl'?"
    )


def test_a_table_for_a_source_without_a_mapping(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shop.folder)
    with pytest.raises(RunError) as caught:
        shop.load(shop.write("a.csv", "a,b\n"), source=WEB)
    assert str(caught.value) == (
        "error[no-table-mapping]: a.csv is a table, and source 'web' does not say how its rows "
        "become messages; nothing was loaded\n"
        "  --> sources.yml\n"
        "help: add a 'table' to the source in definitions/sources.yml"
    )


def test_files_of_a_table_source_are_tables_unless_they_end_in_json(shop: Shop) -> None:
    source = declared(shop, TILLS)
    rows = shop.write("export.dat", "no,customer,at,total,items,gift\nr1,c1,,,,\n")
    messages = shop.write("a.ndjson", [message(messageId="m1")])
    shop.load(rows, messages, source=source)
    assert shop.events("message_id") == [("r1",), ("m1",)]


def test_rows_that_repeat_another_are_messages_of_their_own(shop: Shop) -> None:
    shop.load(
        shop.write("a.txt", "customer date cds dollars\n1 19970101 1 9.99\n1 19970101 1 9.99\n"),
        source=declared(shop, CDNOW),
    )
    assert len(set(shop.events("message_id"))) == len(shop.events("message_id")) == 2


def _purchases(shop: Shop) -> list[tuple[object, ...]]:
    return shop.warehouse.rows(
        "select user_id, \"timestamp\", payload ->> '$.properties' from raw.events order by all"
    )


def test_cdnow_as_one_file_or_thirty_shuffled_ones(shop: Shop, cdnow_file: Path) -> None:
    source = declared(shop, CDNOW)
    result = shop.load(cdnow_file, source=source)
    assert (result.event_count, result.rejected_count) == (69_659, 0)
    whole = _purchases(shop)
    sums = shop.warehouse.rows(
        "select count(distinct user_id), count(distinct message_id), "
        "sum((payload ->> '$.properties.quantity')::bigint), "
        "sum((payload ->> '$.properties.revenue')::decimal(38, 6)) from raw.events"
    )
    assert sums == [(23_570, 69_659, 167_881, Decimal("2500315.63"))]

    header, *rows = cdnow_file.read_bytes().splitlines(keepends=True)
    random.Random(30).shuffle(rows)
    for number in range(30):
        shop.write(f"parts/{number:02d}.txt", header + b"".join(rows[number::30]))
    shop.warehouse.execute("drop schema raw cascade")
    assert len(shop.load(shop.folder / "parts", source=source).loaded) == 30
    assert _purchases(shop) == whole
