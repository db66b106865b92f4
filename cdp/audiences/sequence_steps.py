"""Sequences as SQL: one CTE a step, each a join of what was found so far with a step's events.

Owns the steps and what is carried between them. A state is one way in which the steps so
far were found; it keeps only what later steps look at, so that ways which cannot be told
apart any more become one. Nothing follows paths row by row.
"""

from __future__ import annotations

from collections.abc import Sequence as Items
from dataclasses import dataclass

from sqlglot import exp, select

from cdp.audiences.condition_rows import PROFILE, ConditionRows, Cte
from cdp.audiences.conditions import Sequence, Step
from cdp.sql.events import Property
from cdp.sql.filters import COUNTS, StepValue
from cdp.sql.names import digest, fitted
from cdp.sql.predicates import all_of, any_of, is_missing, is_present, shifted
from cdp.sql.queries import joined, relation
from cdp.traits.event_rows import number

_FIRST = "first_event_id"
_COMPARISONS: dict[str, type[exp.Binary]] = {
    "at_least": exp.GTE,
    "at_most": exp.LTE,
    "exactly": exp.EQ,
}
assert set(_COMPARISONS) == set(COUNTS)


@dataclass(frozen=True)
class _Move:
    """One step at work: it finds an event after step `after`, or counts until step `before`."""

    number: int
    step: Step
    after: int = 0
    before: int | None = None


def sequence_ctes(sequence: Sequence, name: str, rows: ConditionRows) -> list[Cte]:
    """The CTEs of a sequence; the last has one row a profile and the number in column `name`."""
    return _Steps(sequence, name, rows).ctes()


class _Steps:
    """The CTEs of one sequence.

    1. Every event of the first step. 2. In the order of the steps: those that find an event
    are joined; then those that count are counted between the events around them. 3. The
    events of the first step that are left are counted a profile.
    """

    def __init__(self, sequence: Sequence, name: str, rows: ConditionRows) -> None:
        self.sequence = sequence
        self.name = name
        self.rows = rows
        self.moves = _moves(sequence)
        # Names of columns are long: the steps are told apart by what the sequence is.
        self.base = f"sequence_{digest(repr(sequence))}"

    def ctes(self) -> list[Cte]:
        ctes: list[Cte] = [(self._cte(0), self._first())]
        for place, move in enumerate(self.moves):
            query = self._counted if move.step.comparison else self._found
            ctes.append((self._cte(place + 1), query(place)))
        last = ctes[-1][0]
        owner = exp.column(PROFILE, last)
        distinct = exp.Distinct(expressions=[exp.column(_FIRST, last)])
        total = select(owner, exp.Count(this=distinct).as_(self.name)).from_(
            relation(last), copy=False
        )
        ctes.append((f"{self.base}_found", total.group_by(owner.copy(), copy=False)))
        return ctes

    def _cte(self, place: int) -> str:
        return f"{self.base}_step_{place + 1}"

    def _first(self) -> exp.Select:
        step = self.sequence.steps[0]
        table = self.rows.name(step.query.event)
        tests = self.rows.tests(step.query)
        tests += [is_present(self.rows.property(step.query.event, one)) for one in self._same]
        columns = [
            exp.column(PROFILE, table),
            exp.column("as_of", table),
            exp.column("event_id", table).as_(_FIRST),
            *self._kept(0, 0, ""),
        ]
        query = select(*columns).from_(relation(table), copy=False)
        return query.where(all_of(tests), copy=False) if tests else query

    def _found(self, place: int) -> exp.Select:
        """The state with the events of a step that finds one: each is a way of its own.

        Unless one event serves whatever follows at least as well as all others: then the
        earliest, or the latest, is kept alone.
        """
        move, state = self.moves[place], self._cte(place)
        table = self.rows.name(move.step.query.event)
        best = _best(self.moves[place + 1 :], move.number)
        query = self._states(place, move.number, best).from_(relation(state), copy=False)
        joined(query, table, self._joins(place), "inner")
        if best is None or _at(move.number) not in self._carried(place + 1):
            return query.distinct(copy=False)
        kept = [one.this if isinstance(one, exp.Alias) else one for one in query.expressions]
        keys = [one.copy() for one in kept if not isinstance(one, best)]
        return query.group_by(*keys, copy=False)

    def _counted(self, place: int) -> exp.Select:
        """The state without the ways after which a step counts too many events, or too few."""
        move, state = self.moves[place], self._cte(place)
        step, table = move.step, self.rows.name(move.step.query.event)
        query = self._states(place, None).from_(relation(state), copy=False).distinct(copy=False)
        joined(query, table, self._joins(place), "left")
        over = self._is_over(move, state)
        if over is not None:
            query = query.where(over, copy=False)
        found = exp.column("event_id", table)
        if (step.comparison, step.count) == ("exactly", 0):
            return query.where(is_missing(found), copy=False)
        carried = self._carried(place)
        columns = [exp.column(one, state) for one in (PROFILE, "as_of", _FIRST, *carried)]
        compare = _COMPARISONS[step.comparison]
        holds = compare(this=exp.Count(this=found), expression=number(step.count))
        return query.group_by(*columns, copy=False).having(holds, copy=False)

    def _states(
        self, place: int, found: int | None, best: type[exp.AggFunc] | None = None
    ) -> exp.Select:
        """The columns of the next state; `found` is the step whose event, or best event, joins."""
        state = self._cte(place)
        columns = [exp.column(one, state) for one in (PROFILE, "as_of", _FIRST)]
        return select(*columns, *self._kept(place + 1, found, state, best))

    def _joins(self, place: int) -> exp.Expr:
        """Which events of a step go with a state."""
        move, state = self.moves[place], self._cte(place)
        query = move.step.query
        table = self.rows.name(query.event)
        moment = exp.column("occurred_at", table)

        def at(step: int) -> exp.Column:
            return exp.column(_at(step), state)

        tests = [exp.column(PROFILE, state).eq(exp.column(PROFILE, table)), moment > at(move.after)]
        if move.before is not None:
            tests.append(moment.copy() < at(move.before))
        for one in move.step.within:
            limit = shifted(at(one.step), one.length, exp.Add, self.rows.dialect)
            tests.append(exp.LT(this=moment.copy(), expression=limit))
        for same in self._same:
            first = exp.column(self._value(0, same), state)
            tests.append(self.rows.property(query.event, same).eq(first))

        def of_step(value: StepValue) -> exp.Expr:
            return exp.column(self._value(value.step, value.property), state)

        return all_of([*tests, *self.rows.tests(query, of_step)])

    def _is_over(self, move: _Move, state: str) -> exp.Expr | None:
        """What is not to happen can be told when the time for it is over."""
        is_open = move.before is None and move.step.comparison != "at_least"
        if not is_open or not move.step.within:
            return None
        as_of = exp.column("as_of", state)
        ends = [
            shifted(exp.column(_at(one.step), state), one.length, exp.Add, self.rows.dialect)
            for one in move.step.within
        ]
        return any_of([exp.LTE(this=end, expression=as_of.copy()) for end in ends])

    @property
    def _same(self) -> Items[Property]:
        return self.sequence.same

    def _value(self, step: int, one: Property) -> str:
        event = self.sequence.steps[step].query.event
        return fitted(f"step_{step + 1}_{self.rows.plan.columns[event][one]}")

    def _carried(self, place: int) -> list[str]:
        """The columns of the state at a place: what is known there and looked at later."""
        known = {0, *(one.number for one in self.moves[:place] if not one.step.comparison)}
        found: dict[str, None] = {}
        for move in self.moves[place:]:
            steps = [move.after, *(one.step for one in move.step.within)]
            steps += [move.before] if move.before is not None else []
            found.update({_at(step): None for step in steps if step in known})
            found.update({self._value(0, one): None for one in self._same})
            referred = (one.value for one in move.step.query.filters)
            found.update(
                {
                    self._value(one.step, one.property): None
                    for one in referred
                    if isinstance(one, StepValue) and one.step in known
                }
            )
        return list(found)

    def _kept(
        self,
        place: int,
        found: int | None,
        state: str,
        best: type[exp.AggFunc] | None = None,
    ) -> list[exp.Expr]:
        """The carried columns: of the event just found, or of the state before."""
        fresh: dict[str, exp.Expr] = {}
        if found is not None:
            event = self.sequence.steps[found].query.event
            moment: exp.Expr = exp.column("occurred_at", self.rows.name(event))
            fresh[_at(found)] = best(this=moment) if best is not None else moment
            for one in self.sequence.properties(found):
                fresh[self._value(found, one)] = self.rows.property(event, one)
        return [
            fresh[one].as_(one) if one in fresh else exp.column(one, state)
            for one in self._carried(place)
        ]


def _at(step: int) -> str:
    return f"step_{step + 1}_at"


def _best(moves: Items[_Move], step: int) -> type[exp.AggFunc] | None:
    """Min or Max, when of a step's events the earliest or the latest allows most of what follows.

    None when some later move is better served by an earlier event and another by a later one.
    """
    wishes = {one for move in moves for one in _wishes(move, step)}
    return wishes.pop() if len(wishes) == 1 else None


def _wishes(move: _Move, step: int) -> list[type[exp.AggFunc]]:
    """Which event of a step a later move prefers: `after` begins what it looks at, the others end.

    A move that finds an event, or wants enough of them, prefers a long time to look at; one that
    wants none, or not too many, a short one that is over soon.
    """
    begins = move.after == step
    ends = move.before == step or any(one.step == step for one in move.step.within)
    counts = (move.step.comparison, move.step.count)
    if counts[0] == "exactly" and counts[1]:
        return [exp.Min, exp.Max] if begins or ends else []
    wants_long = counts[0] in ("", "at_least")
    first, last = (exp.Min, exp.Max) if wants_long else (exp.Max, exp.Min)
    return [*([first] if begins else []), *([last] if ends else [])]


def _moves(sequence: Sequence) -> list[_Move]:
    """The steps after the first, those that count after the one that ends what they look at."""
    moves: list[_Move] = []
    waiting: list[int] = []
    previous = 0
    for place, step in enumerate(sequence.steps[1:], start=1):
        if step.comparison:
            waiting.append(place)
            continue
        moves.append(_Move(place, step, previous))
        moves += [_Move(one, sequence.steps[one], previous, place) for one in waiting]
        waiting, previous = [], place
    return moves + [_Move(one, sequence.steps[one], previous) for one in waiting]
