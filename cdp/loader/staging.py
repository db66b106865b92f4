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

from cdp.loader import validate
from cdp.loader.documents import Entry, unfold
from cdp.loader.reading import Landed
from cdp.loader.tables import RawTables

FLUSH_BYTES = 128 * 1024 * 1024
ROWS_AT_ONCE = 20_000
LONGEST_REJECTED_TEXT = 1_000

# Objects whose keys SQL compares; a text with any other object in it goes to Python.
_KNOWN_OBJECTS = (
    "$",
    "$.properties",
    "$.traits",
    "$.context",
    "$.context.traits",
    "$.context.app",
    "$.context.campaign",
    "$.context.consent",
    "$.context.consent.categoryPreferences",
    "$.context.device",
    "$.context.library",
    "$.context.os",
    "$.context.page",
    "$.integrations",
    "$._metadata",
)


def _list(values: Iterable[str]) -> str:
    return "[" + ", ".join("'" + value.replace("'", "''") + "'" for value in values) + "]"


# The limit keeps the optimiser from pushing the rules below the parsing, where it would
# parse every message once for each field that a rule reads: 20 times slower.
_PARSED = f"""
    with m as (
    select
        l.file_id, l.line_number, l.item, l.text, l.reason_code, l.reason,
        case when l.is_valid then json_type(l.text) end as root,
        case when l.is_valid then l.text end as document,
        case when l.is_valid then json_type(l.text, {_list("$." + f for f in validate.FIELDS)})
            end as kinds,
        case when l.is_valid
            then json_extract_string(l.text, {_list("$." + f for f in validate.FIELDS)})
            end as texts
    from (
        select *, reason_code is null and json_valid(text) as is_valid from cdp_load_lines
    ) as l limit 9000000000000000
    )
"""  # noqa: S608 - composed of constants

# Texts that are batch bodies or lists, or that only an exact parser can judge: constants and
# trailing commas that are not JSON, NUL, deep nesting, objects whose keys were not compared.
_FOR_PYTHON = f"""
    select l.row_number, l.file_id, l.line_number, l.text
    from (
        select
            rowid as row_number, file_id, line_number, text,
            case when json_valid(text) then
                json_type(text, ['$', '$.batch', '$.type'])
            end as kinds,
            case when json_valid(text) then
                list_filter(json_keys(text, {_list(_KNOWN_OBJECTS)}), lambda k: k is not null)
            end as objects
        from cdp_load_lines
        where not is_final
        limit 9000000000000000
    ) as l
    where l.kinds is not null and (
        l.kinds[1] = 'ARRAY'
        or (l.kinds[2] is not null and l.kinds[3] is null)
        or regexp_matches(l.text, '[nN][aA][nN]|[iI][nN][fF]|,\\s*[}}\\]]|\\\\u0000')
        or length(l.text) - length(replace(l.text, '{{', ''))
            <> len(list_filter(l.objects, lambda k: len(k) > 0 and len(k) = list_unique(k)))
             + len(list_filter(l.objects, lambda k: len(k) = 0))
        or length(l.text) - length(replace(l.text, '[', '')) > 100
    )
"""  # noqa: S608 - composed of constants


def _storable(text: str) -> str:
    """A text without what a warehouse cannot keep: only refused texts have any."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")


def _timestamp(name: str) -> str:
    """SQL: a field as naive UTC; ISO 8601 text or epoch milliseconds, else null."""
    kind, text = validate.kind(name), validate.text(name)
    return (
        f"case when {kind} = 'VARCHAR' then case when substr({text}, 5, 1) = '-' "
        f"and not contains({text}, '(') "
        f"then try_cast(upper({text}) as timestamptz)::timestamp end "
        f"when {kind} = 'UBIGINT' and length({text}) <= 14 "
        f"then make_timestamp({text}::bigint * 1000) end"
    )


_JUDGED = f"""
    select
        m.*,
        case when m.reason_code is null then {validate.broken_rule()} end as broken_rule
    from m
"""  # noqa: S608 - composed of constants


def _insert_events(target: str) -> str:
    return f"""
        insert into {target}
        {_PARSED}
        select
            e.load_id, e.file_id, e.line_number, e.source, e.message_id, e.type, e.event,
            e.user_id, e.anonymous_id, e.group_id, e.previous_id,
            e.original_timestamp, e."timestamp", e.sent_at,
            coalesce(e.own_received_at, e.sent_at, e."timestamp", e.original_timestamp,
                e.loaded_at),
            e.loaded_at, e.text
        from (
            select
                $load_id::bigint as load_id, m.file_id, m.line_number, $source as source,
                coalesce(
                    nullif({validate.text("messageId")}, ''),
                    left(f.content_sha256, 32) || ':' || m.line_number
                    || case when m.item > 0 then '.' || m.item else '' end
                ) as message_id,
                {validate.text("type")} as type,
                {validate.string("event")} as event,
                {validate.text("userId")} as user_id,
                {validate.text("anonymousId")} as anonymous_id,
                {validate.string("groupId")} as group_id,
                {validate.string("previousId")} as previous_id,
                {_timestamp("originalTimestamp")} as original_timestamp,
                {_timestamp("timestamp")} as "timestamp",
                {_timestamp("sentAt")} as sent_at,
                {_timestamp("receivedAt")} as own_received_at,
                $loaded_at::timestamp as loaded_at,
                m.text
            from ({_JUDGED}) as m
            inner join cdp_load_files as f on m.file_id = f.file_id
            where m.reason_code is null and m.broken_rule is null
        ) as e
    """  # noqa: S608 - composed of constants and a checked schema name


def _insert_rejected(target: str) -> str:
    codes = _list(rule.code for rule in validate.RULES)
    reasons = _list(rule.reason for rule in validate.RULES)
    return f"""
        insert into {target}
        {_PARSED}
        select
            $load_id::bigint, m.file_id, m.line_number, $source, f.path,
            coalesce(m.reason_code, {codes}[m.broken_rule]),
            coalesce(m.reason, {reasons}[m.broken_rule]),
            left(m.text, {LONGEST_REJECTED_TEXT})
        from ({_JUDGED}) as m
        inner join cdp_load_files as f on m.file_id = f.file_id
        where m.reason_code is not null or m.broken_rule is not null
    """  # noqa: S608 - composed of constants and a checked schema name


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
            select $1, s.line_number, 0, trim(s.line, chr(13) || chr(9) || ' '),
                null, null, false
            from (
                select
                    $2 - 1 + generate_subscripts(b.cut, 1) as line_number,
                    unnest(b.cut) as line
                from (
                    select string_split(v.text, chr(10)) as cut from (values ($3)) as v(text)
                ) as b
            ) as s
            where trim(s.line, chr(13) || chr(9) || ' ') <> ''
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
        self._unfold()
        values = {"load_id": self.load_id, "source": self.source, "loaded_at": self.loaded_at}
        gathered = self.tables.warehouse.value("select count(*) from cdp_load_lines")
        accepted = self._moved(_insert_events(self.tables.name("events")), values)
        if accepted < gathered:
            del values["loaded_at"]
            self._moved(_insert_rejected(self.tables.name("rejected")), values)
        self._run("truncate cdp_load_lines")
        self._bytes = 0

    def _unfold(self) -> None:
        """Replace the texts that SQL cannot judge by the messages, or refusals, in them."""
        found = self.tables.warehouse.rows(_FOR_PYTHON)
        gone = []
        for row, file_id, line_number, text in found:
            entries = unfold(text, line_number)
            if entries is None:
                continue
            gone.append(row)
            self._entries.extend((file_id, entry) for entry in entries)
        if gone:
            self.tables.warehouse.execute(
                """
                delete from cdp_load_lines
                where rowid in (select unnest(from_json(?, '["BIGINT"]')))
                """,
                [json.dumps(gone)],
            )
        self._write_entries(may_flush=False)

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

    def _moved(self, sql: str, values: dict[str, object]) -> int:
        return int(self.tables.warehouse.connection.execute(sql, values).fetchall()[0][0])

    def _run(self, sql: str) -> None:
        self.tables.warehouse.execute(sql)
