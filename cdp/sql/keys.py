"""Keys and small text functions that dialects write differently."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

SEPARATOR = 31
"""The ASCII unit separator: it stands between parts, so 'a','bc' and 'ab','c' differ."""


def key(parts: Sequence[exp.Expr], dialect: str) -> exp.Expr:
    """The md5 of the parts; a UUID where the engine has one. Twin of the macro `cdp_key`."""
    text = parts[0].copy()
    for part in parts[1:]:
        text = exp.DPipe(this=text, expression=separator(dialect))
        text = exp.DPipe(this=text, expression=part.copy())
    digest = exp.Anonymous(this="md5", expressions=[text])
    if dialect in ("duckdb", "postgres"):
        return exp.cast(digest, "uuid")
    if dialect == "bigquery":
        return exp.Anonymous(this="to_hex", expressions=[digest])
    return digest


def separator(dialect: str) -> exp.Expr:
    """The character that stands between the parts of a text."""
    number = exp.Literal.number(SEPARATOR)
    if dialect == "bigquery":
        array = exp.Array(expressions=[number])
        return exp.Anonymous(this="code_points_to_string", expressions=[array])
    return exp.Anonymous(this="chr", expressions=[number])
