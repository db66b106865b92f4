"""Overrides to the generated model `identity_overrides`: those of the file and of the table.

Values are normalised as their type is, so that an override names the identifier that the
events give. Pure: overrides and rules in, a model out.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from sqlglot import exp, select

from cdp.identity.overrides import Identifier, Override
from cdp.identity.spec import IdentifierType
from cdp.identity.values import dialled, normalized
from cdp.sql.engines import cast
from cdp.sql.keys import key
from cdp.sql.model import Column, GeneratedModel, Import
from cdp.sql.types import STRING, TIMESTAMP

if TYPE_CHECKING:
    from cdp.catalogue import Catalogue

MODEL = "identity_overrides"
DEFINITION = PurePosixPath("definitions/identity_overrides.yml")
COLUMNS = (
    Column("override_id", "uuid", "Key of kind, identifiers and valid_from."),
    Column("kind", "string", "link, never or block."),
    Column("identifier_type", "string", "Type, as in identity.yml."),
    Column("identifier_value", "string", "Normalised value."),
    Column("other_type", "string", "Of the other identifier; null for a block."),
    Column("other_value", "string", "Of the other identifier; null for a block."),
    Column("author", "string", "Who decided."),
    Column("reason", "string", "Why."),
    Column("valid_from", "timestamp", "Evidence before is not touched; null: all of it is."),
    Column("declared_in", "string", "file (identity_overrides.yml) or table."),
    Column("identifier_id", "uuid", "Key of the identifier."),
    Column("other_id", "uuid", "Key of the other identifier."),
    Column("invalid_reason", "string", "Why it has no effect; null when it has."),
)
_DECLARED = ("kind", "identifier_type", "identifier_value", "other_type", "other_value")
_TOLD = ("author", "reason", "valid_from", "declared_in")


def compile_overrides(catalogue: Catalogue) -> GeneratedModel:
    """The model `identity_overrides`."""
    overrides, kinds = catalogue.overrides, catalogue.identity.types
    return GeneratedModel(
        name=MODEL,
        folder="identity",
        definitions=(DEFINITION,),
        description="One row an override: what people decided about identifiers, in "
        "identity_overrides.yml or in the table raw.identity_overrides.",
        columns=COLUMNS,
        imports=(Import("from_table", "{{ cdp.cdp_override_rows() }}"),),
        body=lambda dialect: _body(overrides, kinds, dialect),
    )


def _body(
    overrides: Sequence[Override], kinds: Sequence[IdentifierType], dialect: str
) -> exp.Query:
    names = (*_DECLARED, *_TOLD)
    table: exp.Query = select(*(exp.column(name, "from_table") for name in names)).from_(
        "from_table"
    )
    rows = [_row(one, dialect) for one in overrides]
    declared = exp.union(table, *rows, distinct=False, copy=False) if rows else table
    clean = select(
        exp.column("kind", "declared"),
        exp.column("identifier_type", "declared"),
        exp.alias_(_value("identifier", kinds, dialect), "identifier_value"),
        exp.column("other_type", "declared"),
        exp.alias_(_value("other", kinds, dialect), "other_value"),
        *(exp.column(name, "declared") for name in _TOLD),
    ).from_("declared")
    moment = cast(exp.column("valid_from", "clean"), STRING, dialect)
    parts = [
        *(exp.column(name, "clean") for name in _DECLARED[:3]),
        *(_or_empty(exp.column(name, "clean")) for name in _DECLARED[3:]),
        _or_empty(moment),
    ]
    return (
        select(
            exp.alias_(key(parts, dialect), "override_id"),
            *(exp.column(name, "clean") for name in names),
            exp.alias_(_key("identifier", dialect), "identifier_id"),
            exp.alias_(_key("other", dialect), "other_id"),
            exp.alias_(cast(_invalid(), STRING, dialect), "invalid_reason"),
        )
        .from_("clean")
        .with_("declared", as_=declared)
        .with_("clean", as_=clean)
    )


def _row(one: Override, dialect: str) -> exp.Select:
    def text(value: str | None) -> exp.Expr:
        literal = exp.null() if value is None else exp.Literal.string(value)
        return cast(literal, STRING, dialect)

    def parts(identifier: Identifier | None) -> tuple[exp.Expr, exp.Expr]:
        kind, value = (identifier.type, identifier.value) if identifier else (None, None)
        return text(kind), text(value)

    moment = one.valid_from.isoformat(sep=" ") if one.valid_from else None
    literal = exp.null() if moment is None else exp.Literal.string(moment)
    values = (
        text(one.kind),
        *parts(one.identifier),
        *parts(one.other),
        text(one.author),
        text(one.reason),
        cast(literal, TIMESTAMP, dialect),
        text("file"),
    )
    names = (*_DECLARED, *_TOLD)
    return select(*(exp.alias_(value, name) for value, name in zip(values, names, strict=True)))


def _value(side: str, kinds: Sequence[IdentifierType], dialect: str) -> exp.Expr:
    """The value after the normalisers of its type; null where there is no such type."""
    value = exp.column(f"{side}_value", "declared")
    choice = exp.Case(this=exp.column(f"{side}_type", "declared"))
    for kind in kinds:
        clean = normalized(value.copy(), kind, dialect)
        clean = dialled(clean, kind) if "phone" in kind.normalize else clean
        choice = choice.when(exp.Literal.string(kind.name), clean)
    return choice if kinds else exp.cast(exp.null(), "text")


def _key(side: str, dialect: str) -> exp.Expr:
    return key([exp.column(f"{side}_type", "clean"), exp.column(f"{side}_value", "clean")], dialect)


def _invalid() -> exp.Expr:
    column = exp.column("kind", "clean")
    kinds = [exp.Literal.string(kind) for kind in ("link", "never", "block")]
    value, other = exp.column("identifier_value", "clean"), exp.column("other_value", "clean")
    same = exp.and_(
        value.copy().eq(other.copy()),
        exp.column("identifier_type", "clean").eq(exp.column("other_type", "clean")),
    )
    block = column.copy().eq(exp.Literal.string("block"))
    known = exp.In(this=column.copy(), expressions=kinds)
    return (
        exp.Case()
        .when(exp.not_(exp.func("coalesce", known, exp.false())), exp.Literal.string("kind"))
        .when(exp.Is(this=value, expression=exp.null()), exp.Literal.string("identifier"))
        .when(
            exp.and_(exp.not_(block), exp.Is(this=other, expression=exp.null())),
            exp.Literal.string("other identifier"),
        )
        .when(same, exp.Literal.string("same identifier"))
    )


def _or_empty(value: exp.Expr) -> exp.Expr:
    return exp.func("coalesce", value, exp.Literal.string(""))
