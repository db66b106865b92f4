"""Record sources to one generated model: the present records, and what became of former ones.

`int_identity__records` compares what the tables hold now with what it held before, by a hash
of all that a record says. A run that finds something new, changed or vanished writes it as a
load of its own, so that whatever follows loads of events follows records too
(macros/cdp_new_events.sql). Pure: sources in, tree out.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from pathlib import PurePosixPath

from sqlglot import exp, select

from cdp.records.reading import source_rows
from cdp.records.spec import FILE, RecordSource, Relation
from cdp.sql.engines import typed
from cdp.sql.keys import key
from cdp.sql.model import COLUMN_TYPES, Column, GeneratedModel, Import
from cdp.sql.types import TIMESTAMP

MODEL = "int_identity__records"
DEFINITION = PurePosixPath("definitions") / FILE
NO_TIME = "9999-12-31 00:00:00"
"""When a record without a time is taken to have been seen: after all others. Twin of the
macro `cdp_no_time`."""
_REPEATS = {
    "name": "record_keys_are_unique",
    "arguments": {"values": [1], "quote": False},
    "config": {"severity": "warn"},
}
COLUMNS = (
    Column("event_id", "uuid", "Key of the record: its source and key.", ("not_null",)),
    Column("source", "string", "The record source, as in record_sources.yml."),
    Column("message_id", "string", "The record's key in its table."),
    Column("occurred_at", "timestamp", "When it says it is from; far in the future without time."),
    Column("identifiers", "string", "JSON text: a column's text by type of identifier."),
    Column("traits", "string", "JSON text: a column's text by trait."),
    Column(
        "row_count",
        "integer",
        "Rows of the table with this key; the latest counts.",
        ({"accepted_values": _REPEATS},),
    ),
    Column("content_hash", "uuid", "Hash of what the record says."),
    Column("is_deleted", "boolean", "The table has no such record any more.", ("not_null",)),
    Column("load_id", "integer", "The run that found it so, numbered below zero.", ("not_null",)),
)
_CONTENT = ("occurred_at", "identifiers", "traits")
_KEPT = ("event_id", "source", "message_id", "occurred_at")


def compile_records(sources: Sequence[RecordSource]) -> list[GeneratedModel]:
    """The model of all record sources; without any it empties itself of what it held."""
    imports = [Import(_table(one), _read(one.relation)) for one in sources]
    return [
        GeneratedModel(
            name=MODEL,
            folder="identity",
            definitions=(DEFINITION,),
            description="One row a record of the record sources, as its table has it now. A "
            "record that vanished stays, without what it said, so that all that was made of it "
            "is forgotten.",
            columns=COLUMNS,
            imports=(
                *imports,
                Import("former", "{{ cdp.cdp_former_records() }}"),
                Import("this_run", "{{ cdp.cdp_record_load() }}"),
            ),
            body=lambda dialect: _body(sources, dialect),
            config={
                "materialized": "incremental",
                "schema": "internal",
                "incremental_strategy": "delete+insert",
                "unique_key": "event_id",
                "on_schema_change": "append_new_columns",
            },
        )
    ]


def _table(source: RecordSource) -> str:
    return f"table_{source.name}"


def _read(relation: Relation) -> str:
    if relation.model:
        return Import.ref(relation.model).sql
    database = f"'{relation.database}'" if relation.database else "target.database"
    named = f"database={database}, schema='{relation.schema}', identifier='{relation.table}'"
    # dbt quotes the parts; no part holds a quote.
    return "select * from {{ api.Relation.create(" + named + ") }}"  # noqa: S608


def _body(sources: Sequence[RecordSource], dialect: str) -> exp.Query:
    query = _changes(dialect)
    for source in sources:
        rows = source_rows(source, _table(source), dialect)
        query = query.with_(f"records_{source.name}", as_=rows)
    for name, step in (
        ("every_record", _every_record(sources)),
        ("zoned", _zoned()),
        ("timed", _timed(dialect)),
        ("hashed", _hashed(dialect)),
        ("named", _named(dialect)),
        ("ranked", _ranked(dialect)),
        ("current_records", _current()),
    ):
        query = query.with_(name, as_=step)
    return query


def _every_record(sources: Sequence[RecordSource]) -> exp.Query:
    names = ("source", "record_key", "moment", "content", "identifiers", "traits")
    rows: list[exp.Query] = [
        select(*(exp.column(name, f"records_{one.name}") for name in names)).from_(
            f"records_{one.name}"
        )
        for one in sources
    ]
    if not rows:
        nothing = [exp.cast(exp.null(), "text").as_(name) for name in names]
        return select(*nothing).from_("this_run").where(exp.false())
    return reduce(lambda one, other: exp.union(one, other, distinct=False, copy=False), rows)


def _zoned() -> exp.Query:
    """Engines write a zone of whole hours as +00, which is read as +00:00."""
    moment = exp.column("moment", "every_record")
    short = exp.RegexpLike(
        this=moment.copy(), expression=exp.Literal.string("^.{11,}[-+][0-9][0-9]$")
    )
    whole = exp.DPipe(this=moment.copy(), expression=exp.Literal.string(":00"), safe=True)
    others = ("source", "record_key", "content", "identifiers", "traits")
    return select(
        *(exp.column(name, "every_record") for name in others),
        exp.alias_(exp.Case().when(short, whole).else_(moment.copy()), "moment"),
    ).from_("every_record")


def _timed(dialect: str) -> exp.Query:
    never = exp.cast(exp.Literal.string(NO_TIME), "timestamp")
    moment = typed(exp.column("moment", "zoned"), TIMESTAMP, dialect)
    others = ("source", "record_key", "content", "identifiers", "traits")
    return select(
        *(exp.column(name, "zoned") for name in others),
        exp.alias_(exp.func("coalesce", moment, never), "occurred_at"),
    ).from_("zoned")


def _hashed(dialect: str) -> exp.Query:
    # Not of the JSON, which engines write differently: ids are the same on all.
    parts = [_text(exp.column(name, "timed"), dialect) for name in ("occurred_at", "content")]
    return select(
        *(exp.column(name, "timed") for name in ("source", "record_key", *_CONTENT)),
        exp.alias_(key(parts, dialect), "content_hash"),
    ).from_("timed")


def _named(dialect: str) -> exp.Query:
    """A record without a key is known by what it says."""
    content = _text(exp.column("content_hash", "hashed"), dialect)
    nameless = exp.DPipe(this=exp.Literal.string("no key "), expression=content, safe=True)
    name = exp.func("coalesce", exp.column("record_key", "hashed"), nameless)
    return select(
        exp.column("source", "hashed"),
        exp.alias_(name, "message_id"),
        *(exp.column(one, "hashed") for one in (*_CONTENT, "content_hash")),
    ).from_("hashed")


def _ranked(dialect: str) -> exp.Query:
    parts = [exp.column(one, "named") for one in ("source", "message_id")]
    # An event of the same source and message id must be another piece of evidence.
    event_id = key([exp.Literal.string("record"), *parts], dialect)
    order = exp.Order(
        expressions=[
            exp.Ordered(this=exp.column("occurred_at", "named"), desc=True),
            exp.Ordered(this=exp.column("content_hash", "named")),
        ]
    )
    rank = exp.Window(
        this=exp.Anonymous(this="row_number", expressions=[]), partition_by=parts, order=order
    )
    count = exp.Window(this=exp.Count(this=exp.Star()), partition_by=[one.copy() for one in parts])
    return select(
        exp.alias_(event_id, "event_id"),
        *(one.copy() for one in parts),
        *(exp.column(one, "named") for one in (*_CONTENT, "content_hash")),
        exp.alias_(exp.cast(count, "bigint"), "row_count"),
        exp.alias_(rank, "key_rank"),
    ).from_("named")


def _current() -> exp.Query:
    names = (*_KEPT, "identifiers", "traits", "row_count", "content_hash")
    return (
        select(*(exp.column(name, "ranked") for name in names))
        .from_("ranked")
        .where(exp.column("key_rank", "ranked").eq(exp.Literal.number(1)))
    )


def _changes(dialect: str) -> exp.Query:
    """What is new or different, and what is there no more."""
    names = (*_KEPT, "identifiers", "traits", "row_count", "content_hash")
    same = exp.column("event_id", "current_records").eq(exp.column("event_id", "former"))
    known = exp.and_(
        exp.column("is_deleted", "former").eq(exp.false()),
        *(
            exp.column(one, "current_records").eq(exp.column(one, "former"))
            for one in ("content_hash", "row_count")
        ),
    )
    present = (
        select(
            *(exp.column(name, "current_records") for name in names),
            exp.alias_(exp.false(), "is_deleted"),
            exp.column("load_id", "this_run"),
        )
        .from_("current_records")
        .join("this_run", join_type="cross")
        .join("former", on=same, join_type="left")
        .where(exp.not_(exp.func("coalesce", known, exp.false())))
    )
    nothing = exp.cast(exp.null(), COLUMN_TYPES["string"][dialect], dialect=dialect)
    vanished = (
        select(
            *(exp.column(name, "former") for name in _KEPT),
            nothing.as_("identifiers"),
            nothing.copy().as_("traits"),
            *(exp.column(name, "former") for name in ("row_count", "content_hash")),
            exp.alias_(exp.true(), "is_deleted"),
            exp.column("load_id", "this_run"),
        )
        .from_("former")
        .join("this_run", join_type="cross")
        .join("current_records", on=same.copy(), join_type="left")
        .where(
            exp.Is(this=exp.column("event_id", "current_records"), expression=exp.null()),
            exp.column("is_deleted", "former").eq(exp.false()),
        )
    )
    return exp.union(present, vanished, distinct=False, copy=False)


def _text(value: exp.Expr, dialect: str) -> exp.Expr:
    return exp.cast(value, COLUMN_TYPES["string"][dialect], dialect=dialect)
