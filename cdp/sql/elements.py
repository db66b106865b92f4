"""The elements of a list in an event's JSON: how many pass filters, or whether all do.

The one place that knows how engines walk through a list. Those that have functions over
lists use them, the others count the rows of the unnested list. Facts were tried on
DuckDB 1.5 and PostgreSQL 15; those for the other engines are from their manuals.
"""

from __future__ import annotations

from sqlglot import exp, select

from cdp.sql.engines import typed
from cdp.sql.filters import Elements, Filter
from cdp.sql.json import json_elements, json_text
from cdp.sql.predicates import all_of, operator_test

_ELEMENT = "element"


def element_value(document: exp.Expr, elements: Elements, dialect: str) -> exp.Expr:
    """The number of elements that pass, or whether every one does: never null."""
    found = json_elements(document, elements.path, dialect)
    passing = _counted(found, elements.filters, dialect)
    if not elements.every:
        return passing
    # What every element passes, some element passes: an empty list passes nothing.
    some = exp.GT(this=passing.copy(), expression=exp.Literal.number(0))
    return exp.and_(some, passing.copy().eq(_counted(found, (), dialect)))


def _counted(found: exp.Expr, filters: tuple[Filter, ...], dialect: str) -> exp.Expr:
    """The number of elements that pass filters. `found` is the list as `json` gives it."""
    if dialect in ("postgres", "bigquery"):
        return _rows(found, filters, dialect)
    element = exp.to_identifier(_ELEMENT)
    kept = found.copy()
    if filters:
        tests = [_test(one, element, dialect) for one in filters]
        arrow = exp.Lambda(this=all_of(tests), expressions=[exp.to_identifier(_ELEMENT)])
        name = "list_filter" if dialect == "duckdb" else "filter"
        kept = exp.Anonymous(this=name, expressions=[kept, arrow])
    size = {"duckdb": "len", "spark": "size", "snowflake": "array_size"}[dialect]
    counted = exp.Anonymous(this=size, expressions=[kept])
    nothing = exp.Literal.number(0)
    if dialect == "spark":
        # The size of what is no list is -1, or null, as the session says.
        counted = exp.Anonymous(this="greatest", expressions=[counted, nothing.copy()])
    return exp.func("coalesce", counted, nothing)


def _rows(found: exp.Expr, filters: tuple[Filter, ...], dialect: str) -> exp.Expr:
    """A count of the rows that the list is unnested to."""
    element: exp.Expr = exp.to_identifier(_ELEMENT)
    source: exp.Expr
    if dialect == "postgres":
        element = exp.column("value", _ELEMENT)
        columns = exp.TableAlias(
            this=exp.to_identifier(_ELEMENT), columns=[exp.to_identifier("value")]
        )
        source = exp.Table(this=found.copy(), alias=columns)
    else:
        alias = exp.TableAlias(columns=[exp.to_identifier(_ELEMENT)])
        source = exp.Unnest(expressions=[found.copy()], alias=alias)
    query = select(exp.Count(this=exp.Star())).from_(source)
    if filters:
        query = query.where(all_of([_test(one, element, dialect) for one in filters]))
    return exp.Subquery(this=query)


def _test(one: Filter, element: exp.Expr, dialect: str) -> exp.Expr:
    text = json_text(element, one.property.path, dialect, is_parsed=True)
    subject = typed(text, one.property.type, dialect)
    # No operator of properties measures from a moment.
    return operator_test(one.operator, subject, one.property.type, one.value, exp.null(), dialect)
