"""Features about when events occurred together: sessions and streaks, CTEs of their own.

Both put moments in order and number their runs. A session ends where more than its gap
passes without an event; a streak is a run of days, or of weeks from Monday, with an event.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp, select

from cdp.features import Feature
from cdp.sql.engines import cast, day_number, divided, elapsed
from cdp.sql.predicates import is_missing, shifted
from cdp.sql.types import DECIMAL, INTEGER
from cdp.sql.windows import Duration
from cdp.traits.aggregates import STEPS
from cdp.traits.event_rows import Cte, EventRows, number, numbered, over

Group = Mapping[Feature, str]
Grouped = tuple[list[Cte], dict[Feature, str]]
_MICROSECONDS_A_MINUTE = 60_000_000


def sessions(rows: EventRows, base: str, features: Group) -> Grouped:
    """Sessions by inactivity gap: how many, the longest, the average in minutes.

    1. Each moment with the one before it. 2. A session starts where there is none, or
    one longer ago than the gap; the number of starts so far numbers the sessions. 3. Each
    session's length. 4. One row a profile.
    """
    steps, marked, spans, visits = (
        f"{base}_{end}" for end in ("steps", "marked", "spans", "visits")
    )
    first = next(iter(features))
    gap = first.option
    assert isinstance(gap, Duration)
    key = rows.level.column(spans)
    columns = [_session_total(one, spans, rows.dialect).as_(n) for one, n in features.items()]
    ctes = [
        (steps, _steps(rows, first)),
        (marked, _marked(rows, steps, gap)),
        (spans, _session_spans(rows, marked)),
        (visits, select(key, *columns).from_(spans, copy=False).group_by(key.copy(), copy=False)),
    ]
    return ctes, dict.fromkeys(features, visits)


def _steps(rows: EventRows, feature: Feature) -> exp.Select:
    before = exp.Lag(this=rows.occurred_at)
    previous = over(before, rows.owner, [exp.Ordered(this=rows.occurred_at)])
    query = select(rows.owner, rows.occurred_at, previous.as_("previous_at"))
    return rows.kept(query, feature).group_by(rows.owner, rows.occurred_at, copy=False)


def _marked(rows: EventRows, steps: str, gap: Duration) -> exp.Select:
    key, moment = rows.level.column(steps), exp.column("occurred_at", steps)
    previous = exp.column("previous_at", steps)
    late = exp.GT(this=moment.copy(), expression=shifted(previous, gap, exp.Add, rows.dialect))
    starts = exp.or_(is_missing(previous), late)
    start = exp.Case().when(starts, number(1)).else_(number(0))
    so_far = over(exp.Sum(this=start), key, [exp.Ordered(this=moment.copy())])
    so_far.set(
        "spec",
        exp.WindowSpec(kind="ROWS", start="UNBOUNDED", start_side="PRECEDING", end="CURRENT ROW"),
    )
    return select(key, moment, so_far.as_("session_number")).from_(steps, copy=False)


def _session_spans(rows: EventRows, marked: str) -> exp.Select:
    key, session = rows.level.column(marked), exp.column("session_number", marked)
    moment = exp.column("occurred_at", marked)
    length = elapsed(exp.Min(this=moment), exp.Max(this=moment.copy()), rows.dialect)
    query = select(key, session, length.as_("microseconds")).from_(marked, copy=False)
    return query.group_by(key.copy(), session.copy(), copy=False)


def _session_total(feature: Feature, spans: str, dialect: str) -> exp.Expr:
    if feature.aggregate == "session_count":
        return exp.Count(this=exp.Star())
    length = exp.column("microseconds", spans)
    if feature.aggregate == "longest_session":
        whole = cast(exp.Max(this=length), DECIMAL, dialect)
        return cast(divided(whole, number(_MICROSECONDS_A_MINUTE)), DECIMAL, dialect)
    whole = cast(exp.Sum(this=length), DECIMAL, dialect)
    many = exp.Mul(this=number(_MICROSECONDS_A_MINUTE), expression=exp.Count(this=exp.Star()))
    return cast(divided(whole, exp.paren(many)), DECIMAL, dialect)


def streaks(rows: EventRows, base: str, features: Group) -> Grouped:
    """Runs of days or weeks with an event.

    1. Each different day (a week is its Monday). 2. A day minus its number in order is the
    same for all days of one run. 3. Each run's length and last day. 4. One row a profile.
    """
    days, runs, spans, streak = (f"{base}_{end}" for end in ("days", "runs", "spans", "streak"))
    first = next(iter(features))
    step = STEPS[str(first.option)]
    key = rows.level.column(spans)
    columns = [_streak(one, spans, step, rows.dialect).as_(n) for one, n in features.items()]
    ctes = [
        (days, _days(rows, first, step)),
        (runs, _runs(rows, days, step)),
        (spans, _run_spans(rows, runs)),
        (streak, select(key, *columns).from_(spans, copy=False).group_by(key.copy(), copy=False)),
    ]
    return ctes, dict.fromkeys(features, streak)


def _days(rows: EventRows, feature: Feature, step: int) -> exp.Select:
    now = exp.column("as_of", rows.name)
    day = _period(rows.occurred_at, step, rows.dialect).as_("day_number")
    today = _period(now, step, rows.dialect).as_("today_number")
    return rows.kept(select(rows.owner, day, today).distinct(), feature)


def _runs(rows: EventRows, days: str, step: int) -> exp.Select:
    key, day = rows.level.column(days), exp.column("day_number", days)
    place: exp.Expr = numbered(key, [exp.Ordered(this=day.copy())])
    if step > 1:
        place = exp.Mul(this=number(step), expression=place)
    run = exp.Sub(this=day.copy(), expression=place).as_("run_number")
    return select(key, day, exp.column("today_number", days), run).from_(days, copy=False)


def _run_spans(rows: EventRows, runs: str) -> exp.Select:
    key, run = rows.level.column(runs), exp.column("run_number", runs)
    ago = exp.Sub(
        this=exp.Max(this=exp.column("today_number", runs)),
        expression=exp.Max(this=exp.column("day_number", runs)),
    )
    length = exp.Count(this=exp.Star()).as_("length")
    query = select(key, length, ago.as_("days_ago")).from_(runs, copy=False)
    return query.group_by(key.copy(), run, copy=False)


def _streak(feature: Feature, spans: str, step: int, dialect: str) -> exp.Expr:
    length = exp.column("length", spans)
    if feature.aggregate == "longest_streak":
        return exp.Max(this=length)
    lasting = exp.LTE(this=exp.column("days_ago", spans), expression=number(step))
    return cast(exp.Max(this=exp.Case().when(lasting, length)), INTEGER, dialect)


def _period(moment: exp.Expr, step: int, dialect: str) -> exp.Expr:
    day = day_number(moment, dialect)
    if step == 1:
        return day
    day = exp.paren(day) if dialect == "postgres" else day
    rest = exp.Mod(this=day.copy(), expression=number(step))
    return exp.Sub(this=day, expression=rest)
