"""Features that are one filtered aggregate over the rows of an event: `<event>_totals`.

All of an event are computed in one grouping by profile. First and last take the row
that `event_rows` has ranked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlglot import exp, select

from cdp.features import Feature
from cdp.sql.engines import cast, divided, sorted_list, total
from cdp.sql.predicates import all_of
from cdp.sql.types import BOOLEAN
from cdp.traits.event_rows import ORDERED, Cte, EventRows, feature_type, number

_FILTERING = ("duckdb", "postgres", "spark")
"""The dialects with `filter`: different values are collected of the rows that count alone.

Where a row does not count, `case` gives a null, which is collected with the values.
"""


def totals_cte(rows: EventRows, features: Mapping[Feature, str]) -> Cte:
    """One row a profile with the features as columns."""
    columns = [_total(one, name, rows).as_(name) for one, name in features.items()]
    query = (
        select(rows.owner, *columns).from_(rows.name, copy=False).group_by(rows.owner, copy=False)
    )
    return f"{rows.slug}_totals", query


def _total(feature: Feature, name: str, rows: EventRows) -> exp.Expr:
    """The aggregate of one feature over the rows of a profile."""
    tests = rows.conditions(feature)
    if feature.aggregate == "count":
        return exp.Count(this=_where(number(1), tests) if tests else exp.Star())
    if feature.aggregate in ("first_time", "last_time"):
        moment = _where(rows.occurred_at, tests)
        return exp.Min(this=moment) if feature.aggregate == "first_time" else exp.Max(this=moment)
    value = rows.value(feature)
    if feature.aggregate == "unique_list":
        return sorted_list(value, all_of(tests) if tests else None, rows.dialect)
    if feature.aggregate == "unique_count":
        return _unique_count(value, tests, rows.dialect)
    if feature.aggregate in ORDERED:
        rank = exp.column(f"{name}_rank", rows.name).eq(number(1))
        return _only(_where(value, [rank, *tests]), feature)
    return _aggregate(feature, _where(value, tests), rows)


def _unique_count(value: exp.Expr, tests: Sequence[exp.Expr], dialect: str) -> exp.Expr:
    filtered = bool(tests) and dialect in _FILTERING
    counted = value.copy() if filtered else _where(value, tests)
    count = exp.Count(this=exp.Distinct(expressions=[counted]))
    return exp.Filter(this=count, expression=exp.Where(this=all_of(tests))) if filtered else count


def _aggregate(feature: Feature, value: exp.Expr, rows: EventRows) -> exp.Expr:
    kind = feature_type(feature)
    if feature.aggregate == "minimum":
        return exp.Min(this=rows.sortable(feature, value))
    if feature.aggregate == "maximum":
        return exp.Max(this=rows.sortable(feature, value))
    if feature.aggregate == "average":
        # Divided at the end: the mean of decimals does not depend on the order of rows.
        count = exp.func("nullif", exp.Count(this=value.copy()), number(0))
        return cast(divided(exp.Sum(this=value), count), kind, rows.dialect)
    return total(value, kind, rows.dialect)


def _only(value: exp.Expr, feature: Feature) -> exp.Expr:
    """The one value that is not null."""
    if feature_type(feature) == BOOLEAN:
        return exp.LogicalOr(this=value)
    return exp.Max(this=value)


def _where(value: exp.Expr, tests: Sequence[exp.Expr]) -> exp.Expr:
    return exp.Case().when(all_of(tests), value.copy()) if tests else value.copy()
