"""Typed values as texts that every engine writes the same.

Owns how a number or a moment looks inside a text. Not every type has such a text.
"""

from __future__ import annotations

from sqlglot import exp

from cdp.sql.engines import cast
from cdp.sql.types import BOOLEAN, DECIMAL, FLOAT, INTEGER, LIST, STRING, TIMESTAMP

WITHOUT_TEXT = (FLOAT, LIST)
"""Types of which engines write different texts."""
_SECONDS = len("2026-01-31 08:00:00")


def plain_text(value: exp.Expr, kind: str, dialect: str) -> exp.Expr:
    """A value as text: 12.5 and not 12.500000, true or false, times to the second in UTC.

    Null where the value is. `kind` is none of WITHOUT_TEXT.
    """
    if kind == STRING:
        return value.copy()
    text = cast(value, STRING, dialect)
    if kind == DECIMAL:
        return _last_zeros_cut(text, dialect)
    if kind == TIMESTAMP:
        return exp.Left(this=text, expression=exp.Literal.number(_SECONDS))
    assert kind in (INTEGER, BOOLEAN), kind
    return text


def _last_zeros_cut(text: exp.Expr, dialect: str) -> exp.Expr:
    """A decimal with six places without the zeros that end it; BigQuery writes none."""
    if dialect == "bigquery":
        return text
    for last in ("0", "."):
        text = exp.Trim(this=text, expression=exp.Literal.string(last), position="TRAILING")
    return text
