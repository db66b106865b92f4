"""One record source's table as texts: its keys, moments, and JSON of identifiers and traits.

Knows what dialects write differently about that: structs, moments that are numbers, objects of
JSON. Every value becomes its text, so that engines and formats of JSON agree. Pure.
"""

from __future__ import annotations

from functools import reduce

from sqlglot import exp, select

from cdp.records.spec import RecordSource, listed_names
from cdp.sql.engines import moment_text, since_1970, typed
from cdp.sql.keys import separator
from cdp.sql.model import COLUMN_TYPES
from cdp.sql.names import RESERVED
from cdp.sql.types import INTEGER

_MICROSECONDS = {"seconds": 1_000_000, "milliseconds": 1_000, "microseconds": 1}
_LAST_SECOND = 9_000_000_000
"""A number of seconds behind the year 2255 is no time, but a mistaken unit."""


def source_rows(source: RecordSource, table: str, dialect: str) -> exp.Select:
    """One row a record: source, record_key, moment (ISO text or null), content (all that it
    says, in one text), identifiers, traits."""
    identifiers = {
        name: column
        for kind, columns in source.identifiers
        for name, column in zip(listed_names(kind, len(columns)), columns, strict=True)
    }
    said = [*identifiers.items(), *source.traits]
    return select(
        exp.cast(exp.Literal.string(source.name), "text").as_("source"),
        exp.alias_(_key(source, table, dialect), "record_key"),
        exp.alias_(_moment(source, table, dialect), "moment"),
        exp.alias_(reduce(_then, (_said(*one, table, dialect) for one in said)), "content"),
        exp.alias_(_object(identifiers, table, dialect), "identifiers"),
        exp.alias_(_object(dict(source.traits), table, dialect), "traits"),
    ).from_(table)


def _key(source: RecordSource, table: str, dialect: str) -> exp.Expr:
    """The text of the key; several columns with slashes between, those inside written as %2F."""
    parts = [_text(_column(name, table, dialect), dialect) for name in source.key]
    if len(parts) == 1:
        return exp.func("nullif", parts[0], exp.Literal.string(""))
    some = exp.or_(*(exp.Is(this=one.copy(), expression=exp.Not(this=exp.null())) for one in parts))
    whole = reduce(_with_slash, (_escaped(one) for one in parts))
    return exp.Case().when(some, whole)


def _escaped(part: exp.Expr) -> exp.Expr:
    for character, code in (("%", "%25"), ("/", "%2F")):
        part = _call("replace", part, exp.Literal.string(character), exp.Literal.string(code))
    return exp.func("coalesce", part, exp.Literal.string(""))


def _with_slash(one: exp.Expr, other: exp.Expr) -> exp.Expr:
    return _then(_then(one, exp.Literal.string("/")), other)


def _then(one: exp.Expr, other: exp.Expr) -> exp.Expr:
    return exp.DPipe(this=one, expression=other, safe=True)


def _moment(source: RecordSource, table: str, dialect: str) -> exp.Expr:
    if not source.occurred_at:
        return exp.cast(exp.null(), COLUMN_TYPES["string"][dialect], dialect=dialect)
    column = _column(source.occurred_at, table, dialect)
    text = _text(column, dialect)
    if not source.unit:
        return moment_text(column, dialect) if dialect == "spark" else text
    factor = _MICROSECONDS[source.unit]
    number = typed(text, INTEGER, dialect)
    greatest = exp.Literal.number(_LAST_SECOND * 1_000_000 // factor)
    possible = exp.Between(this=number.copy(), low=exp.Literal.number(0), high=greatest)
    micros = exp.Mul(this=exp.paren(number), expression=exp.Literal.number(factor))
    return exp.Case().when(possible, _text(since_1970(micros, dialect), dialect))


def _said(name: str, column: str, table: str, dialect: str) -> exp.Expr:
    """The name, and after another separator the text; a null is the name alone."""
    text = _text(_column(column, table, dialect), dialect)
    start = separator(dialect)
    given = exp.func("coalesce", _then(start, text), exp.Literal.string(""))
    return _then(_then(exp.Literal.string(name), given), separator(dialect))


def _object(columns: dict[str, str], table: str, dialect: str) -> exp.Expr:
    """An object of texts, as JSON text."""
    if not columns:
        return _text(exp.Literal.string("{}"), dialect)
    pairs: list[exp.Expr] = []
    for name, column in columns.items():
        pairs += [exp.Literal.string(name), _text(_column(column, table, dialect), dialect)]
    if dialect == "postgres":
        # A function of PostgreSQL takes 100 arguments; an array has no such bound.
        return _text(_call("json_object", exp.Array(expressions=pairs)), dialect)
    if dialect == "spark":
        return _call("to_json", _call("named_struct", *pairs))
    if dialect == "snowflake":
        return _call("to_json", _call("object_construct_keep_null", *pairs))
    made = _call("json_object", *pairs)
    return _call("to_json_string", made) if dialect == "bigquery" else _text(made, dialect)


def _column(name: str, table: str, dialect: str) -> exp.Expr:
    """A column, or a field of a struct below it."""
    first, *fields = (_identifier(part) for part in name.split("."))
    found: exp.Expr = exp.Column(this=first, table=exp.to_identifier(table))
    if fields and dialect == "postgres":
        found = exp.paren(found)
    for field in fields:
        found = exp.Dot(this=found, expression=field)
    return found


def _identifier(name: str) -> exp.Identifier:
    """Quoted where the plain name would be another one, or a word of SQL."""
    plain = name == name.lower() and "$" not in name and name not in RESERVED
    return exp.to_identifier(name, quoted=not plain)


def _text(value: exp.Expr, dialect: str) -> exp.Expr:
    return exp.cast(value, COLUMN_TYPES["string"][dialect], dialect=dialect)


def _call(function: str, *arguments: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this=function, expressions=list(arguments))
