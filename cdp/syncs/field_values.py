"""The value of a mapped field as SQL: its type, its cast, and values put into a text.

Rests on the names that `compile` gives to what it joins: `source_rows`, the traits, and
one CTE an identifier and strategy. Only constructs that engines agree on are used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlglot import exp

from cdp.sql.engines import cast
from cdp.sql.types import STRING
from cdp.sql.written import plain_text
from cdp.syncs.fields import Field, Part, column_type
from cdp.yamlfile import Scalar

ROWS = "source_rows"


def identifier_cte(field: Field) -> str:
    """The CTE with the identifiers that a field chooses from."""
    name = str(field.value).replace(".", "_")
    return f"every_{name}" if field.strategy == "all" else f"{field.strategy}_seen_{name}"


@dataclass(frozen=True)
class Values:
    """Makes the values of the fields of one sync; `traits` are all by name."""

    traits: Mapping[str, Any]
    trait_table: str
    dialect: str

    def of(self, field: Field) -> exp.Expr:
        """The value of a field, in its column's type."""
        if field.kind == "template":
            return self._filled(field)
        if field.kind == "identifier":
            value = exp.column("identifier_value", identifier_cte(field))
            return cast(value, STRING, self.dialect)
        if field.kind == "trait":
            return exp.column(str(field.value), table=self.trait_table)
        if field.kind == "column":
            return cast(exp.column(str(field.value), table=ROWS), field.type, self.dialect)
        return cast(_literal(field.value), column_type(field, self.traits), self.dialect)

    def _filled(self, field: Field) -> exp.Expr:
        """The parts of a template one after the other: null where one without a default is."""
        pieces = [
            self._text(part)
            if isinstance(part, Part)
            else cast(exp.Literal.string(part), STRING, self.dialect)
            for part in field.parts
        ]
        text = pieces[0]
        for piece in pieces[1:]:
            text = exp.DPipe(this=text, expression=piece, safe=True)
        return text

    def _text(self, part: Part) -> exp.Expr:
        kind = column_type(part.field, self.traits)
        text = plain_text(self.of(part.field), kind, self.dialect)
        if part.default is None:
            return text
        return exp.func("coalesce", text, exp.Literal.string(part.default))


def _literal(value: Scalar) -> exp.Expr:
    if isinstance(value, bool):
        return exp.Boolean(this=value)
    if isinstance(value, (int, Decimal)):
        return exp.Literal.number(format(value, "f") if isinstance(value, Decimal) else value)
    return exp.Literal.string(str(value))
