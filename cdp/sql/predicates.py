"""Operators as SQL: a test of one expression, in constructs that engines agree on.

Owns what each operator of `operators` compiles to. A test may be null where there is no
value; `negated` is the only negation, and makes null false first, so that a null
never decides anything (design, decision 16).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from sqlglot import exp

from cdp.sql.engines import cast, list_has, truncated
from cdp.sql.filters import Operand, StepValue, TraitValue
from cdp.sql.types import LIST, TIMESTAMP
from cdp.sql.values import Value
from cdp.sql.windows import Bound, Duration, Window

_COMPARISONS: dict[str, type[exp.Binary]] = {
    "equals": exp.EQ,
    "less_than": exp.LT,
    "greater_than": exp.GT,
    "less_than_or_equal": exp.LTE,
    "greater_than_or_equal": exp.GTE,
    "before": exp.LT,
    "after": exp.GT,
}
# Every engine subtracts days and months; few know quarters.
_CALENDAR_STEPS = {
    "day": ("day", 1),
    "week": ("day", 7),
    "month": ("month", 1),
    "quarter": ("month", 3),
    "year": ("month", 12),
}
_OPPOSITES = {"not_equals": "equals", "not_contains": "contains"}


def operator_test(
    operator: str,
    subject: exp.Expr,
    kind: str,
    value: Operand | exp.Expr,
    as_of: exp.Expr,
    dialect: str,
) -> exp.Expr:
    """One operator on an expression of a type. `as_of` is the moment that durations count from.

    An expression in the place of the value is compared as it is; where it is null, the test is
    null, as where the subject is.
    """
    if operator in _OPPOSITES:
        return negated(operator_test(_OPPOSITES[operator], subject, kind, value, as_of, dialect))
    if operator == "exists":
        return is_present(subject) if value is True else is_missing(subject)
    assert not isinstance(value, (TraitValue, StepValue)), "the caller knows what they are"
    if isinstance(value, Duration):
        return _near(operator, subject, value, as_of, dialect)
    if isinstance(value, tuple):
        if operator == "one_of":
            return exp.In(this=subject.copy(), expressions=[literal(one, dialect) for one in value])
        return any_of([_contains(subject, kind, one, dialect) for one in value])
    if operator in _COMPARISONS:
        return _COMPARISONS[operator](this=subject.copy(), expression=_written(value, dialect))
    if operator == "contains":
        return _contains(subject, kind, value, dialect)
    return _edge(operator, subject, value)


def in_window(
    moment: exp.Expr, window: Window | None, as_of: exp.Expr, dialect: str
) -> exp.Expr | None:
    """Whether a moment lies in a window, given that it is before as_of; None for all time."""
    if window is None:
        return None
    tests: list[exp.Expr] = []
    if window.start is not None:
        start = bound_at(window.start, as_of, dialect)
        tests.append(exp.GTE(this=moment.copy(), expression=start))
    if window.end is not None:
        end = bound_at(window.end, as_of, dialect)
        tests.append(exp.LT(this=moment.copy(), expression=end))
    return all_of(tests)


def bound_at(bound: Bound, as_of: exp.Expr, dialect: str) -> exp.Expr:
    """The moment that a bound of a window is."""
    if isinstance(bound, Duration):
        return shifted(as_of, bound, exp.Sub, dialect)
    if isinstance(bound, datetime):
        return literal(bound, dialect)
    start = truncated(as_of, bound.unit, dialect)
    if not bound.back:
        return start
    unit, size = _CALENDAR_STEPS[bound.unit]
    return exp.Sub(this=start, expression=_interval(size * bound.back, unit))


def shifted(
    moment: exp.Expr, duration: Duration, operation: type[exp.Binary], dialect: str
) -> exp.Expr:
    """A moment plus or minus a duration."""
    count = duration.count
    if duration.months and dialect == "duckdb":
        # In one query DuckDB (1.5, 2.0) takes `t - interval '30' day` and `t - interval '1' month`
        # for the same expression, because the two intervals compare as equal, and computes one of
        # them. Months are written with the opposite sign, which days never are.
        operation, count = exp.Sub if operation is exp.Add else exp.Add, -count
    return operation(this=moment.copy(), expression=_interval(count, duration.unit))


def _interval(count: int, unit: str) -> exp.Expr:
    return exp.Interval(this=exp.Literal.string(str(count)), unit=exp.var(unit))


def literal(value: Value, dialect: str) -> exp.Expr:
    """A value that `values` let through, as a typed literal."""
    if isinstance(value, bool):
        return exp.true() if value else exp.false()
    if isinstance(value, datetime):
        return cast(exp.Literal.string(value.isoformat(sep=" ")), TIMESTAMP, dialect)
    if isinstance(value, (int, Decimal)):
        number = exp.Literal.number(format(abs(Decimal(value)), "f"))
        return exp.Neg(this=number) if value < 0 else number
    return exp.Literal.string(value)


def negated(test_: exp.Expr) -> exp.Expr:
    """Not true: false and null alike."""
    return exp.Not(this=exp.func("coalesce", test_, exp.false()))


def all_of(tests: Sequence[exp.Expr]) -> exp.Expr:
    return _balanced(list(tests), exp.And)


def any_of(tests: Sequence[exp.Expr]) -> exp.Expr:
    return _balanced(list(tests), exp.Or)


def is_present(value: exp.Expr) -> exp.Expr:
    return exp.Is(this=value.copy(), expression=exp.Not(this=exp.null()))


def is_missing(value: exp.Expr) -> exp.Expr:
    return exp.Is(this=value.copy(), expression=exp.null())


def _near(
    operator: str, subject: exp.Expr, value: Duration, as_of: exp.Expr, dialect: str
) -> exp.Expr:
    past = shifted(as_of, value, exp.Sub, dialect)
    future = shifted(as_of, value, exp.Add, dialect)

    def compare(comparison: type[exp.Binary], bound: exp.Expr) -> exp.Expr:
        return comparison(this=subject.copy(), expression=bound.copy())

    if operator == "within_last":
        return exp.And(this=compare(exp.GTE, past), expression=compare(exp.LT, as_of))
    if operator == "within_next":
        return exp.And(this=compare(exp.GTE, as_of), expression=compare(exp.LT, future))
    return compare(exp.LT, past) if operator == "before_last" else compare(exp.GTE, future)


def _written(value: Value | exp.Expr, dialect: str) -> exp.Expr:
    return value.copy() if isinstance(value, exp.Expr) else literal(value, dialect)


def _contains(subject: exp.Expr, kind: str, value: Value | exp.Expr, dialect: str) -> exp.Expr:
    text = _written(value, dialect)
    if kind == LIST:
        return list_has(subject, text, dialect)
    position = exp.StrPosition(this=subject.copy(), substr=text)
    return exp.GT(this=position, expression=exp.Literal.number(0))


def _edge(operator: str, subject: exp.Expr, value: Value | exp.Expr) -> exp.Expr:
    side = exp.Left if operator == "starts_with" else exp.Right
    if isinstance(value, exp.Expr):
        length: exp.Expr = exp.Length(this=value.copy())
        return exp.EQ(this=side(this=subject.copy(), expression=length), expression=value.copy())
    text = str(value)
    edge = side(this=subject.copy(), expression=exp.Literal.number(len(text)))
    return exp.EQ(this=edge, expression=exp.Literal.string(text))


def _balanced(tests: list[exp.Expr], connector: type[exp.Connector]) -> exp.Expr:
    """One tree of two-armed connectors whose depth grows with the logarithm of its leaves."""
    if len(tests) == 1:
        return tests[0]
    middle = len(tests) // 2
    return connector(
        this=_grouped(_balanced(tests[:middle], connector), connector),
        expression=_grouped(_balanced(tests[middle:], connector), connector),
    )


def _grouped(tree: exp.Expr, connector: type[exp.Connector]) -> exp.Expr:
    other = isinstance(tree, exp.Connector) and not isinstance(tree, connector)
    return exp.Paren(this=tree) if other else tree
