"""A warehouse to load into, and a project around one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cdp.errors import Location
from cdp.loader.load import Limit, LoadResult, load_files
from cdp.loader.spec import Source
from cdp.warehouse import Warehouse

SOURCES = """\
sources:
  - name: web
  - name: tills
    table:
      message:
        type: track
        event: Order Completed
        user_id: {column: customer}
        properties:
          revenue: {column: total, type: number}
"""
PROFILES = """\
cdp:
  target: dev
  outputs:
    dev: {type: duckdb, path: warehouse.duckdb, schema: main}
"""
WEB = Source("web", Location(Path("sources.yml")))


@dataclass
class Shop:
    """A folder with landed files and an open warehouse."""

    folder: Path
    warehouse: Warehouse

    def write(self, name: str, content: bytes | str | list[Any]) -> Path:
        """A file of bytes, text, or one JSON value a line."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, list):
            content = "".join(json.dumps(one) + "\n" for one in content)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def load(
        self, *paths: Path | str, source: Source = WEB, max_rejected: Limit | None = None
    ) -> LoadResult:
        return load_files(self.warehouse, "raw", source, paths, max_rejected=max_rejected)

    def events(self, columns: str) -> list[tuple[Any, ...]]:
        query = f"select {columns} from raw.events order by file_id, line_number, message_id"  # noqa: S608 - the test's own columns
        return self.warehouse.rows(query)

    def rejected(self, columns: str = "line_number, reason_code, reason") -> list[tuple[Any, ...]]:
        query = f"select {columns} from raw.rejected order by file_id, line_number, rowid"  # noqa: S608 - the test's own columns
        return self.warehouse.rows(query)


def make_project(folder: Path) -> Path:
    """The files of a project that can load."""
    (folder / "definitions").mkdir(parents=True)
    (folder / "cdp.yml").write_text("dialects: [duckdb]\n")
    (folder / "dbt_project.yml").write_text("name: cdp\nprofile: cdp\n")
    (folder / "profiles.yml").write_text(PROFILES)
    (folder / "definitions" / "sources.yml").write_text(SOURCES)
    return folder


@pytest.fixture
def loading_project(tmp_path: Path) -> Path:
    return make_project(tmp_path / "project")


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        yield Shop(tmp_path, Warehouse(connection, tmp_path / "in memory"))


def message(**fields: Any) -> dict[str, Any]:
    """A valid track call, with some fields changed; `...` takes one away."""
    whole = {"type": "track", "event": "Seen", "userId": "u1", "messageId": "m1", **fields}
    return {name: value for name, value in whole.items() if value is not ...}
