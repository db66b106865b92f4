"""What time alone changes about a row: tests of it whose answer moves with as_of.

Owns the kinds of such tests, which of them windows and periods have, and whether the answer of
one is another at a later moment. Filters have none: they compare with values, not with as_of.
Which profiles are computed anew for it belongs to `traits.touched`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from cdp.sql.engines import elapsed
from cdp.sql.periods import period_at, whole_periods
from cdp.sql.predicates import all_of, bound_at, shifted
from cdp.sql.windows import CalendarStart, Duration, Periods, Window


@dataclass(frozen=True)
class Bounded:
    """Whether the row's moment comes before a bound of a window."""

    bound: Duration | CalendarStart


@dataclass(frozen=True)
class Elapsed:
    """Whether a length of time is over since the row's moment."""

    length: Duration


@dataclass(frozen=True)
class InPeriod:
    """Which of the last periods, no months, the row's moment lies in."""

    periods: Periods


Crossing = Bounded | Elapsed | InPeriod


def window_crossings(window: Window | None) -> Iterator[Crossing]:
    """The bounds of a window that move."""
    for bound in (window.start, window.end) if window is not None else ():
        if isinstance(bound, (Duration, CalendarStart)):
            yield Bounded(bound)


def period_crossings(periods: Periods) -> Iterator[Crossing]:
    """What has a part in which of the last periods a row lies in."""
    yield Bounded(periods.back(periods.count))
    if not periods.back(1).months:
        yield InPeriod(periods)
        return
    for number in range(1, periods.count):
        yield Bounded(periods.back(number))


def passed(moment: exp.Expr, before: exp.Expr, now: exp.Expr) -> exp.Expr:
    """Whether as_of itself has passed a row's moment."""
    return _differ(*(exp.LT(this=moment.copy(), expression=one) for one in (before, now)))


def crossed(
    one: Crossing, moment: exp.Expr, before: exp.Expr, now: exp.Expr, dialect: str
) -> exp.Expr:
    """Whether the answer was another as of `before` than it is as of `now`, which is not earlier.

    Rows that as_of has `passed` may be left out.
    """
    if isinstance(one, InPeriod):
        return _changed_period(one.periods, moment, before, now, dialect)
    return _differ(*(_test(one, moment, as_of, dialect) for as_of in (before, now)))


def _test(one: Bounded | Elapsed, moment: exp.Expr, as_of: exp.Expr, dialect: str) -> exp.Expr:
    if isinstance(one, Bounded):
        return exp.LT(this=moment.copy(), expression=bound_at(one.bound, as_of, dialect))
    end = shifted(moment, one.length, exp.Add, dialect)
    return exp.LTE(this=end, expression=as_of.copy())


def _changed_period(
    periods: Periods, moment: exp.Expr, before: exp.Expr, now: exp.Expr, dialect: str
) -> exp.Expr:
    """The rows that went on by more periods than time itself.

    Rows of one period that all go on by as many stay together, and rows of two stay apart.
    """
    was, is_now = (period_at(moment, one, periods, dialect) for one in (before, now))
    went_on = exp.Sub(this=exp.paren(is_now), expression=exp.paren(was))
    time_went_on = whole_periods(elapsed(before, now, dialect), periods.back(1))
    start = bound_at(periods.back(periods.count), before, dialect)
    return all_of(
        [
            exp.GTE(this=moment.copy(), expression=start),
            exp.LT(this=moment.copy(), expression=before.copy()),
            exp.NEQ(this=exp.paren(went_on), expression=exp.paren(time_went_on)),
        ]
    )


def _differ(first: exp.Expr, second: exp.Expr) -> exp.Expr:
    return exp.NEQ(this=exp.paren(first), expression=exp.paren(second))
