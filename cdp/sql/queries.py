"""Tables and CTEs of a query by name, without the parser that sqlglot runs over every name."""

from __future__ import annotations

from collections.abc import Iterable

from sqlglot import exp


def relation(name: str) -> exp.Table:
    """A table, or a CTE, that is read by its name."""
    return exp.Table(this=exp.to_identifier(name))


def named(tree: exp.Expr, name: str) -> exp.Alias:
    """A fresh tree as a column of that name; sqlglot's own `as_` copies what it names."""
    return exp.Alias(this=tree, alias=exp.to_identifier(name))


def with_ctes(query: exp.Select, ctes: Iterable[tuple[str, exp.Select]]) -> exp.Select:
    """The query with CTEs before it, in their order. Changes the query."""
    made = [
        exp.CTE(this=tree, alias=exp.TableAlias(this=exp.to_identifier(name)))
        for name, tree in ctes
    ]
    query.set("with_", exp.With(expressions=made))
    return query


def joined(query: exp.Select, name: str, on: exp.Expr, how: str) -> exp.Select:
    """The query with a table joined: `inner` or `left`. Changes the query."""
    side = {"side": "LEFT"} if how == "left" else {"kind": "INNER"}
    query.append("joins", exp.Join(this=relation(name), on=on, **side))
    return query
