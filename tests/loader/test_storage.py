"""The raw tables in database files that DuckDB made long ago."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from cdp.loader.load import load_files
from cdp.warehouse import Warehouse
from tests.loader.conftest import WEB, Shop, message


@pytest.mark.parametrize(
    ("made_for", "is_zstd"), [("v0.10.2", False), ("v1.2.0", True), ("v1.5.0", True)]
)
def test_payloads_are_stored_with_zstd_where_the_file_can_hold_it(
    shop: Shop, made_for: str, is_zstd: bool
) -> None:
    landed = shop.write("a.ndjson", [message(properties={"text": "x" * 500})] * 3)
    path = shop.folder / "warehouse.duckdb"
    _make_file(path, made_for)
    with duckdb.connect(str(path)) as connection:
        connection.execute("set timezone = 'UTC'")
        assert load_files(Warehouse(connection, path), "raw", WEB, [landed]).event_count == 3
        connection.execute("checkpoint")
        found = connection.execute(
            "select distinct compression from pragma_storage_info('raw.events') "
            "where column_name = 'payload' and segment_type = 'VARCHAR'"
        ).fetchall()
    assert (found == [("ZSTD",)]) == is_zstd


def _make_file(path: Path, made_for: str) -> None:
    with duckdb.connect() as maker:
        maker.execute(f"attach '{path}' as created (storage_version '{made_for}')")
