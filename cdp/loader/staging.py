"""Lines on their way into the raw tables: temporary tables and the set work in SQL.

Lines are gathered in `cdp_load_lines` and moved in sets. For each set: texts that
need Python's eye (batch bodies, or what DuckDB's JSON reader does not catch) are
replaced by what they hold; then one statement parses, validates, types and inserts.
Runs inside the load's transaction; does not begin or end it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from cdp.loader.documents import Entry, unfold
from cdp.loader.judge import JUDGED, SUSPICIOUS, insert_events, insert_rejected
from cdp.loader.reading import Landed
from cdp.loader.tables import RawTables

FLUSH_BYTES = 128 * 1024 * 1024
ROWS_AT_ONCE = 20_000


def _storable(text: str) -> str:
    """A text without what a warehouse cannot keep: only refused texts have any."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")


@dataclass
class Staging:
    """Gathers the lines of one load and moves them into the raw tables, set by set."""

    tables: RawTables
    load_id: int
    source: str
    loaded_at: datetime
    _entries: list[tuple[int, Entry]] = field(default_factory=list)
    _bytes: int = 0

    def __post_init__(self) -> None:
        self._run("""
            create or replace temp table cdp_load_lines (
                file_id bigint, line_number bigint, item bigint, text varchar,
                reason_code varchar, reason varchar, is_final boolean
            )
        """)
        self._run("""
            create or replace temp table cdp_load_files (
                file_id bigint, path varchar, content_sha256 varchar
            )
        """)

    def add_file(self, file_id: int, landed: Landed) -> None:
        self.tables.warehouse.execute(
            "insert into cdp_load_files values (?, ?, ?)",
            [file_id, landed.path.as_posix(), landed.sha256],
        )

    def add_lines(self, file_id: int, first: int, text: str) -> None:
        """Whole lines, still joined; the warehouse cuts and numbers them and drops blank ones."""
        self.tables.warehouse.execute(
            """
            insert into cdp_load_lines
            select $1, s.line_number, 0, s.line, null, null, false
            from (
                select
                    p.line_number,
                    -- Trimming costs as much as parsing, and most lines have nothing to trim.
                    case when starts_with(p.line, '{') and ends_with(p.line, '}') then p.line
                        else trim(p.line, chr(13) || chr(9) || ' ') end as line
                from (
                    select
                        $2 - 1 + generate_subscripts(b.cut, 1) as line_number,
                        unnest(b.cut) as line
                    from (
                        select string_split(v.text, chr(10)) as cut from (values ($3)) as v(text)
                    ) as b
                ) as p
            ) as s
            where s.line <> ''
            """,
            [file_id, first, text],
        )
        self._grew(len(text))

    def add_entries(self, file_id: int, entries: Iterable[Entry]) -> None:
        """Messages that Python has read, one by one; already checked for exact JSON."""
        for entry in entries:
            self._entries.append((file_id, entry))
            if len(self._entries) >= ROWS_AT_ONCE:
                self._write_entries()

    def flush(self) -> None:
        """Move everything gathered so far into the raw tables."""
        self._write_entries(may_flush=False)
        self._judge("create or replace temp table cdp_load_judged as")
        self._unfold()
        values: dict[str, object] = {"load_id": self.load_id, "source": self.source}
        self._moved(insert_rejected(self.tables.name("rejected")), values)
        values["loaded_at"] = self.loaded_at
        self._moved(insert_events(self.tables.name("events")), values)
        self._bytes = 0

    def _judge(self, into: str) -> None:
        self.tables.warehouse.connection.execute(
            f"{into} {JUDGED}",
            {"suspicious": SUSPICIOUS},
        ).fetchall()
        self._run("truncate cdp_load_lines")

    def _unfold(self) -> None:
        """Replace the texts that SQL cannot judge by the messages, or refusals, in them."""
        found = self.tables.warehouse.rows(
            "select rowid, file_id, line_number, text from cdp_load_judged where is_for_python"
        )
        gone = []
        for row, file_id, line_number, text in found:
            entries = unfold(text, line_number)
            if entries is None:
                continue
            gone.append(row)
            self._entries.extend((file_id, entry) for entry in entries)
        if not gone:
            return
        self.tables.warehouse.execute(
            """
            delete from cdp_load_judged
            where rowid in (select unnest(from_json(?, '["BIGINT"]')))
            """,
            [json.dumps(gone)],
        )
        self._write_entries(may_flush=False)
        self._judge("insert into cdp_load_judged")

    def _write_entries(self, *, may_flush: bool = True) -> None:
        for start in range(0, len(self._entries), ROWS_AT_ONCE):
            part = self._entries[start : start + ROWS_AT_ONCE]
            columns = [
                [file_id for file_id, _ in part],
                [entry.line_number for _, entry in part],
                [entry.item for _, entry in part],
                [_storable(entry.text) for _, entry in part],
                [entry.code for _, entry in part],
                [entry.reason for _, entry in part],
            ]
            self.tables.warehouse.execute(
                """
                insert into cdp_load_lines
                select unnest(c.files), unnest(c.lines), unnest(c.items), unnest(c.texts),
                    unnest(c.codes), unnest(c.reasons), true
                from (
                    select
                        from_json($1, '["BIGINT"]') as files,
                        from_json($2, '["BIGINT"]') as lines,
                        from_json($3, '["BIGINT"]') as items,
                        from_json($4, '["VARCHAR"]') as texts,
                        from_json($5, '["VARCHAR"]') as codes,
                        from_json($6, '["VARCHAR"]') as reasons
                ) as c
                """,
                [json.dumps(column, ensure_ascii=False) for column in columns],
            )
            if may_flush:
                self._grew(sum(len(entry.text) for _, entry in part))
        self._entries.clear()

    def _grew(self, size: int) -> None:
        self._bytes += size
        if self._bytes >= FLUSH_BYTES:
            self.flush()

    def _moved(self, sql: str, values: dict[str, object]) -> None:
        self.tables.warehouse.connection.execute(sql, values).fetchall()

    def _run(self, sql: str) -> None:
        self.tables.warehouse.execute(sql)
