"""Periods as SQL: something that the moments of one period before as_of share.

Owns the expression alone; how periods are read and named belongs to `windows`.
"""

from __future__ import annotations

from sqlglot import exp

from cdp.sql.engines import elapsed
from cdp.sql.predicates import bound_at
from cdp.sql.windows import Duration, Periods

_MICROSECONDS_A_MINUTE = 60_000_000


def period_at(moment: exp.Expr, as_of: exp.Expr, periods: Periods, dialect: str) -> exp.Expr:
    """What moments of one period share and those of others do not.

    For months the number of the period, for others the microseconds of the whole periods before.
    """
    size = periods.back(1)
    if not size.months:
        # A period includes its start, which is the end of the one before it.
        age = exp.Sub(this=elapsed(moment, as_of, dialect), expression=_number(1))
        return whole_periods(age, size)
    found = exp.Case()
    for count in range(1, periods.count + 1):
        start = bound_at(periods.back(count), as_of, dialect)
        found = found.when(exp.GTE(this=moment.copy(), expression=start), _number(count))
    return found


def whole_periods(microseconds: exp.Expr, size: Duration) -> exp.Expr:
    """A length of time without what is left after as many periods as it has; not for months."""
    length = exp.paren(microseconds)
    rest = exp.Mod(this=length, expression=_number(size.minutes * _MICROSECONDS_A_MINUTE))
    return exp.Sub(this=length.copy(), expression=rest)


def _number(value: int) -> exp.Expr:
    return exp.Literal.number(value)
