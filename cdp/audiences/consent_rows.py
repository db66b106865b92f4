"""What profiles said about categories of consent, as columns of `int_conditions`.

Reads the consents of events before as_of; the latest decides, and at one moment a denial
counts more than a grant, as in `consent_status`, which is the same without a clock.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp, select

from cdp.audiences.condition_rows import BASE, PROFILE, Cte
from cdp.sql.predicates import is_missing, is_present
from cdp.sql.queries import joined, relation

SOURCE, OWNERS, GRAPH = "int_profiles__consents", "int_identity__event_owners", "identity_graph"
_ROWS, NAME = "consent_rows", "consent_totals"


def consent_ctes(consents: Mapping[str, str]) -> list[Cte]:
    """The CTEs; the last has one row a profile and a column a category: null for never said."""
    owner = exp.column(PROFILE, _ROWS)
    columns = [_status(category).as_(name) for category, name in consents.items()]
    totals = (
        select(owner, *columns)
        .from_(relation(_ROWS), copy=False)
        .group_by(owner.copy(), copy=False)
    )
    return [(_ROWS, _rows(list(consents))), (NAME, totals)]


def _rows(categories: list[str]) -> exp.Select:
    def same(column: str, left: str, right: str) -> exp.Expr:
        return exp.column(column, left).eq(exp.column(column, right))

    wanted = [exp.Literal.string(one) for one in categories]
    names = ("category", "is_granted", "occurred_at")
    columns = (exp.column(one, SOURCE) for one in names)
    query = select(exp.column(PROFILE, BASE), *columns).from_(relation(SOURCE), copy=False)
    joined(query, OWNERS, same("event_id", SOURCE, OWNERS), "inner")
    joined(query, GRAPH, same("identifier_id", OWNERS, GRAPH), "inner")
    joined(query, BASE, same(PROFILE, GRAPH, BASE), "inner")
    about = exp.In(this=exp.column("category", SOURCE), expressions=wanted)
    before = exp.column("occurred_at", SOURCE) < exp.column("as_of", BASE)
    return query.where(about, before, copy=False)


def _status(category: str) -> exp.Expr:
    granted, denied = (_last(category, is_granted=one) for one in (True, False))
    later = exp.or_(is_missing(denied), exp.GT(this=granted.copy(), expression=denied.copy()))
    return (
        exp.Case()
        .when(exp.and_(is_present(granted), later), exp.true())
        .when(is_present(denied), exp.false())
    )


def _last(category: str, *, is_granted: bool) -> exp.Expr:
    said: exp.Expr = exp.column("is_granted", _ROWS)
    about = exp.column("category", _ROWS).eq(exp.Literal.string(category))
    test = exp.and_(about, said if is_granted else exp.Not(this=said))
    return exp.Max(this=exp.Case().when(test, exp.column("occurred_at", _ROWS)))
