"""The raw tables: their columns, the ledger's questions, nothing about files.

`raw.events` holds one row a delivered message, `raw.load_files` one row a loaded
file (the ledger that makes a load exactly once), `raw.rejected` one row a refused
line. Their grain and columns are a contract with the dbt sources.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cdp.errors import RunError
from cdp.warehouse import Warehouse
from cdp.yamlfile import NAME

_TABLES = {
    "events": """
        load_id bigint not null,
        file_id bigint not null,
        line_number bigint not null,
        source varchar not null,
        message_id varchar not null,
        type varchar not null,
        event varchar,
        user_id varchar,
        anonymous_id varchar,
        group_id varchar,
        previous_id varchar,
        original_timestamp timestamp,
        "timestamp" timestamp,
        sent_at timestamp,
        received_at timestamp not null,
        loaded_at timestamp not null,
        payload varchar {compression} not null
    """,
    "load_files": """
        file_id bigint not null,
        load_id bigint not null,
        source varchar not null,
        path varchar not null,
        content_sha256 varchar not null,
        byte_count bigint not null,
        row_count bigint not null,
        rejected_count bigint not null,
        loaded_at timestamp not null
    """,
    "rejected": """
        load_id bigint not null,
        file_id bigint not null,
        line_number bigint not null,
        source varchar not null,
        path varchar not null,
        reason_code varchar not null,
        reason varchar not null,
        text varchar
    """,
}

# For payloads, DuckDB's own choice takes three times as long to write and as much room.
_ZSTD = "using compression zstd"
_FILES_WITHOUT_ZSTD = ("v0.", "v1.0.", "v1.1.")


@dataclass(frozen=True)
class LedgerEntry:
    """A file that an earlier load took in."""

    load_id: int
    path: str
    content_sha256: str
    loaded_at: datetime


class RawTables:
    """The raw schema of one warehouse. Its name is checked here and nowhere else."""

    def __init__(self, warehouse: Warehouse, schema: str) -> None:
        if not NAME.match(schema):
            raise RunError(
                "invalid-name",
                f"the raw schema is named {schema!r}",
                help="set the var cdp_raw_schema to lower-case letters, digits and '_'",
            )
        self.warehouse = warehouse
        self.schema = schema

    def name(self, table: str) -> str:
        return f"{self.schema}.{table}"

    def create(self) -> None:
        """Make what is missing; existing tables are left as they are."""
        self.warehouse.execute(f"create schema if not exists {self.schema}")
        compression = "" if self._is_old_file() else _ZSTD
        for table, columns in _TABLES.items():
            definition = columns.format(compression=compression)
            self.warehouse.execute(f"create table if not exists {self.name(table)} ({definition})")

    def _is_old_file(self) -> bool:
        """Whether the file was made for DuckDB before 1.2; DuckDB 2.0 refuses zstd in it."""
        made_for = self.warehouse.value(
            "select tags['storage_version'] from duckdb_databases() "
            "where database_name = current_database()"
        )
        return str(made_for).startswith(_FILES_WITHOUT_ZSTD)

    def next_ids(self) -> tuple[int, int]:
        """The next load_id and the next file_id; the warehouse has one writer."""
        rows = self.warehouse.rows(
            "select coalesce(max(load_id), 0) + 1, coalesce(max(file_id), 0) + 1 "  # noqa: S608 - a checked name
            f"from {self.name('load_files')}"
        )
        return rows[0][0], rows[0][1]

    def ledger(self, source: str) -> list[LedgerEntry]:
        """The files of a source that were loaded, in the order of loading."""
        if not self.warehouse.exists(self.schema, "load_files"):
            return []
        rows = self.warehouse.rows(
            "select load_id, path, content_sha256, loaded_at "  # noqa: S608 - a checked name
            f"from {self.name('load_files')} where source = ? order by file_id",
            [source],
        )
        return [LedgerEntry(*row) for row in rows]
