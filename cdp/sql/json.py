"""Reading leaves of JSON that is stored as text, in each dialect.

The one place in generated SQL that knows how an engine reads JSON; the macro
`json_text` is its twin for hand-written models.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp


def json_text(
    column: exp.Expr, keys: Sequence[str], dialect: str, *, is_parsed: bool = False
) -> exp.Expr:
    """The value below `keys` as text: null where it is missing or a JSON null.

    Objects and arrays come as their JSON text (null on BigQuery). Keys must not
    contain quotes, backslashes or brackets. `is_parsed` is for an element of `json_elements`.
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
        path_text = "".join(f"[{key}]" for key in quoted)
        parsed = column if is_parsed else _parsed(column)
        return exp.cast(_call("get_path", parsed, path_text), "varchar")
    return _call("json_value", column, "$." + ".".join(quoted))


def json_elements(column: exp.Expr, keys: Sequence[str], dialect: str) -> exp.Expr:
    """The elements of the list below `keys`, as documents of their own; none where it is no list.

    A list of the engine (null where there is none); PostgreSQL: a function that gives rows.
    """
    quoted = [f'"{key}"' for key in keys]
    if dialect == "duckdb":
        return _call("json_extract", column, "$." + ".".join(quoted) + "[*]")
    if dialect == "postgres":
        document = exp.cast(column.copy(), "jsonb", dialect="postgres")
        path = exp.Literal.string("{" + ",".join(quoted) + "}")
        found = exp.paren(exp.JSONBExtract(this=document, expression=path))
        kind = exp.Anonymous(this="jsonb_typeof", expressions=[found])
        some = exp.Case().when(kind.eq(exp.Literal.string("array")), found.copy())
        return exp.Anonymous(this="jsonb_array_elements", expressions=[some])
    if dialect == "spark":
        text = _call("get_json_object", column, "$" + "".join(f"['{key}']" for key in keys))
        return _call("from_json", text, "array<string>")
    if dialect == "snowflake":
        value = _call("get_path", _parsed(column), "".join(f"[{key}]" for key in quoted))
        return exp.Anonymous(this="as_array", expressions=[value])
    return _call("json_query_array", column, "$." + ".".join(quoted))


def _parsed(column: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this="try_parse_json", expressions=[column.copy()])


def _call(function: str, column: exp.Expr, path: str) -> exp.Expr:
    return exp.Anonymous(this=function, expressions=[column.copy(), exp.Literal.string(path)])
