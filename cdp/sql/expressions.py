"""One scalar expression over the column `value`, written by people, from a closed language.

Owns reading it and its types. Whatever is not listed here is refused by name: other columns,
queries, aggregates, windows, and functions that read files, settings or clocks. The types are
checked, so that no value of the data can make an engine's own conversion fail. Written in
DuckDB's SQL, printed for each dialect.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import SqlglotError

VALUE = "value"
TEXT, NUMBER, TRUTH = "text", "a number", "true or false"
GREATEST_POSITION = 10_000
MOST_DEPTH = 20
_TOO_DEEP = f"is nested more than {MOST_DEPTH} deep"
_PATTERN, _POSITION, _LITERAL, _EVERY = "pattern", "position", "literal", "every"
# What each function takes, by the name of sqlglot's argument, and what it gives.
_FUNCTIONS: dict[type[exp.Expr], tuple[dict[str, str], str]] = {
    exp.Paren: ({"this": ""}, ""),
    exp.Lower: ({"this": TEXT}, TEXT),
    exp.Upper: ({"this": TEXT}, TEXT),
    exp.Trim: ({"this": TEXT, "expression": TEXT}, TEXT),
    exp.Length: ({"this": TEXT}, NUMBER),
    exp.Substring: ({"this": TEXT, "start": _POSITION, "length": _POSITION}, TEXT),
    exp.Left: ({"this": TEXT, "expression": _POSITION}, TEXT),
    exp.Right: ({"this": TEXT, "expression": _POSITION}, TEXT),
    exp.Replace: ({"this": TEXT, "expression": TEXT, "replacement": TEXT}, TEXT),
    exp.Translate: ({"this": TEXT, "from_": _LITERAL, "to": _LITERAL}, TEXT),
    exp.SplitPart: ({"this": TEXT, "delimiter": _LITERAL, "part_index": _POSITION}, TEXT),
    exp.StartsWith: ({"this": TEXT, "expression": TEXT}, TRUTH),
    exp.StrPosition: ({"this": TEXT, "substr": TEXT}, NUMBER),
    exp.MD5: ({"this": TEXT}, TEXT),
    exp.RegexpReplace: (
        {"this": TEXT, "expression": _PATTERN, "replacement": _LITERAL, "modifiers": _EVERY},
        TEXT,
    ),
    exp.RegexpLike: ({"this": TEXT, "expression": _PATTERN}, TRUTH),
    exp.DPipe: ({"this": TEXT, "expression": TEXT}, TEXT),
    exp.Like: ({"this": TEXT, "expression": TEXT}, TRUTH),
    exp.And: ({"this": TRUTH, "expression": TRUTH}, TRUTH),
    exp.Or: ({"this": TRUTH, "expression": TRUTH}, TRUTH),
    exp.Not: ({"this": TRUTH}, TRUTH),
}
_COMPARISONS = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE)
ALLOWED = (
    "value, texts, ||, case, comparisons, and, or, not, in, like, is null, lower, upper, trim, "
    "length, substr, left, right, replace, translate, split_part, strpos, starts_with, coalesce, "
    "nullif, md5, regexp_matches, and regexp_replace with 'g'"
)
"""For messages."""


class NotAllowedError(ValueError):
    """A part of an expression that the language does not have; its text says which."""


def checked(text: str) -> str:
    """The expression as it is kept: without comments, spelt one way.

    Raises NotAllowedError with the part that is not allowed.
    """
    tree = _parsed(text)
    kind = _kind(tree)
    if kind != TEXT:
        raise NotAllowedError(f"gives {kind}, not text")
    return tree.sql(dialect="duckdb", comments=False)


def applied(text: str, value: exp.Expr, dialect: str) -> exp.Expr:
    """A checked expression as a tree, with `value` in the place of its column."""
    tree = _parsed(text).transform(
        lambda node: exp.paren(value.copy()) if isinstance(node, exp.Column) else node
    )
    if dialect in ("spark", "snowflake", "bigquery"):
        # These replace every match, and read a fourth argument as something else.
        for one in tree.find_all(exp.RegexpReplace):
            one.set("modifiers", None)
    return tree


def _parsed(text: str) -> exp.Expr:
    try:
        found = Dialect.get_or_raise("duckdb").parse_into(exp.Condition, text)
    except SqlglotError:
        found = []
    except RecursionError:
        raise NotAllowedError(_TOO_DEEP) from None
    if len(found) != 1 or found[0] is None:
        raise NotAllowedError("is not one expression")
    for node in found[0].walk():
        node.pop_comments()
        if node.depth > MOST_DEPTH:
            raise NotAllowedError(_TOO_DEEP)
    return found[0]


def _kind(node: exp.Expr) -> str:
    if isinstance(node, exp.Column):
        _check_column(node)
        return TEXT
    if isinstance(node, exp.Literal):
        return TEXT if node.is_string else NUMBER
    if isinstance(node, exp.Null):
        return TEXT
    if isinstance(node, exp.Boolean):
        return TRUTH
    special = _SPECIAL.get(type(node))
    if special:
        return special(node)
    takes, gives = _FUNCTIONS.get(type(node), (None, ""))
    if takes is None:
        raise NotAllowedError(f"uses {_name(node)}, which it may not")
    return _function(node, takes, gives)


def _function(node: exp.Expr, takes: dict[str, str], gives: str) -> str:
    kinds = []
    for name, child in node.args.items():
        if isinstance(child, exp.Expr) and name in takes:
            kinds.append(_argument(node, child, takes[name]))
        elif isinstance(child, exp.Expr) or (isinstance(child, list) and child):
            raise NotAllowedError(f"gives {_name(node)} an argument that it may not have")
    if takes.get("modifiers") and not node.args.get("modifiers"):
        raise NotAllowedError("uses regexp_replace without 'g', which engines read differently")
    return gives or kinds[0]


def _argument(node: exp.Expr, child: exp.Expr, wanted: str) -> str:
    if wanted in (_PATTERN, _POSITION, _LITERAL, _EVERY):
        _check_literal(node, child, wanted)
        return wanted
    kind = _kind(child)
    if wanted and kind != wanted:
        raise NotAllowedError(f"gives {_name(node)} {kind} in the place of {wanted}")
    return kind


def _check_literal(node: exp.Expr, child: exp.Expr, wanted: str) -> None:
    is_text = isinstance(child, exp.Literal) and child.is_string
    text = child.name if isinstance(child, exp.Literal) else ""
    if wanted == _POSITION:
        whole = not is_text and text.isdigit() and 1 <= int(text) <= GREATEST_POSITION
        if not whole:
            raise NotAllowedError(
                f"gives {_name(node)} a position that is no number from 1 to {GREATEST_POSITION}"
            )
    elif not is_text:
        raise NotAllowedError(f"gives {_name(node)} something else than a text in quotes")
    elif wanted == _EVERY and text != "g":
        raise NotAllowedError(f"gives {_name(node)} '{text}' in the place of 'g'")
    elif wanted == _PATTERN:
        try:
            re.compile(text)
        except re.error as error:
            raise NotAllowedError(f"has '{text}', which is not a pattern: {error}") from None


def _check_column(node: exp.Column) -> None:
    if (
        len(node.parts) > 1
        or node.name.lower() != VALUE
        or not isinstance(node.this, exp.Identifier)
    ):
        raise NotAllowedError(f"reads {node.sql(dialect='duckdb')}, and only value is there")


def _same(node: exp.Expr, parts: Sequence[exp.Expr]) -> str:
    """The one kind of several parts. A null fits everywhere."""
    kinds = {_kind(one) for one in parts if not isinstance(one, exp.Null)}
    if len(kinds) > 1:
        raise NotAllowedError(f"mixes {' and '.join(sorted(kinds))} in {_name(node)}")
    return kinds.pop() if kinds else TEXT


def _listed(node: exp.Expr) -> str:
    first = [node.this] if isinstance(node.this, exp.Expr) else []
    return _same(node, [*first, *node.expressions])


def _joined(node: exp.Expr) -> str:
    kind = _listed(node)
    if kind != TEXT:
        raise NotAllowedError(f"gives {_name(node)} {kind} in the place of {TEXT}")
    return TEXT


def _compared(node: exp.Expr) -> str:
    _same(node, [node.this, node.expression])
    return TRUTH


def _contained(node: exp.Expr) -> str:
    if any(node.args.get(name) for name in ("query", "unnest", "field", "is_global")):
        raise NotAllowedError("uses in with something else than a list")
    _listed(node)
    return TRUTH


def _is(node: exp.Expr) -> str:
    if not isinstance(node.expression, exp.Null):
        raise NotAllowedError("uses is with something else than null")
    _kind(node.this)
    return TRUTH


def _cases(node: exp.Expr) -> str:
    branches = node.args.get("ifs") or [node]
    for branch in branches:
        test = branch.this
        if isinstance(node, exp.Case) and isinstance(node.this, exp.Expr):
            _same(node, [node.this, test])
        elif _kind(test) != TRUTH:
            raise NotAllowedError("uses case with a condition that is neither true nor false")
    otherwise = node.args.get("default") or node.args.get("false")
    results = [branch.args["true"] for branch in branches]
    return _same(node, [*results, otherwise] if otherwise is not None else results)


def _texted(node: exp.Expr) -> str:
    if not node.args["to"].is_type("text", "varchar") or node.args.get("format"):
        raise NotAllowedError("casts to something else than text, which a value may not be")
    _kind(node.this)
    return TEXT


_SPECIAL: dict[type[exp.Expr], Callable[[exp.Expr], str]] = {
    exp.Coalesce: _listed,
    exp.Concat: _joined,
    exp.Nullif: lambda node: _same(node, [node.this, node.expression]),
    exp.In: _contained,
    exp.Is: _is,
    exp.Case: _cases,
    exp.If: _cases,
    exp.Cast: _texted,
    **dict.fromkeys(_COMPARISONS, _compared),
}


def _name(node: exp.Expr) -> str:
    """What a person would call a part."""
    if isinstance(node, exp.Anonymous):
        return str(node.this).lower()
    if isinstance(node, (exp.Query, exp.Subquery, exp.Exists)):
        return "a query"
    if isinstance(node, exp.Func):
        return node.sql_names()[0].lower()
    return {"dpipe": "||", "window": "over ()", "similarto": "similar to"}.get(node.key, node.key)
