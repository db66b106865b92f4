"""Identity rules to the generated model that extracts identifiers from events.

One wide pass over the new events reads, cleans and blocks every path; the rest
of the model turns that row into one row an identifier. Everything after it
(nodes, edges, components) is hand-written dbt. Pure: rules in, tree out.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from sqlglot import exp, select

from cdp.identity.spec import FieldPath, IdentifierType, IdentityRules, rules_hash
from cdp.sql.json import json_text
from cdp.sql.keys import key
from cdp.sql.model import Column, GeneratedModel, Import, event_table_config

if TYPE_CHECKING:
    from cdp.catalogue import Catalogue

MODEL = "int_identity__event_identifiers"
DEFINITION = PurePosixPath("definitions/identity.yml")
COLUMNS = (
    Column("event_id", "uuid", "The event that carried the identifier.", ("not_null",)),
    Column("identifier_id", "uuid", "Key of the identifier: type and value.", ("not_null",)),
    Column("identifier_type", "string", "Type, as in identity.yml."),
    Column("identifier_value", "string", "Normalised value."),
    Column("priority", "integer", "Priority of the type; 1 is the highest."),
    Column("owner_id", "uuid", "The event's highest-priority identifier, which owns the event."),
    Column("occurred_at", "timestamp", "When the event occurred."),
    Column("load_id", "integer", "The load that the event came from."),
    Column("definition_hash", "string", "The rules that made the row."),
)


@dataclass(frozen=True)
class _Value:
    """A path of an identifier type, and the column that holds its value on the wide row."""

    column: str
    type: IdentifierType
    path: FieldPath


def compile_identity(catalogue: Catalogue) -> list[GeneratedModel]:
    """The extraction model of a catalogue's identity rules."""
    rules = catalogue.identity
    digest = rules_hash(rules)
    arguments = f"ref('stg_events'), '{digest}'"
    return [
        GeneratedModel(
            name=MODEL,
            folder="identity",
            definitions=(DEFINITION,),
            description="One row an event and identifier that it carries, after normalisation "
            "and blocking. Several values of one type on an event are several rows.",
            columns=COLUMNS,
            imports=(Import("events", "{{ cdp.cdp_new_events(" + arguments + ") }}"),),
            body=lambda dialect: _body(rules, digest, dialect),
            config=event_table_config(arguments),
        )
    ]


def _body(rules: IdentityRules, digest: str, dialect: str) -> exp.Query:
    values = [
        _Value(kind.name.replace(".", "_") + (f"_{number}" if number > 1 else ""), kind, path)
        for kind in rules.types
        for number, path in enumerate(kind.paths, start=1)
    ]
    parts = _shared_objects(rules)
    rows = [
        _identifier_row(
            one, [other for other in values[:index] if other.type is one.type], digest, dialect
        )
        for index, one in enumerate(values)
    ]
    every_row = exp.union(*rows, distinct=False, copy=False) if len(rows) > 1 else rows[0]
    return (
        every_row.with_("opened", as_=_opened(parts, dialect))
        .with_("found", as_=_found(values, parts, dialect))
        .with_("kept", as_=_kept(values, dialect))
        .with_("owned", as_=_owned(rules, values, dialect))
    )


def _shared_objects(rules: IdentityRules) -> dict[FieldPath, str]:
    """Objects that several paths lie in, such as context.device: each is opened once."""
    paths = [path for kind in rules.types for path in kind.paths]
    paths += [one.path for kind in rules.types for one in kind.when]
    prefixes = dict.fromkeys(
        FieldPath(path.column, path.keys[:1]) for path in paths if len(path.keys) > 1
    )
    return {
        prefix: f"{prefix.column}_object_{number}"
        for number, prefix in enumerate(prefixes, start=1)
    }


def _opened(parts: dict[FieldPath, str], dialect: str) -> exp.Select:
    columns = [
        exp.column(name, "events")
        for name in (
            "event_id",
            "occurred_at",
            "load_id",
            "user_id",
            "anonymous_id",
            "traits",
            "properties",
            "context",
        )
    ]
    objects = [
        json_text(exp.column(prefix.column, "events"), prefix.keys, dialect).as_(name)
        for prefix, name in parts.items()
    ]
    return select(*columns, *objects).from_("events")


def _found(values: list[_Value], parts: dict[FieldPath, str], dialect: str) -> exp.Select:
    columns: list[exp.Expr] = [
        exp.column(name, "opened") for name in ("event_id", "occurred_at", "load_id")
    ]
    for one in values:
        value = _read(one.path, parts, dialect)
        if one.type.when:
            met = exp.and_(
                *(
                    _read(need.path, parts, dialect).eq(exp.Literal.string(need.equals))
                    for need in one.type.when
                )
            )
            value = exp.Case().when(met, value)
        columns.append(_normalized(value, one.type).as_(one.column))
    return select(*columns).from_("opened")


def _read(path: FieldPath, parts: dict[FieldPath, str], dialect: str) -> exp.Expr:
    if not path.keys:
        return exp.column(path.column, "opened")
    shared = parts.get(FieldPath(path.column, path.keys[:1]))
    if shared and len(path.keys) > 1:
        return json_text(exp.column(shared, "opened"), path.keys[1:], dialect)
    return json_text(exp.column(path.column, "opened"), path.keys, dialect)


def _normalized(value: exp.Expr, kind: IdentifierType) -> exp.Expr:
    if "trim" in kind.normalize:
        value = exp.func("trim", value)
    if "lower" in kind.normalize:
        value = exp.func("lower", value)
    return exp.func("nullif", value, exp.Literal.string(""))


def _kept(values: list[_Value], dialect: str) -> exp.Select:
    columns: list[exp.Expr] = [
        exp.column(name, "found") for name in ("event_id", "occurred_at", "load_id")
    ]
    for one in values:
        value = exp.column(one.column, "found")
        blocked = _blocked(value, one.type)
        kept = exp.Case().when(exp.not_(blocked), value.copy()) if blocked else value
        columns.append(exp.alias_(kept, one.column))
    return select(*columns).from_("found")


def _blocked(value: exp.Expr, kind: IdentifierType) -> exp.Expr | None:
    tests: list[exp.Expr] = []
    if kind.blocked_values:
        literals = [exp.Literal.string(text.lower()) for text in kind.blocked_values]
        tests.append(exp.In(this=exp.func("lower", value.copy()), expressions=literals))
    tests += [
        exp.RegexpLike(this=value.copy(), expression=exp.Literal.string(f"^(?:{pattern})$"))
        for pattern in kind.blocked_patterns
    ]
    return exp.or_(*tests) if tests else None


def _owned(rules: IdentityRules, values: list[_Value], dialect: str) -> exp.Select:
    """Adds the event's owner: its highest type, and inside a type its least value."""
    owner = exp.Case()
    for kind in rules.types:
        columns = [exp.column(one.column, "kept") for one in values if one.type is kind]
        if not columns:
            continue
        value: exp.Expr = columns[0]
        if len(columns) > 1:
            # `least` is null on some engines when one argument is.
            value = exp.func("coalesce", exp.func("least", *columns), *columns)
        some = exp.or_(*(_present(column) for column in columns))
        owner = owner.when(some, key([exp.Literal.string(kind.name), value], dialect))
    columns_ = [
        exp.column(name, "kept")
        for name in ("event_id", "occurred_at", "load_id", *(one.column for one in values))
    ]
    return select(*columns_, owner.as_("owner_id")).from_("kept")


def _identifier_row(one: _Value, earlier: list[_Value], digest: str, dialect: str) -> exp.Select:
    value = exp.column(one.column, "owned")
    kind = exp.Literal.string(one.type.name)
    row = select(
        exp.column("event_id", "owned"),
        key([kind, value], dialect).as_("identifier_id"),
        exp.cast(kind.copy(), "text").as_("identifier_type"),
        value.copy().as_("identifier_value"),
        exp.cast(exp.Literal.number(one.type.priority), "bigint").as_("priority"),
        exp.column("owner_id", "owned"),
        exp.column("occurred_at", "owned"),
        exp.column("load_id", "owned"),
        exp.cast(exp.Literal.string(digest), "text").as_("definition_hash"),
    ).from_("owned")
    row = row.where(_present(value))
    for other in earlier:
        same = exp.column(other.column, "owned").eq(value.copy())
        row = row.where(exp.not_(exp.func("coalesce", same, exp.false())))
    return row


def _present(value: exp.Expr) -> exp.Expr:
    return exp.Is(this=value.copy(), expression=exp.Not(this=exp.null()))
