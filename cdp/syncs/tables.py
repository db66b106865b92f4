"""The tables and views of `<schema>_ops` that syncs write: their columns and what these mean.

Owns the layout: making it, adding what a newer version added, and the comments
that the warehouse shows beside each column. What the rows say is written by
`cdp.syncs.ledger` and `cdp.syncs.runs`; the views are `cdp.syncs.reports`'.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from cdp.project import Project
from cdp.syncs.reports import VIEWS, View
from cdp.warehouse import Warehouse, quoted, quoted_text


@dataclass(frozen=True)
class Table:
    """A table; `columns` are (name, type, description)."""

    name: str
    description: str
    columns: tuple[tuple[str, str, str], ...]

    @property
    def ddl(self) -> str:
        """The columns with their types."""
        return ", ".join(f"{name} {kind}" for name, kind, _ in self.columns)


_RUN = ("run_id", "varchar", "Identifies the run; sorts by time.")
_SYNC = ("sync_name", "varchar", "The sync.")
_DESTINATION = ("destination_name", "varchar", "The destination, by its name in destinations.yml.")
_KEY = ("sync_key", "varchar", "What identifies the row at the destination.")
RUNS = Table(
    "sync_runs",
    "A run of a sync.",
    (
        _RUN,
        _SYNC,
        _DESTINATION,
        (
            "state",
            "varchar",
            (
                "planning or sending while it runs; done; failed; guarded (a guard stopped it); "
                "stopped (by a signal); interrupted (it died and a later run settled it); "
                "lost (its journal is gone); abandoned (it ended before anything was "
                "to be sent); forgotten (a reset came)."
            ),
        ),
        ("started_at", "timestamp", "When it began."),
        ("heartbeat_at", "timestamp", "When it was last heard of."),
        ("finished_at", "timestamp", "When its outcomes were in the ledger."),
        ("host", "varchar", "The machine."),
        ("pid", "bigint", "The process."),
        ("desired", "bigint", "Rows that should be there."),
        ("added", "bigint", "Rows that were not known to be there."),
        ("changed", "bigint", "Rows that were there with other content, or perhaps there."),
        ("removed", "bigint", "Rows that were there and have left the source."),
        ("unchanged", "bigint", "Rows that were there as they should be, or are left there."),
        ("held", "bigint", "Rows that wait: refused before with this content, or in doubt."),
        ("invalid", "bigint", "Rows without a key, or with a key that others have too."),
        ("accepted", "bigint", "Rows that the destination took."),
        ("rejected", "bigint", "Rows that the destination refused."),
        ("retry", "bigint", "Rows that were surely not taken and are sent by the next run."),
        ("unknown", "bigint", "Rows whose answer was lost: they may have been taken."),
        ("staged", "bigint", "Rows in jobs of the destination that were not done when it ended."),
        ("problem", "varchar", "The slug of what went wrong; null where nothing did."),
        ("requests", "bigint", "Requests made, with tries and look-ups; or files written."),
        ("latency_p50_ms", "double", "Half of the requests took at most so many milliseconds."),
        ("latency_p95_ms", "double", "95 of 100 requests took at most so many milliseconds."),
        ("latency_p99_ms", "double", "99 of 100 requests took at most so many milliseconds."),
    ),
)
INTENTS = Table(
    "sync_intents",
    "A row of a run that is not settled.",
    (
        _RUN,
        _SYNC,
        _DESTINATION,
        _KEY,
        ("operation", "varchar", "upsert or remove."),
        ("payload_hash", "varchar", "The hash of the content to be sent; null for a removal."),
        ("seq", "bigint", "Its number in the order of sending, by which the journal knows it."),
    ),
)
LEDGER = Table(
    "sync_ledger",
    "What a destination is known to hold: a (sync, destination, key).",
    (
        _SYNC,
        _DESTINATION,
        _KEY,
        ("remote_state", "varchar", "present, absent or unknown."),
        (
            "payload_hash",
            "varchar",
            "The hash of the content that was last acknowledged; null when absent or unknown.",
        ),
        ("remote_id", "varchar", "The destination's own id of the row."),
        ("last_operation", "varchar", "What was tried last: upsert or remove."),
        ("last_hash", "varchar", "The hash of the content that was tried last."),
        (
            "last_outcome",
            "varchar",
            (
                "accepted, rejected, retry or unknown; staged while it is in a job of the "
                "destination; withdrawn when a row that was never taken has left the source."
            ),
        ),
        ("reason_code", "varchar", "Why it was not accepted, in a word."),
        ("reason", "varchar", "Why, in the destination's words, redacted."),
        ("acknowledged_at", "timestamp", "When the destination last took it."),
        ("attempted_at", "timestamp", "When it was last tried."),
        ("run_id", "varchar", "The run of the last try."),
        ("attempts", "bigint", "How many runs tried this very content."),
        ("first_attempted_at", "timestamp", "When this very content was first tried."),
        ("job_id", "varchar", "The destination's job that a staged row is in."),
        ("released_at", "timestamp", "When a person asked to try it again; null once it was."),
    ),
)
REJECTED = Table(
    "sync_rejected",
    "A row of a run that was refused; and the invalid keys of the last run.",
    (
        _RUN,
        _SYNC,
        _DESTINATION,
        ("sync_key", "varchar", "The row's key; null where it has none."),
        ("operation", "varchar", "upsert or remove."),
        ("payload_hash", "varchar", "The hash of the content; null for an invalid key."),
        ("reason_code", "varchar", "Why, in a word."),
        ("reason", "varchar", "Why, in the destination's words, redacted."),
        ("rejected_at", "timestamp", "When."),
    ),
)
LOADS = Table(
    "sync_loads",
    "A load that a run of a sync of events looked at. Once that run is done, it is not looked at "
    "again.",
    (_RUN, _SYNC, _DESTINATION, ("load_id", "bigint", "The load, as in raw.load_files.")),
)
MAPPINGS = Table(
    "sync_mappings",
    "A mapping that the ledger of a (sync, destination) came to rest on; the last one holds.",
    (
        _SYNC,
        _DESTINATION,
        ("columns_json", "varchar", "The mapped columns in their order, as JSON."),
        ("rest", "varchar", "What else the sent rows depend on: object, options, names."),
        (
            "choice",
            "varchar",
            "What was sent again because of it: all, changed_columns or none; first at the first.",
        ),
        ("adopted_by", "varchar", "Who chose: a person, or the definition."),
        ("adopted_at", "timestamp", "When."),
    ),
)
DECISIONS = Table(
    "sync_decisions",
    "What a person decided about a sync, and when.",
    (
        _SYNC,
        _DESTINATION,
        ("decision", "varchar", "retry, arrived, reset, resend or approve."),
        ("detail", "varchar", "Which rows, choice or plan. Keys are hashed."),
        ("row_count", "bigint", "The rows that it was about."),
        ("decided_by", "varchar", "Who."),
        ("decided_at", "timestamp", "When."),
    ),
)
APPROVALS = Table(
    "sync_approvals",
    "A plan that a person approved.",
    (
        _SYNC,
        _DESTINATION,
        ("plan_id", "varchar", "Names what is sent: the operation, key and content of each row."),
        ("added", "bigint", "Rows that it adds."),
        ("changed", "bigint", "Rows that it changes."),
        ("removed", "bigint", "Rows that it removes."),
        ("approved_by", "varchar", "Who."),
        ("approved_at", "timestamp", "When."),
        ("run_id", "varchar", "The run that sent it; null until there is one."),
    ),
)
ALERTS = Table(
    "sync_alerts",
    "A limit of a sync's alert that was broken, from when it was found to when it was over.",
    (
        _SYNC,
        ("alert", "varchar", "failed, rejected, no_success or size."),
        ("text", "varchar", "What was found, in a sentence."),
        ("began_at", "timestamp", "When it was first found."),
        ("told_at", "timestamp", "When the destination of the alert was told."),
        ("ended_at", "timestamp", "When it was found to be over; null while it lasts."),
    ),
)
_ABOUT = """\
Printed from the code (`cdp/syncs/tables.py`). They are in `<schema>_ops`, outside dbt's models,
survive `dbt build --full-refresh`, and bear these texts as comments. Times are in UTC. Keys are
what the syncs use, so they may be personal data; `key_sha256` is a pseudonym, and reasons are
redacted."""
TABLES = (RUNS, INTENTS, LEDGER, REJECTED, LOADS, MAPPINGS, DECISIONS, APPROVALS, ALERTS)


def table(project: Project, name: str) -> str:
    """One of the tables, quoted."""
    return f"{quoted(project.schema('ops'))}.{quoted(name)}"


def is_current(warehouse: Warehouse, project: Project) -> bool:
    """Whether the tables and views are those of this version."""
    schema = project.schema("ops")
    found = warehouse.rows(
        "select comment from duckdb_tables() where schema_name = ? and table_name = ? "
        "and database_name = current_database()",
        [schema, RUNS.name],
    )
    return bool(found) and _layout_mark(schema) in str(found[0][0])


def is_outdated(warehouse: Warehouse, project: Project) -> bool:
    """Whether there are tables, and those of another version."""
    has_tables = warehouse.exists(project.schema("ops"), RUNS.name)
    return has_tables and not is_current(warehouse, project)


def ensure_tables(warehouse: Warehouse, project: Project) -> None:
    """Make what is missing, once a version of the layout, in one transaction."""
    if is_current(warehouse, project):
        return
    schema = project.schema("ops")
    statements = [f"create schema if not exists {quoted(schema)}"]
    known = set(
        warehouse.rows(
            "select table_name, column_name from information_schema.columns "
            "where table_schema = ? and table_catalog = current_database()",
            [schema],
        )
    )
    for one in TABLES:
        statements += _table_statements(project, one, known)
    for view in VIEWS:
        statements += _view_statements(project, view)
    note = f"{RUNS.description} {_layout_mark(schema)}"
    statements.append(_comment("table", table(project, RUNS.name), note))
    with warehouse.transaction():
        warehouse.connection.execute(";\n".join(statements))


def _table_statements(project: Project, one: Table, known: set[tuple[Any, ...]]) -> Iterator[str]:
    """Names, types and texts come from this module; `known` are (table, column)."""
    name = table(project, one.name)
    yield f"create table if not exists {name} ({one.ddl})"
    is_there = any(found == one.name for found, _ in known)
    for column, kind, _ in one.columns:
        if is_there and (one.name, column) not in known:
            yield f"alter table {name} add column {column} {kind}"
    yield _comment("table", name, one.description)
    yield from _column_comments(name, ((column, text) for column, _, text in one.columns))


def _view_statements(project: Project, view: View) -> Iterator[str]:
    name = table(project, view.name)
    yield f"create or replace view {name} as {view.sql(quoted(project.schema('ops')))}"
    yield _comment("view", name, view.description)
    yield from _column_comments(name, view.columns)


def _column_comments(name: str, columns: Iterable[tuple[str, str]]) -> Iterator[str]:
    for column, text in columns:
        yield _comment("column", f"{name}.{quoted(column)}", text)


def _comment(kind: str, name: str, text: str) -> str:
    return f"comment on {kind} {name} is {quoted_text(text)}"


def _layout_mark(schema: str) -> str:
    """Another one whenever a table, a view or a comment is another; the same in every process."""
    views = [(one.name, one.description, one.columns, one.sql(schema)) for one in VIEWS]
    content = repr((schema, TABLES, views))
    return f"(layout {hashlib.sha256(content.encode()).hexdigest()[:12]})"


def tables_page() -> str:
    """The page of documentation that describes them."""
    parts = ["# Tables of the syncs", _ABOUT]
    for view in VIEWS:
        rows = [f"| `{name}` | {text} |" for name, text in view.columns]
        parts.append(_section(f"`{view.name}` (view)", view.description, rows))
    for one in TABLES:
        rows = [f"| `{name}` | {text} |" for name, _, text in one.columns]
        parts.append(_section(f"`{one.name}`", one.description, rows))
    return "\n\n".join(parts) + "\n"


def _section(title: str, description: str, rows: list[str]) -> str:
    return "\n".join([f"## {title}", "", description, "", "| column | |", "|---|---|", *rows])
