"""The value of a mapped field as SQL: its type, its cast, and values put into a text.

Rests on the names that `compile` gives to what it joins: `source_rows`, the traits, and
one CTE an identifier and strategy. Only constructs that engines agree on are used.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlglot import exp

from cdp.sql.engines import cast, typed
from cdp.sql.json import json_text
from cdp.sql.types import JSON, STRING
from cdp.sql.written import joined, json_document, json_value, plain_text
from cdp.syncs.fields import JSON_KINDS, NESTED, Field, Part, column_type
from cdp.yamlfile import Scalar

ROWS = "source_rows"


def identifier_cte(field: Field) -> str:
    """The CTE with the identifiers that a field chooses from."""
    name = str(field.value).replace(".", "_")
    return f"every_{name}" if field.strategy == "all" else f"{field.strategy}_seen_{name}"


@dataclass(frozen=True)
class Values:
    """Makes the values of the fields of one sync.

    `traits` are all by name, `columns` the types of the source's columns that are known.
    """

    traits: Mapping[str, Any]
    trait_table: str
    columns: Mapping[str, str]
    dialect: str

    def of(self, field: Field) -> exp.Expr:
        """The value of a field, in its column's type."""
        if field.kind == "template":
            return self._filled(field)
        if field.kind in NESTED:
            return cast(self._document(field), JSON, self.dialect)
        if field.kind == "identifier":
            value = exp.column("identifier_value", identifier_cte(field))
            return cast(value, STRING, self.dialect)
        if field.kind == "trait":
            return exp.column(str(field.value), table=self.trait_table)
        if field.kind in JSON_KINDS:
            document = exp.column(JSON_KINDS[field.kind], table=ROWS)
            text = json_text(document, str(field.value).split("."), self.dialect)
            return typed(text, field.type, self.dialect)
        if field.kind == "column":
            return cast(exp.column(str(field.value), table=ROWS), self._type(field), self.dialect)
        return cast(_literal(field.value), column_type(field, self.traits), self.dialect)

    def _type(self, field: Field) -> str:
        known = column_type(field, self.traits)
        return known or self.columns.get(str(field.value), STRING)

    def _filled(self, field: Field) -> exp.Expr:
        """The parts of a template one after the other: null where one without a default is."""
        pieces = [
            self._text(part) if isinstance(part, Part) else exp.Literal.string(part)
            for part in field.parts
        ]
        return joined(pieces)

    def _document(self, field: Field) -> exp.Expr:
        """The text of an object or a list with the values of its members."""
        is_object = field.kind == "object"
        return json_document(
            [
                (f"{json.dumps(one.name)}:" if is_object else "", *self._member(one))
                for one in field.members
            ],
            "{}" if is_object else "[]",
        )

    def _member(self, field: Field) -> tuple[exp.Expr, exp.Expr | None]:
        """The text of its value, and the value without which it is left out."""
        if field.kind in NESTED:
            return self._document(field), None
        value = self.of(field)
        text = json_value(value, column_type(field, self.traits), self.dialect)
        return text, value if field.when_null == "skip" else None

    def _text(self, part: Part) -> exp.Expr:
        kind = self._type(part.field)
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
