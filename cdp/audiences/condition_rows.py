"""The rows of one event that conditions look at: `<event>_rows` of `int_conditions`.

Owns which columns the rows have, and what filters and windows are on such a row. A row
carries its profile, as_of, and the traits that filters of the event compare with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from sqlglot import exp, select

from cdp.audiences.conditions import Measure, compared_traits, earliest, measured
from cdp.features import FeaturePlan
from cdp.sql.events import EventQuery, Filter, Operand, Property
from cdp.sql.filters import StepValue, TraitValue
from cdp.sql.predicates import all_of, any_of, bound_at, in_window, operator_test
from cdp.sql.queries import joined, relation
from cdp.sql.windows import Bound

BASE = "considered"
"""The CTE of the profiles whose conditions are computed, the only one that says which."""
PROFILE = "canonical_profile_id"
StepColumn = Callable[[StepValue], exp.Expr]
Cte = tuple[str, exp.Select]


class ConditionRows:
    """The rows of the events that measures read, in one dialect. `traits` are columns of BASE."""

    def __init__(
        self,
        plan: FeaturePlan,
        traits: Mapping[str, str],
        dialect: str,
        measures: Iterable[Measure],
    ) -> None:
        self.plan = plan
        self.traits = traits
        self.dialect = dialect
        self.properties: dict[str, dict[Property, None]] = {}
        self.compared: dict[str, dict[str, None]] = {}
        self.starts: dict[str, dict[Bound | None, None]] = {}
        for measure in measures:
            for query, more in measured(measure):
                self._note(query, more)
                self.starts.setdefault(query.event, {})[earliest(measure)] = None

    def _note(self, query: EventQuery, more: Iterable[Property]) -> None:
        used = self.properties.setdefault(query.event, {})
        used.update(dict.fromkeys((*(one.property for one in query.filters), *more)))
        compared = dict.fromkeys(compared_traits(query))
        self.compared.setdefault(query.event, {}).update(compared)

    def name(self, event: str) -> str:
        """The CTE with an event's rows."""
        return f"{self.plan.event_slugs[event]}_rows"

    def ctes(self) -> list[Cte]:
        """One scan of each event."""
        return [(self.name(event), self._query(event)) for event in sorted(self.properties)]

    def _query(self, event: str) -> exp.Select:
        source = self.plan.event_model(event)
        properties = [self.plan.columns[event][one] for one in self.properties[event]]
        compared = [self.traits[name] for name in self.compared[event]]
        columns = [
            exp.column(PROFILE, BASE),
            exp.column("as_of", BASE),
            *(exp.column(one, source) for one in ("event_id", "occurred_at", *properties)),
            *(exp.column(one, BASE) for one in compared),
        ]
        owned = exp.column("identifier_id", source).eq(
            exp.column("identifier_id", "identity_graph")
        )
        same = exp.column(PROFILE, "identity_graph").eq(exp.column(PROFILE, BASE))
        query = select(*columns).from_(relation(source), copy=False)
        joined(query, "identity_graph", owned, "inner")
        joined(query, BASE, same, "inner")
        moment, as_of = exp.column("occurred_at", source), exp.column("as_of", BASE)
        tests: list[exp.Expr] = [moment < as_of]
        starts = [one for one in self.starts[event] if one is not None]
        if len(starts) == len(self.starts[event]):
            # Older rows count for nothing, and most rows are old.
            bounds = [bound_at(one, as_of, self.dialect) for one in starts]
            recent = [exp.GTE(this=moment.copy(), expression=bound) for bound in bounds]
            tests.append(any_of(recent))
        return query.where(all_of(tests), copy=False)

    def property(self, event: str, one: Property) -> exp.Column:
        """A property as a column of the event's rows."""
        return exp.column(self.plan.columns[event][one], self.name(event))

    def tests(self, query: EventQuery, step: StepColumn | None = None) -> list[exp.Expr]:
        """A query's filters and window as tests of a row; `step` gives what earlier steps found."""
        as_of = exp.column("as_of", self.name(query.event))
        tests = [self._test(query.event, one, as_of, step) for one in query.filters]
        moment = exp.column("occurred_at", self.name(query.event))
        window = in_window(moment, query.window, as_of, self.dialect)
        return tests + ([window] if window is not None else [])

    def _test(self, event: str, one: Filter, as_of: exp.Expr, step: StepColumn | None) -> exp.Expr:
        value: Operand | exp.Expr = one.value
        if isinstance(one.value, TraitValue):
            value = exp.column(self.traits[one.value.name], self.name(event))
        elif isinstance(one.value, StepValue):
            assert step is not None
            value = step(one.value)
        subject = self.property(event, one.property)
        kind = one.property.type
        return operator_test(one.operator, subject, kind, value, as_of, self.dialect)
