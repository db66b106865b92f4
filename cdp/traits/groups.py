"""Features that need the values of a profile in order or counted: CTEs of their own.

Owns most frequent values and tallies (one count a value), and percentiles (one rank a
value). Features that differ only in what they take from the counts or ranks share them.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from sqlglot import exp, select

from cdp.features import Feature
from cdp.sql.engines import cast, divided, joined_in_order, json_string
from cdp.sql.types import FLOAT, STRING
from cdp.sql.written import joined
from cdp.traits.event_rows import Cte, EventRows, feature_type, number, numbered, over

Group = Mapping[Feature, str]
Grouped = tuple[list[Cte], dict[Feature, str]]
"""The CTEs of a group, and for each feature the one that has its column."""
# Percentiles are kept in thousandths of a percent: 100% is this many.
_WHOLE = 100_000


def frequencies(rows: EventRows, base: str, features: Group) -> Grouped:
    """Most frequent values and tallies: each different value of a profile is counted once."""
    counts = f"{base}_counts"
    ctes = [(counts, _counts(rows, next(iter(features))))]
    owners = {}
    for feature, name in features.items():
        tally = feature.aggregate == "tally"
        owners[feature] = f"{name}_tally" if tally else f"{name}_top"
        query = _tally(rows, counts, name) if tally else _top(rows, counts, name, feature)
        ctes.append((owners[feature], query))
    return ctes, owners


def _counts(rows: EventRows, feature: Feature) -> exp.Select:
    value = rows.value(feature)
    counted = exp.Count(this=exp.Star())
    order = [
        exp.Ordered(this=counted, desc=True),
        exp.Ordered(this=rows.sortable(feature, value)),
    ]
    query = select(
        rows.owner,
        value.as_("value"),
        counted.copy().as_("frequency"),
        numbered(rows.owner, order).as_("frequency_rank"),
    )
    return rows.kept(query, feature, present=True).group_by(rows.owner, value.copy(), copy=False)


def _top(rows: EventRows, counts: str, name: str, feature: Feature) -> exp.Select:
    query = (
        select(rows.level.column(counts), exp.column("value", counts).as_(name))
        .from_(counts, copy=False)
        .where(exp.column("frequency_rank", counts).eq(number(1)))
    )
    if isinstance(feature.option, int):
        query = query.where(exp.column("frequency", counts) >= number(feature.option))
    return query


def _tally(rows: EventRows, counts: str, name: str) -> exp.Select:
    value = exp.column("value", counts)
    frequency = cast(exp.column("frequency", counts), STRING, rows.dialect)
    entry = joined([json_string(value, rows.dialect), exp.Literal.string(":"), frequency])
    entries = joined_in_order(entry, value, rows.dialect)
    tally = joined([exp.Literal.string("{"), entries, exp.Literal.string("}")])
    key = rows.level.column(counts)
    return select(key, tally.as_(name)).from_(counts, copy=False).group_by(key.copy(), copy=False)


def percentiles(rows: EventRows, base: str, features: Group) -> Grouped:
    """Percentiles by linear interpolation, exact for decimals and the same on every engine.

    With n values in order, counted from 0, percentile p lies at place p * (n - 1). A
    value's weight is one minus its distance from there, and 0 from a distance of 1
    on: at most two values have one, and their weights make 1.
    """
    ranked, points = f"{base}_ranked", f"{base}_points"
    first = next(iter(features))
    value = rows.value(first)
    place = numbered(rows.owner, [exp.Ordered(this=value.copy())])
    last = over(exp.Count(this=exp.Star()), rows.owner)
    query = select(
        rows.owner,
        value.as_("value"),
        exp.Sub(this=place, expression=number(1)).as_("place"),
        exp.Sub(this=last, expression=number(1)).as_("last_place"),
    )
    key = rows.level.column(ranked)
    columns = [_point(ranked, one, rows.dialect).as_(name) for one, name in features.items()]
    interpolated = select(key, *columns).from_(ranked, copy=False).group_by(key.copy(), copy=False)
    ctes = [(ranked, rows.kept(query, first, present=True)), (points, interpolated)]
    return ctes, dict.fromkeys(features, points)


def _point(ranked: str, feature: Feature, dialect: str) -> exp.Expr:
    assert isinstance(feature.option, Decimal)
    thousandths = number(int(feature.option * 1000))
    aim = exp.Mul(this=thousandths, expression=exp.column("last_place", ranked))
    place = exp.Mul(this=number(_WHOLE), expression=exp.column("place", ranked))
    distance = exp.func("abs", exp.Sub(this=place, expression=aim))
    near = exp.LT(this=distance, expression=number(_WHOLE))
    weight: exp.Expr = exp.paren(exp.Sub(this=number(_WHOLE), expression=distance.copy()))
    value = exp.column("value", ranked)
    kind = feature_type(feature)
    if kind == FLOAT:
        share = divided(cast(weight, FLOAT, dialect), number(_WHOLE))
        return exp.Sum(this=exp.Case().when(near, exp.Mul(this=value, expression=exp.paren(share))))
    weighted = exp.Sum(this=exp.Case().when(near, exp.Mul(this=value, expression=weight)))
    # Times 0.00001 and not divided: some engines divide decimals as doubles.
    return cast(exp.Mul(this=weighted, expression=exp.Literal.number("0.00001")), kind, dialect)
