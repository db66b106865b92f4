"""The parts of formulas: a type and its SQL, and how parts of several types meet.

Owns numbers in their three forms (as the engine has them, exact decimals, and wide products
and quotients), comparisons, and the errors of types. The language is `formulas`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot import exp

from cdp.sql.engines import binary, cast, exact
from cdp.sql.predicates import literal
from cdp.sql.text import sql_text
from cdp.sql.types import BOOLEAN, DECIMAL, FLOAT, INTEGER, NUMBERS, STRING, TIMESTAMP, describe
from cdp.sql.values import parse_moment

NOTHING = "nothing"
# A number as a column of its type holds it; a decimal whatever its type; the engine's widest.
PLAIN, EXACT, WIDE = "plain", "exact", "wide"


class FormulaError(Exception):
    """Why a formula cannot be: a slug, what is wrong, and one fix."""

    def __init__(self, slug: str, message: str, fix: str) -> None:
        super().__init__(message)
        self.slug, self.message, self.fix = slug, message, fix


@dataclass(frozen=True)
class Term:
    """A part of a formula. `form` is of numbers, `depth` is how deep its SQL is nested."""

    kind: str
    sql: exp.Expr
    form: str = PLAIN
    depth: int = 1


class Terms:
    """How terms become terms of other types, in one dialect. `node` is for messages."""

    def __init__(self, dialect: str) -> None:
        self.dialect = dialect

    def numbers(self, node: exp.Expr, parts: Sequence[Term]) -> Sequence[Term]:
        for part in parts:
            if part.kind not in NUMBERS:
                raise wrong(node, part, "a number")
        return parts

    def booleans(self, node: exp.Expr, parts: Sequence[Term]) -> Sequence[Term]:
        for part in parts:
            if part.kind != BOOLEAN:
                raise wrong(node, part, "true or false")
        return parts

    def alike(self, node: exp.Expr, parts: Sequence[Term]) -> list[Term]:
        """Parts of one type: numbers as the widest of them, text as a moment beside moments."""
        kinds = {one.kind for one in parts} - {NOTHING}
        if kinds == {STRING, TIMESTAMP}:
            parts = [self._moment(one) for one in parts]
            kinds = {one.kind for one in parts}
        if not kinds:
            raise wrong(node, parts[0], "a value")
        if kinds <= set(NUMBERS):
            return self._alike_numbers(parts)
        if len(kinds) > 1:
            first = next(one for one in parts if one.kind != NOTHING)
            other = next(one for one in parts if one.kind not in (NOTHING, first.kind))
            raise wrong(node, other, describe(first.kind))
        return [Term(min(kinds), one.sql) for one in parts]

    def _alike_numbers(self, parts: Sequence[Term]) -> list[Term]:
        kind = common([one.kind for one in parts])
        forms = {one.form for one in parts if one.kind != NOTHING}
        if kind == FLOAT or WIDE in forms:
            return [Term(kind, self.widened(one, kind), WIDE) for one in parts]
        if kind == INTEGER and EXACT not in forms:
            return [Term(kind, one.sql) for one in parts]
        return [Term(kind, self.decimal(one), EXACT) for one in parts]

    def comparison(self, kind: type[exp.Expr], node: exp.Expr, left: Term, right: Term) -> exp.Expr:
        """A comparison; wide numbers are rounded first, texts are ordered by their bytes."""
        if NOTHING in (left.kind, right.kind):
            raise FormulaError(
                "formula-type",
                f"that compares with null in '{shown(node)}'",
                "write 'is null' or 'is not null'",
            )
        left, right = self.alike(node, (left, right))
        ordered = kind not in (exp.EQ, exp.NEQ)
        sides = [grouped(self._comparable(one, ordered=ordered)) for one in (left, right)]
        return kind(this=sides[0], expression=sides[1])

    def _comparable(self, one: Term, *, ordered: bool) -> exp.Expr:
        if one.kind in (DECIMAL, INTEGER):
            return self.decimal(one) if one.form == WIDE else one.sql
        return binary(one.sql, self.dialect) if one.kind == STRING and ordered else one.sql

    def widened(self, one: Term, kind: str) -> exp.Expr:
        """A number in the engine's widest: a double, except PostgreSQL's numeric."""
        if one.form == WIDE and (one.kind == FLOAT) == (kind == FLOAT):
            return one.sql
        if self.dialect == "postgres" and kind != FLOAT:
            return exp.cast(one.sql.copy(), "decimal")
        return cast(one.sql, FLOAT, self.dialect)

    def decimal(self, one: Term) -> exp.Expr:
        """A number as a decimal; a wide one is rounded, and missing from 10^26 on."""
        if one.form == WIDE or one.kind == FLOAT:
            return exact(one.sql, DECIMAL, self.dialect)
        is_decimal = one.form == EXACT or one.kind == DECIMAL or isinstance(one.sql, exp.Literal)
        return one.sql if is_decimal else cast(one.sql, DECIMAL, self.dialect)

    def shown_as(self, one: Term, kind: str) -> exp.Expr:
        """A formula's value as the type of its trait: numbers fit any type of number."""
        if kind not in NUMBERS or (one.kind == kind and isinstance(one.sql, exp.Column)):
            return one.sql
        if kind == FLOAT:
            return cast_once(one.sql, FLOAT, self.dialect)
        if kind == DECIMAL:
            return cast_once(self.decimal(one), DECIMAL, self.dialect)
        if one.kind == INTEGER and one.form == PLAIN:
            return cast_once(one.sql, INTEGER, self.dialect)
        return exact(self.decimal(one), INTEGER, self.dialect)

    def _moment(self, one: Term) -> Term:
        """A text beside a timestamp is read as one, where it is written down."""
        if one.kind != STRING or not isinstance(one.sql, exp.Literal):
            return one
        moment = parse_moment(one.sql.name)
        return one if moment is None else Term(TIMESTAMP, literal(moment, self.dialect))


def cast_once(tree: exp.Expr, kind: str, dialect: str) -> exp.Expr:
    """A cast to one of our types, where the tree is not already one."""
    found = cast(tree, kind, dialect)
    is_same = isinstance(tree, exp.Cast) and tree.args["to"] == found.args["to"]
    return tree if is_same and not isinstance(tree, exp.TryCast) else found


def not_zero(number: exp.Expr) -> exp.Expr:
    """A divisor: null where it is zero."""
    if isinstance(number, exp.Literal) and number.name.strip("0."):
        return number.copy()
    return exp.func("nullif", number, exp.Literal.number(0))


def fits(one: Term, kind: str) -> bool:
    """Whether a formula may be of a declared type."""
    return one.kind == kind or (one.kind in NUMBERS and kind in NUMBERS)


def common(kinds: Sequence[str]) -> str:
    """The widest type of several numbers."""
    return next(one for one in (FLOAT, DECIMAL, INTEGER) if one in kinds)


def grouped(tree: exp.Expr) -> exp.Expr:
    """The tree, in brackets where another operator may stand beside it."""
    loose = isinstance(tree, (exp.Binary, exp.Not, exp.Neg, exp.Between, exp.In))
    return exp.paren(tree.copy()) if loose else tree.copy()


def shown(node: exp.Expr) -> str:
    """A part of a formula for a message, on one line and not too long."""
    text = " ".join(sql_text(node, "duckdb").split())
    return text if len(text) <= 60 else text[:57] + "..."


def wrong(node: exp.Expr, part: Term, wanted: str) -> FormulaError:
    """A part is of another type than its place."""
    found = "null" if part.kind == NOTHING else describe(part.kind)
    return FormulaError(
        "formula-type",
        f"that has {found} in '{shown(node)}' in the place of {wanted}",
        f"use {wanted} there",
    )
