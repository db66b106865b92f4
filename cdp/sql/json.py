"""Reading leaves of JSON that is stored as text, in each dialect.

The one place in generated SQL that knows how an engine reads JSON; the macro
`json_text` is its twin for hand-written models.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp


def json_text(column: exp.Expr, keys: Sequence[str], dialect: str) -> exp.Expr:
    """The value below `keys` as text: null where it is missing or a JSON null.

    Objects and arrays come as their JSON text (null on BigQuery). Keys must not
    contain quotes, backslashes or brackets.
    """
    quoted = [f'"{key}"' for key in keys]
    bracketed = "".join(f"['{key}']" for key in keys)
    if dialect == "duckdb":
        return _call("json_extract_string", column, "$." + ".".join(quoted))
    if dialect == "postgres":
        document = exp.cast(column.copy(), "jsonb", dialect="postgres")
        path = exp.Literal.string("{" + ",".join(quoted) + "}")
        return exp.paren(exp.JSONBExtractScalar(this=document, expression=path))
    if dialect == "spark":
        return _call("get_json_object", column, "$" + bracketed)
    if dialect == "snowflake":
        parsed = exp.Anonymous(this="try_parse_json", expressions=[column.copy()])
        path_text = "".join(f"[{key}]" for key in quoted)
        return exp.cast(_call("get_path", parsed, path_text), "varchar")
    return _call("json_value", column, "$." + ".".join(quoted))


def _call(function: str, column: exp.Expr, path: str) -> exp.Expr:
    return exp.Anonymous(this=function, expressions=[column.copy(), exp.Literal.string(path)])
