"""The rows of one event, or of one table, that features are computed from: `<event>_rows`.

Owns the scan of an event table (its profile, the properties that are used, which windows a row
lies in, a rank for each first and last) and what a feature's filters and value are on such a
row. First and last order by (occurred_at, value, message_id). What is made of the rows belongs
to `totals`, `groups` and `periods`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property

from sqlglot import exp, select

from cdp.features import Feature, FeaturePlan
from cdp.sql.engines import binary
from cdp.sql.events import Property
from cdp.sql.names import unique_names
from cdp.sql.predicates import all_of, bound_at, is_present, operator_test
from cdp.sql.types import STRING
from cdp.sql.windows import Bound, CalendarStart, Duration, Window
from cdp.traits.aggregates import AGGREGATES, EVERY
from cdp.traits.levels import MEMBERS, PROFILE, Level

ORDERED = ("first", "last")
Cte = tuple[str, exp.Select]


class EventRows:
    """The rows of one event for one dialect. `features` are those that are computed from it."""

    def __init__(self, event: str, plan: FeaturePlan, dialect: str, level: Level) -> None:
        self.event = event
        self.plan = plan
        self.dialect = dialect
        self.level = level
        self.slug = plan.event_slugs[event]
        self.name = f"{self.slug}_rows"
        self.features: Mapping[Feature, str] = {
            one: name for one, name in plan.of(level.name).items() if one.query.event == event
        }

    @property
    def owner(self) -> exp.Column:
        """The profile, or the account, that a row is of."""
        return self.level.column(self.name)

    @property
    def _owners(self) -> str:
        """The table that says whose a row is."""
        return "identity_graph" if self.level is PROFILE else MEMBERS

    @property
    def occurred_at(self) -> exp.Column:
        return exp.column("occurred_at", self.name)

    def query(self) -> exp.Select:
        """The events before as_of with their profile and whatever of them a feature looks at.

        Whether a row lies in a window is told here, once for all features of the window: rows
        are narrow then, wherever an engine writes them down. Rows of a table without a time
        are all read.
        """
        source = self.plan.event_model(self.event)
        moment, as_of = exp.column("occurred_at", source), exp.column("as_of", self._clock)
        owned = exp.column("identifier_id", source).eq(
            exp.column("identifier_id", "identity_graph")
        )
        query = (
            select(
                self.level.column(self._owners),
                *([as_of] if self._reads_clock else []),
                *([moment] if self._reads_time else []),
                *(self._lies_in(one, source).as_(name) for one, name in self._windows.items()),
                *(exp.column(name, source) for name in self._properties),
                *(
                    self._rank(one, source).as_(f"{name}_rank")
                    for one, name in self.features.items()
                    if one.aggregate in ORDERED
                ),
            )
            .from_(source, copy=False)
            .join("identity_graph", on=owned, join_type="inner", copy=False)
        )
        if self.level is not PROFILE:
            member = PROFILE.column("identity_graph").eq(PROFILE.column(MEMBERS))
            query = query.join(MEMBERS, on=member, join_type="inner", copy=False)
        query = query.join(self._moments(), join_type="cross", copy=False)
        if not self._has_time:
            return query
        query = query.where(moment < as_of, copy=False)
        bounds = [self._bound(one) for one in self._starts]
        if not bounds:
            return query
        since = bounds[0] if len(bounds) == 1 else exp.func("least", *bounds)
        return query.where(moment >= since, copy=False)

    @property
    def _properties(self) -> list[str]:
        """The columns of the properties that features look at."""
        used = {one.measured for one in self.features}
        used |= {filter_.property for one in self.features for filter_ in one.query.filters}
        return [name for one, name in self.plan.columns[self.event].items() if one in used]

    @property
    def _reads_clock(self) -> bool:
        filters = [filter_ for one in self.features for filter_ in one.query.filters]
        return any(isinstance(one.value, Duration) for one in filters) or any(
            AGGREGATES[one.aggregate].option == EVERY for one in self.features
        )

    @property
    def _reads_time(self) -> bool:
        # The first and the last have a rank in its place.
        needing = (one for one in self.features if one.aggregate not in ORDERED)
        return any(AGGREGATES[one.aggregate].needs_time for one in needing)

    @cached_property
    def _windows(self) -> dict[Window, str]:
        """The windows that some rows lie in and others do not, each with its column."""
        windows = dict.fromkeys(one.query.window for one in self.features)
        wanted = {
            one: f"is_in_{one.short}"
            for one in windows
            if one is not None and (one.end is not None or [one.start] != self._starts)
        }
        return unique_names(wanted, {one: repr(one) for one in wanted})

    @cached_property
    def _bounds(self) -> dict[Bound, str]:
        """The bounds of windows that move with as_of, each with the name of its column."""
        windows = [one.query.window for one in self.features if one.query.window is not None]
        return {
            one: _bound_name(one)
            for window in windows
            for one in (window.start, window.end)
            if one is not None and not isinstance(one, datetime)
        }

    @property
    def _clock(self) -> str:
        """What has as_of and the bounds, in one row."""
        return "moments" if self._bounds else "clock"

    def _moments(self) -> exp.Expr:
        """The bounds are computed here, once, and not for every row and feature."""
        if not self._bounds:
            return exp.table_("clock")
        as_of = exp.column("as_of", "clock")
        bounds = [
            bound_at(one, as_of, self.dialect).as_(name) for one, name in self._bounds.items()
        ]
        return select(as_of, *bounds).from_("clock").subquery(self._clock)

    def _bound(self, bound: Bound) -> exp.Expr:
        if isinstance(bound, datetime):
            return bound_at(bound, exp.null(), self.dialect)
        return exp.column(self._bounds[bound], self._clock)

    @cached_property
    def _starts(self) -> list[Bound]:
        """The earliest moments that any feature looks at; none when one looks at all time.

        Older rows count for nothing, and most rows are old: joining and grouping them would
        be most of the work.
        """
        starts: dict[Bound, None] = {}
        for feature in self.features:
            window = feature.query.window
            if window is None or window.start is None:
                return []
            starts[window.start] = None
        return _longest(starts)

    @property
    def _has_time(self) -> bool:
        table = self.plan.tables.get(self.event)
        return table is None or bool(table.occurred_at)

    def conditions(self, feature: Feature, *, present: bool = False) -> list[exp.Expr]:
        """The feature's filters and window as tests of a row; `present` asks for a value too."""
        tests = self._filters(feature, self.name, self.name)
        window = feature.query.window
        if window in self._windows:
            tests.append(exp.column(self._windows[window], self.name))
        return tests + ([is_present(self.value(feature))] if present else [])

    def _filters(self, feature: Feature, table: str, clock: str) -> list[exp.Expr]:
        return [
            operator_test(
                one.operator,
                exp.column(self._column(one.property), table),
                one.property.type,
                one.value,
                exp.column("as_of", clock),
                self.dialect,
            )
            for one in feature.query.filters
        ]

    def _lies_in(self, window: Window, source: str) -> exp.Expr:
        """Whether an event before as_of lies in a window."""
        moment = exp.column("occurred_at", source)
        tests: list[exp.Expr] = []
        if window.start is not None:
            tests.append(exp.GTE(this=moment, expression=self._bound(window.start)))
        if window.end is not None:
            tests.append(exp.LT(this=moment.copy(), expression=self._bound(window.end)))
        return all_of(tests)

    def value(self, feature: Feature, table: str = "") -> exp.Column:
        """The property that a feature measures."""
        assert feature.measured is not None
        return exp.column(self._column(feature.measured), table or self.name)

    def sortable(self, feature: Feature, value: exp.Expr) -> exp.Expr:
        """The value as it is ordered: texts by their bytes."""
        text = feature_type(feature) == STRING
        return binary(value, self.dialect) if text else value.copy()

    def kept(self, query: exp.Select, feature: Feature, *, present: bool = False) -> exp.Select:
        """A query over the rows, of those that count for a feature."""
        tests = self.conditions(feature, present=present)
        kept = query.from_(self.name, copy=False)
        return kept.where(all_of(tests), copy=False) if tests else kept

    def _rank(self, feature: Feature, source: str) -> exp.Expr:
        value = self.value(feature, source)
        tests = self._filters(feature, source, self._clock)
        if feature.query.window in self._windows:
            tests.append(self._lies_in(feature.query.window, source))
        kept = all_of([*tests, is_present(value)])
        first = exp.Case().when(kept, exp.Literal.number(0)).else_(exp.Literal.number(1))
        ordering: list[exp.Expr] = [
            exp.column("occurred_at", source),
            self.sortable(feature, value),
        ]
        if self.event not in self.plan.tables:
            ordering += [exp.column(name, source) for name in ("message_id", "event_id")]
        backwards = feature.aggregate == "last"
        order = [exp.Ordered(this=one, desc=backwards or None) for one in ordering]
        return numbered(self.level.column(self._owners), [exp.Ordered(this=first), *order])

    def _column(self, one: Property) -> str:
        return self.plan.columns[self.event][one]


def _bound_name(bound: Duration | CalendarStart) -> str:
    if isinstance(bound, Duration):
        return f"ago_{bound.short}"
    return f"{'previous' if bound.back else 'this'}_{bound.unit}"


def _longest(starts: Iterable[Bound]) -> list[Bound]:
    """The bounds without those that certainly lie after another one."""
    durations = [one for one in starts if isinstance(one, Duration)]
    return [
        one
        for one in starts
        if not (isinstance(one, Duration) and any(other.is_longer(one) for other in durations))
    ]


def feature_type(feature: Feature) -> str:
    """The type of a feature's column."""
    aggregate = AGGREGATES[feature.aggregate]
    if aggregate.reads == "":
        assert feature.measured is not None
        return feature.measured.type
    return aggregate.types[0]


def numbered(partition: exp.Expr, order: Sequence[exp.Expr]) -> exp.Window:
    """The row's number inside a partition, counted from 1."""
    return over(exp.RowNumber(), partition, order)


def over(function: exp.Expr, partition: exp.Expr, order: Sequence[exp.Expr] = ()) -> exp.Window:
    """A function over the rows of a partition."""
    ordering = exp.Order(expressions=list(order)) if order else None
    return exp.Window(this=function, partition_by=[partition.copy()], order=ordering)


def number(value: int) -> exp.Expr:
    return exp.Literal.number(value)
