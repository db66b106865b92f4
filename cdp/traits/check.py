"""Checks of traits that need all of them: formulas' names, circles and types; tables.

Owns what only the whole catalogue can tell, and fills in the types that formulas do not
declare. Reading a file belongs to `spec`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlglot import exp

from cdp.errors import Problems, suggest
from cdp.identity.spec import IdentityRules
from cdp.sql.formulas import AS_OF, formula_names, formula_term
from cdp.sql.tables import PROFILE_ID
from cdp.sql.terms import NOTHING, FormulaError, Term, fits
from cdp.sql.types import TIMESTAMP
from cdp.traits.spec import EventTrait, FormulaTrait, Trait, read_default

# Models that are built after traits. What a user's model reads is dbt's to tell.
_ABOVE = (
    "int_features",
    "int_account_features",
    "int_conditions",
    "int_rankings",
    "computed_traits",
    "account_computed_traits",
    "audience_memberships",
    "audience_transitions",
)
_ABOVE_PREFIXES = (
    "int_features__",
    "int_conditions__",
    "traits__",
    "audience__",
    "int_audiences__",
    "sync__",
)
# Types, names and sizes are the same in every dialect.
_DIALECT = "duckdb"


def checked_traits(traits: Mapping[str, Trait], problems: Problems) -> dict[str, Trait]:
    """The traits with every type known, in their order; wrong formulas are left out and noted."""
    return _Checker(traits, problems).checked()


def check_tables(traits: Mapping[str, Trait], identity: IdentityRules, problems: Problems) -> None:
    """Notes tables that are computed from traits, and identifiers that do not exist."""
    known = [one.name for one in identity.types] + [PROFILE_ID]
    for trait in traits.values():
        table = trait.origin.query.table if isinstance(trait.origin, EventTrait) else None
        if table is None:
            continue
        if table.identifier not in known:
            problems.add(
                "unknown-identifier",
                f"trait '{trait.name}' finds its rows by '{table.identifier}', which "
                "identity.yml does not define",
                table.location,
                suggest(table.identifier, known),
            )
        if table.model.startswith(_ABOVE_PREFIXES) or table.model in _ABOVE:
            problems.add(
                "trait-cycle",
                f"trait '{trait.name}' reads '{table.model}', which is computed from traits",
                table.location,
                "read a model that no trait is needed for",
            )


class _Checker:
    """Types formulas after what they read, without recursion: chains may be long."""

    def __init__(self, traits: Mapping[str, Trait], problems: Problems) -> None:
        self.traits = traits
        self.problems = problems
        self.known: dict[str, Trait] = {}
        self.terms: dict[str, Term] = {AS_OF: Term(TIMESTAMP, exp.column(AS_OF))}
        self.wrong: set[str] = set()

    def checked(self) -> dict[str, Trait]:
        for name, trait in self.traits.items():
            if not isinstance(trait.origin, FormulaTrait):
                self.known[name] = trait
                self.terms[name] = Term(trait.type, exp.column(name))
        for name in self.traits:
            self._visit(name)
        return {name: self.known[name] for name in self.traits if name in self.known}

    def _visit(self, start: str) -> None:
        trail: list[str] = []
        stack: list[tuple[str, bool]] = [(start, False)]
        while stack:
            name, leaving = stack.pop()
            if leaving:
                trail.pop()
                self._type(name)
            elif name in trail:
                self._note_circle(trail[trail.index(name) :])
            elif name not in self.known and name not in self.wrong:
                trail.append(name)
                stack.append((name, True))
                stack.extend((used, False) for used in reversed(self._used(name)))

    def _used(self, name: str) -> tuple[str, ...]:
        """The formulas and traits that a formula reads; none where one does not exist."""
        trait, formula = self.traits[name], self._formula(name)
        try:
            names = formula_names(formula.text)
        except FormulaError as error:
            self._note(trait, error)
            return ()
        unknown = [one for one in names if one not in self.traits]
        for one in unknown:
            self.problems.add(
                "unknown-trait",
                f"trait '{name}' uses trait '{one}', which is not defined",
                formula.location,
                suggest(one, self.traits),
            )
            self.wrong.add(name)
        self._check_levels(trait, [one for one in names if one in self.traits])
        return () if name in self.wrong else names

    def _check_levels(self, trait: Trait, names: Sequence[str]) -> None:
        for one in names:
            if self.traits[one].level != trait.level:
                self.wrong.add(trait.name)
                self.problems.add(
                    "wrong-level",
                    f"trait '{trait.name}' is of level '{trait.level}' and uses trait '{one}', "
                    f"which is of level '{self.traits[one].level}'",
                    self._formula(trait.name).location,
                    f"use traits of level '{trait.level}'",
                )

    def _type(self, name: str) -> None:
        trait, formula = self.traits[name], self._formula(name)
        if name in self.wrong:
            return
        if set(formula_names(formula.text)) & self.wrong:
            # What it reads has its own problem.
            self.wrong.add(name)
            return
        try:
            self._keep(trait, formula_term(formula.text, self.terms, _DIALECT))
        except FormulaError as error:
            self._note(trait, error)

    def _keep(self, trait: Trait, term: Term) -> None:
        kind = trait.type or term.kind
        if term.kind == NOTHING or not fits(term, kind):
            found = "nothing" if term.kind == NOTHING else f"of type '{term.kind}'"
            raise FormulaError(
                "formula-type",
                f"that is {found}" + (f", not '{kind}'" if term.kind != NOTHING else ""),
                f"leave 'type' out, or write a formula of type '{kind}'"
                if term.kind != NOTHING
                else "name a trait in it",
            )
        what = f"trait '{trait.name}'"
        default = trait.default
        if not trait.type:
            default = read_default(trait.default_node, kind, trait.origin, what, self.problems)
        self.known[trait.name] = replace(trait, type=kind, default=default)
        self.terms[trait.name] = Term(kind, term.sql, depth=term.depth + 1)

    def _formula(self, name: str) -> FormulaTrait:
        origin = self.traits[name].origin
        assert isinstance(origin, FormulaTrait)
        return origin

    def _note(self, trait: Trait, error: FormulaError) -> None:
        self.wrong.add(trait.name)
        self.problems.add(
            error.slug,
            f"trait '{trait.name}' has a formula {error.message}",
            self._formula(trait.name).location,
            error.fix,
        )

    def _note_circle(self, circle: list[str]) -> None:
        # A circle is noted once, from its first name, whichever trait it was entered by.
        first = circle.index(min(circle))
        ordered = circle[first:] + circle[:first]
        arrows = " -> ".join(f"'{name}'" for name in [*ordered, ordered[0]])
        self.wrong.update(circle)
        self.problems.add(
            "trait-cycle",
            f"traits are computed from each other in a circle: {arrows}",
            self._formula(ordered[0]).location,
            "take one of these names out of its formula",
        )
