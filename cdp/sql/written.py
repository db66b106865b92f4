"""Typed values as texts that every engine writes the same, alone or as JSON.

Owns how a number or a moment looks inside a text, and documents put together from such
texts: no two engines make objects and lists of mixed types alike, all of them join texts.
Not every type has a plain text.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from cdp.sql.engines import cast, json_string
from cdp.sql.predicates import is_present
from cdp.sql.types import BOOLEAN, DECIMAL, FLOAT, INTEGER, LIST, STRING, TIMESTAMP

WITHOUT_TEXT = (FLOAT, LIST)
"""Types of which engines write different texts."""
_LITERAL = exp.Literal.string
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


def json_value(value: exp.Expr, kind: str, dialect: str) -> exp.Expr:
    """A value as the text of a JSON value; null or `null` where it is missing.

    Moments are ISO 8601 in UTC with microseconds; infinities and NaN are missing.
    """
    if kind == STRING:
        return json_string(value, dialect)
    if kind == LIST:
        return _json_list(value, dialect)
    if kind == TIMESTAMP:
        return _json_moment(cast(value, STRING, dialect))
    if kind == FLOAT:
        # Infinity less itself is no number.
        rest = exp.Sub(this=value.copy(), expression=value.copy())
        finite = rest.eq(exp.Literal.number(0))
        return exp.Case().when(finite, cast(value, STRING, dialect))
    return plain_text(value, kind, dialect)


def json_document(
    members: Sequence[tuple[str, exp.Expr, exp.Expr | None]], brackets: str
) -> exp.Expr:
    """The text of a JSON object or list, by its `brackets`; never null.

    A member is what stands before its value (a name with a colon, or nothing), the text of
    its value, and the value without which it is left out (None: then it is null there).
    """
    pieces = []
    for before, text, unless_null in members:
        if unless_null is None:
            missing = exp.func("coalesce", text, _LITERAL("null"))
            pieces += [_LITERAL(f",{before}"), missing]
        else:
            whole = joined([_LITERAL(f",{before}"), text])
            present = exp.Case().when(is_present(unless_null), whole)
            pieces.append(present.else_(_LITERAL("")))
    # Each member brings a comma: the first one is cut off.
    inner = exp.Anonymous(this="substr", expressions=[joined(pieces), exp.Literal.number(2)])
    return joined([_LITERAL(brackets[0]), inner, _LITERAL(brackets[1])])


def joined(texts: Sequence[exp.Expr]) -> exp.Expr:
    """Texts one after the other; null where one of them is."""
    whole = texts[0]
    for text in texts[1:]:
        whole = exp.DPipe(this=whole, expression=text, safe=True)
    return whole


def _json_list(value: exp.Expr, dialect: str) -> exp.Expr:
    if dialect == "bigquery":
        return exp.Anonymous(this="to_json_string", expressions=[value.copy()])
    written = exp.Anonymous(this="to_json", expressions=[value.copy()])
    return cast(written, STRING, dialect) if dialect in ("duckdb", "postgres") else written


def _json_moment(text: exp.Expr) -> exp.Expr:
    """From `2026-01-31 08:00:00.5` to `"2026-01-31T08:00:00.500000Z"`."""

    def part(start: int, length: int | None = None) -> exp.Expr:
        numbers = [exp.Literal.number(one) for one in (start, length) if one is not None]
        return exp.Anonymous(this="substr", expressions=[text.copy(), *numbers])

    fraction = exp.Anonymous(
        this="rpad", expressions=[part(21), exp.Literal.number(6), _LITERAL("0")]
    )
    start, middle, dot, end = map(_LITERAL, ('"', "T", ".", 'Z"'))
    return joined([start, part(1, 10), middle, part(12, 8), dot, fraction, end])


def _last_zeros_cut(text: exp.Expr, dialect: str) -> exp.Expr:
    """A decimal with six places without the zeros that end it; BigQuery writes none."""
    if dialect == "bigquery":
        return text
    for last in ("0", "."):
        text = exp.Trim(this=text, expression=_LITERAL(last), position="TRAILING")
    return text
