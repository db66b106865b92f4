"""The rows of one event, or of one table, that features are computed from: `<event>_rows`.

Owns the scan of an event table (its profile, as_of, the properties that are used, a rank
for each first and last) and what a feature's filters and value are on such a row. First
and last order by (occurred_at, value, message_id). What is made of the rows belongs to
`totals`, `groups` and `periods`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property

from sqlglot import exp, select

from cdp.features import Feature, FeaturePlan
from cdp.sql.engines import binary
from cdp.sql.events import Property
from cdp.sql.predicates import all_of, bound_at, is_present, operator_test
from cdp.sql.types import STRING
from cdp.sql.windows import Bound, CalendarStart, Duration
from cdp.traits.aggregates import AGGREGATES
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
        """The events before as_of with their profile, and a rank for each first and last.

        Rows of a table without a time are all read.
        """
        source = self.plan.event_model(self.event)
        columns: list[exp.Expr] = [
            self.level.column(self._owners),
            *(exp.column(name, self._clock) for name in ("as_of", *self._bounds.values())),
            *([exp.column("occurred_at", source)] if self._has_time else []),
            *(exp.column(name, source) for name in self.plan.columns[self.event].values()),
        ]
        columns += [
            self._rank(one, source).as_(f"{name}_rank")
            for one, name in self.features.items()
            if one.aggregate in ORDERED
        ]
        owned = exp.column("identifier_id", source).eq(
            exp.column("identifier_id", "identity_graph")
        )
        query = (
            select(*columns)
            .from_(source, copy=False)
            .join("identity_graph", on=owned, join_type="inner", copy=False)
        )
        if self.level is not PROFILE:
            member = PROFILE.column("identity_graph").eq(PROFILE.column(MEMBERS))
            query = query.join(MEMBERS, on=member, join_type="inner", copy=False)
        query = query.join(self._moments(), join_type="cross", copy=False)
        if not self._has_time:
            return query
        moment = exp.column("occurred_at", source)
        query = query.where(moment < exp.column("as_of", self._clock), copy=False)
        since = self._earliest()
        return query if since is None else query.where(moment >= since, copy=False)

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

    def _bound(self, bound: Bound, table: str) -> exp.Expr:
        if isinstance(bound, datetime):
            return bound_at(bound, exp.null(), self.dialect)
        return exp.column(self._bounds[bound], table)

    def _earliest(self) -> exp.Expr | None:
        """The earliest moment that any feature looks at; None when one looks at all time.

        Older rows count for nothing, and most rows are old: joining and grouping them would
        be most of the work.
        """
        starts: dict[Bound, None] = {}
        for feature in self.features:
            window = feature.query.window
            if window is None or window.start is None:
                return None
            starts[window.start] = None
        bounds = [self._bound(one, self._clock) for one in _longest(starts)]
        return bounds[0] if len(bounds) == 1 else exp.func("least", *bounds)

    @property
    def _has_time(self) -> bool:
        table = self.plan.tables.get(self.event)
        return table is None or bool(table.occurred_at)

    def conditions(
        self, feature: Feature, table: str = "", clock: str = "", *, present: bool = False
    ) -> list[exp.Expr]:
        """The feature's filters and window as tests of a row; `present` asks for a value too."""
        table, clock = table or self.name, clock or self.name
        as_of = exp.column("as_of", clock)
        tests = [
            operator_test(
                one.operator,
                exp.column(self._column(one.property), table),
                one.property.type,
                one.value,
                as_of,
                self.dialect,
            )
            for one in feature.query.filters
        ]
        moment = exp.column("occurred_at", table)
        window = feature.query.window
        if window is not None and window.start is not None:
            tests.append(exp.GTE(this=moment, expression=self._bound(window.start, clock)))
        if window is not None and window.end is not None:
            tests.append(exp.LT(this=moment.copy(), expression=self._bound(window.end, clock)))
        return tests + ([is_present(self.value(feature, table))] if present else [])

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
        kept = all_of(self.conditions(feature, source, self._clock, present=True))
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
