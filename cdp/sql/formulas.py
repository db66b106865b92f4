"""Formulas over named values: `lifetime_value / order_count`, checked, typed, printed again.

Owns the closed language: what is parsed is walked and built anew from constructs that
engines agree on, so nothing that is not named here reaches generated SQL. A product or a
quotient keeps all the digits that the engine gives it, and is rounded to six places where it
is compared, rounded or shown; from 10^26 on it is missing there. What is computed from a
missing value is missing; a division by zero is missing. Types are `terms`; which names
exist belongs to the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from cdp.sql.engines import cast, days_elapsed, divided
from cdp.sql.predicates import all_of, any_of, is_missing, is_present
from cdp.sql.terms import (
    EXACT,
    NOTHING,
    WIDE,
    FormulaError,
    Term,
    Terms,
    common,
    grouped,
    not_zero,
    shown,
    wrong,
)
from cdp.sql.types import BOOLEAN, DECIMAL, FLOAT, INTEGER, NUMBERS, STRING, TIMESTAMP, describe

MOST_PARTS = 2_000
DEEPEST = 40
AS_OF = "as_of"
_LEAVES = (exp.Column, exp.Identifier, exp.Literal, exp.Boolean, exp.Null)
# What sqlglot notes of a node's origin, which changes nothing.
_NOTES = {"typed", "safe", "coalesce", "ignore_nulls"}
MEANINGS = (
    ("`+`, `-`", "numbers", "exact: `0.1 + 0.2` is `0.3`"),
    ("`*`, `/`", "numbers", "with 15 digits at least, rounded where it is compared or shown"),
    ("`%`", "numbers", "the remainder, with the sign of the first"),
    ("`=`, `<>`, `<`, `<=`, `>`, `>=`, `between`, `in (...)`", "two of one type",
     "beside a timestamp, a text is read as one"),
    ("`and`, `or`, `not`, `is null`, `is not null`", "true or false", "as in SQL"),
    ("`case when ... then ... else ... end`", "any", "a missing condition counts as false"),
    ("`coalesce(a, b, ...)`", "several of one type", "the first that is not missing"),
    ("`nullif(a, b)`", "two of one type", "missing where they are equal, else the first"),
    ("`greatest(a, b, ...)`, `least(a, b, ...)`", "numbers or timestamps",
     "missing where one of them is"),
    ("`abs(a)`", "a number", "without its sign"),
    ("`round(a)`, `round(a, 2)`", "a number",
     "half away from zero; without places, a whole number"),
    ("`floor(a)`, `ceil(a)`", "a number", "the whole number below, above"),
    ("`lower(a)`, `upper(a)`, `trim(a)`", "text", "letters beyond ASCII as the engine knows them"),
    ("`length(a)`", "text", "how many characters"),
    ("`a || b`, `concat(a, b, ...)`", "text", "one after the other; missing where one is"),
    ("`days_between(a, b)`", "two timestamps", "whole days of 24 hours from a to b, rounded down"),
    ("`as_of`", "", "the moment that every window ends at"),
)  # fmt: skip
"""The language for the reference: what is written, on what, and what it gives."""


def formula_names(text: str) -> tuple[str, ...]:
    """The names that a formula reads, sorted, without `as_of`.

    Raises FormulaError when it is not a formula.
    """
    tree = _parsed(text)
    for node in tree.walk():
        is_branch = isinstance(node, exp.If) and isinstance(node.parent, exp.Case)
        if not isinstance(node, _LEAVES) and not is_branch and type(node) not in _NODES:
            raise _unknown(node)
    names = {_name(one) for one in tree.find_all(exp.Column)}
    return tuple(sorted(names - {AS_OF}))


def formula_term(
    text: str, values: Mapping[str, Term], dialect: str, *, is_checked: bool = False
) -> Term:
    """A formula over values by name, `as_of` among them.

    Raises FormulaError for what the language does not have, for types that do not fit, and
    for formulas that are too long or too deep, unless that `is_checked` already.
    """
    return _Walker(values, dialect, is_checked=is_checked).term(_parsed(text))


@cache
def _parsed(text: str) -> exp.Expr:
    try:
        found = sqlglot.parse(text, dialect="duckdb")
    except (SqlglotError, RecursionError):
        raise FormulaError(
            "invalid-formula", "that cannot be read", "check its brackets, operators and quotes"
        ) from None
    if len(found) != 1 or found[0] is None:
        raise FormulaError(
            "invalid-formula", "that is not one expression", "write one expression, without ';'"
        )
    return found[0]


def _name(column: exp.Expr) -> str:
    name = column.this
    qualified = any(column.args.get(key) for key in ("table", "db", "catalog"))
    if qualified or not isinstance(name, exp.Identifier) or name.args.get("quoted"):
        raise FormulaError(
            "invalid-formula",
            f"that reads '{shown(column)}'",
            "name traits, without quotes and dots",
        )
    return str(name.this)


class _Walker:
    """Builds a formula anew, bottom up."""

    def __init__(self, values: Mapping[str, Term], dialect: str, *, is_checked: bool) -> None:
        self.values = values
        self.is_checked = is_checked
        self.dialect = dialect
        self.terms = Terms(dialect)

    def term(self, node: exp.Expr) -> Term:
        if isinstance(node, exp.Column):
            return self.values[_name(node)]
        if isinstance(node, exp.Literal):
            return _literal(node)
        if isinstance(node, (exp.Boolean, exp.Null)):
            return Term(NOTHING if isinstance(node, exp.Null) else BOOLEAN, node.copy())
        build, allowed = _NODES.get(type(node), (None, ()))
        used = {key for key, value in node.args.items() if value not in (None, False, [])}
        if build is None or not used <= {*allowed, *_NOTES}:
            raise _unknown(node)
        parts = [self.term(one) for key in allowed for one in _several(node, key)]
        found = build(self, node, parts)
        found = replace(found, depth=1 + max((one.depth for one in parts), default=0))
        if not self.is_checked:
            _check_size(found)
        return found

    def paren(self, _: exp.Expr, parts: Sequence[Term]) -> Term:
        return parts[0]

    def negative(self, node: exp.Expr, parts: Sequence[Term]) -> Term:
        number = self.terms.numbers(node, parts)[0]
        return replace(number, sql=exp.Neg(this=grouped(number.sql)))

    def sum(self, node: exp.Expr, parts: Sequence[Term]) -> Term:
        left, right = self.terms.numbers(node, parts)
        if WIDE in (left.form, right.form) or FLOAT in (left.kind, right.kind):
            return self.product(node, parts)
        sides = [grouped(self.terms.decimal(one)) for one in (left, right)]
        kind = common([left.kind, right.kind])
        return Term(kind, type(node)(this=sides[0], expression=sides[1]), EXACT)

    def product(self, node: exp.Expr, parts: Sequence[Term]) -> Term:
        left, right = self.terms.numbers(node, parts)
        kind = common([left.kind, right.kind])
        sides = [grouped(self.terms.widened(one, kind)) for one in (left, right)]
        return Term(kind, type(node)(this=sides[0], expression=sides[1]), WIDE)

    def quotient(self, node: exp.Expr, parts: Sequence[Term]) -> Term:
        left, right = self.terms.numbers(node, parts)
        kind = common([left.kind, right.kind, DECIMAL])
        by = not_zero(self.terms.widened(right, kind))
        return Term(kind, divided(grouped(self.terms.widened(left, kind)), by), WIDE)

    def remainder(self, node: exp.Expr, parts: Sequence[Term]) -> Term:
        left, right = (self.terms.decimal(one) for one in self.terms.numbers(node, parts))
        by = not_zero(right)
        kind = INTEGER if {one.kind for one in parts} == {INTEGER} else DECIMAL
        return Term(kind, exp.Mod(this=grouped(left), expression=by), EXACT)

    def compared(self, node: exp.Expr, parts: Sequence[Term]) -> Term:
        return Term(BOOLEAN, self.terms.comparison(type(node), node, parts[0], parts[1]))

    def between(self, node: exp.Expr, parts: Sequence[Term]) -> Term:
        low = self.terms.comparison(exp.GTE, node, parts[0], parts[1])
        high = self.terms.comparison(exp.LTE, node, parts[0], parts[2])
        return Term(BOOLEAN, all_of([low, high]))

    def listed(self, node: exp.Expr, parts: Sequence[Term]) -> Term:
        if not parts[1:]:
            raise _unknown(node)
        return Term(
            BOOLEAN,
            any_of([self.terms.comparison(exp.EQ, node, parts[0], one) for one in parts[1:]]),
        )

    def connected(self, node: exp.Expr, parts: Sequence[Term]) -> Term:
        sides = [grouped(one.sql) for one in self.terms.booleans(node, parts)]
        return Term(BOOLEAN, type(node)(this=sides[0], expression=sides[1]))

    def opposite(self, node: exp.Expr, parts: Sequence[Term]) -> Term:
        return Term(BOOLEAN, exp.Not(this=grouped(self.terms.booleans(node, parts)[0].sql)))

    def presence(self, node: exp.Expr, parts: Sequence[Term]) -> Term:
        if parts[1].kind != NOTHING:
            raise _unknown(node)
        return Term(BOOLEAN, is_missing(grouped(parts[0].sql)))

    def choice(self, node: exp.Expr, parts: Sequence[Term]) -> Term:
        """`case`, with or without a subject."""
        rest = list(parts)
        subject = rest.pop(0) if node.args.get("this") is not None else None
        last = [rest.pop()] if node.args.get("default") is not None else []
        results = self.terms.alike(node, [*rest[1::2], *last])
        case = exp.Case()
        for test, result in zip(rest[0::2], results, strict=False):
            case = case.when(self._condition(node, subject, test), result.sql)
        if last:
            case = case.else_(results[-1].sql)
        return replace(results[0], sql=case)

    def _condition(self, node: exp.Expr, subject: Term | None, test: Term) -> exp.Expr:
        if subject is None:
            return self.terms.booleans(node, [test])[0].sql
        return self.terms.comparison(exp.EQ, node, subject, test)

    def coalesced(self, node: exp.Expr, parts: Sequence[Term]) -> Term:
        same = self.terms.alike(node, parts)
        return replace(same[0], sql=exp.func("coalesce", *(one.sql for one in same)))

    def nullified(self, node: exp.Expr, parts: Sequence[Term]) -> Term:
        left, right = self.terms.alike(node, parts)
        if left.form == WIDE and left.kind != FLOAT:
            sides = [self.terms.decimal(one) for one in (left, right)]
            return Term(left.kind, exp.func("nullif", *sides), EXACT)
        return replace(left, sql=exp.func("nullif", left.sql, right.sql))

    def extreme(self, node: exp.Expr, parts: Sequence[Term]) -> Term:
        """Missing where one value is: engines disagree about ignoring it."""
        same = self.terms.alike(node, parts)
        if same[0].kind not in (*NUMBERS, TIMESTAMP):
            raise wrong(node, same[0], "a number or a timestamp")
        name = "greatest" if isinstance(node, exp.Greatest) else "least"
        chosen = exp.Anonymous(this=name, expressions=[one.sql.copy() for one in same])
        values = [one.sql for one in same if not isinstance(one.sql, exp.Literal)]
        if not values:
            return replace(same[0], sql=chosen)
        present = all_of([is_present(grouped(one)) for one in values])
        return replace(same[0], sql=exp.Case().when(present, chosen))

    def absolute(self, node: exp.Expr, parts: Sequence[Term]) -> Term:
        number = self.terms.numbers(node, parts)[0]
        return replace(number, sql=exp.func("abs", number.sql))

    def rounded(self, node: exp.Expr, parts: Sequence[Term]) -> Term:
        """`round`, `floor` and `ceil`, of decimals."""
        number = self.terms.numbers(node, parts)[0]
        digits = [one.sql for one in parts[1:]]
        if digits and digits[0].name not in ("0", "1", "2", "3", "4", "5", "6"):
            raise _unknown(node)
        name = type(node).__name__.lower()
        value = exp.Anonymous(this=name, expressions=[self.terms.decimal(number), *digits])
        return Term(DECIMAL if digits else INTEGER, cast(value, DECIMAL, self.dialect), EXACT)

    def text(self, node: exp.Expr, parts: Sequence[Term]) -> Term:
        value = _texts(node, parts)[0].sql
        kind = INTEGER if isinstance(node, exp.Length) else STRING
        return Term(kind, exp.func(type(node).__name__.lower(), value))

    def joined(self, node: exp.Expr, parts: Sequence[Term]) -> Term:
        first, *others = (grouped(one.sql) for one in _texts(node, parts))
        for other in others:
            first = exp.DPipe(this=first, expression=other, safe=True)
        return Term(STRING, first)

    def called(self, node: exp.Expr, parts: Sequence[Term]) -> Term:
        """`days_between(earlier, later)`."""
        if str(node.this).lower() != "days_between" or len(parts) != 2:
            raise _unknown(node)
        for part in parts:
            if part.kind != TIMESTAMP:
                raise wrong(node, part, describe(TIMESTAMP))
        start, end = (grouped(one.sql) for one in parts)
        return Term(INTEGER, days_elapsed(start, end, INTEGER, self.dialect))


def _check_size(found: Term) -> None:
    """A short text can mean a long expression: `greatest` repeats its parts, formulas nest."""
    if found.depth > DEEPEST or sum(1 for _ in found.sql.walk()) > MOST_PARTS:
        raise FormulaError(
            "formula-too-long",
            f"that is nested more than {DEEPEST} deep or has more than {MOST_PARTS} parts, "
            "with the formulas that it uses",
            "make it shorter, or compute it in a dbt model and read that with 'model:'",
        )


def _literal(node: exp.Literal) -> Term:
    if node.is_string:
        return Term(STRING, exp.Literal.string(node.name))
    digits = node.name.replace(".", "", 1)
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 20):
        raise _unknown(node)
    kind = INTEGER if node.name.isdigit() and len(digits) <= 15 else DECIMAL
    return Term(kind, exp.Literal.number(node.name))


def _texts(node: exp.Expr, parts: Sequence[Term]) -> Sequence[Term]:
    for part in parts:
        if part.kind != STRING:
            raise wrong(node, part, "text")
    return parts


def _several(node: exp.Expr, key: str) -> list[exp.Expr]:
    """The parts under a key; those of a `case` are its pairs of condition and result."""
    value = node.args.get(key)
    found = value if isinstance(value, list) else [value]
    if key == "ifs":
        return [part for one in found for part in (one.this, one.args["true"])]
    return [one for one in found if isinstance(one, exp.Expr)]


def _unknown(node: exp.Expr) -> FormulaError:
    return FormulaError(
        "invalid-formula",
        f"that has '{shown(node)}', which formulas do not have",
        "what they have is in docs/operators.md; compute the rest in a dbt model",
    )


_Build = Callable[[_Walker, exp.Expr, Sequence[Term]], Term]
_TWO = ("this", "expression")
_NODES: dict[type[exp.Expr], tuple[_Build, tuple[str, ...]]] = {
    exp.Paren: (_Walker.paren, ("this",)),
    exp.Neg: (_Walker.negative, ("this",)),
    exp.Add: (_Walker.sum, _TWO),
    exp.Sub: (_Walker.sum, _TWO),
    exp.Mul: (_Walker.product, _TWO),
    exp.Div: (_Walker.quotient, _TWO),
    exp.Mod: (_Walker.remainder, _TWO),
    exp.EQ: (_Walker.compared, _TWO),
    exp.NEQ: (_Walker.compared, _TWO),
    exp.LT: (_Walker.compared, _TWO),
    exp.LTE: (_Walker.compared, _TWO),
    exp.GT: (_Walker.compared, _TWO),
    exp.GTE: (_Walker.compared, _TWO),
    exp.Between: (_Walker.between, ("this", "low", "high")),
    exp.In: (_Walker.listed, ("this", "expressions")),
    exp.And: (_Walker.connected, _TWO),
    exp.Or: (_Walker.connected, _TWO),
    exp.Not: (_Walker.opposite, ("this",)),
    exp.Is: (_Walker.presence, _TWO),
    exp.Case: (_Walker.choice, ("this", "ifs", "default")),
    exp.Coalesce: (_Walker.coalesced, ("this", "expressions")),
    exp.Nullif: (_Walker.nullified, _TWO),
    exp.Greatest: (_Walker.extreme, ("this", "expressions")),
    exp.Least: (_Walker.extreme, ("this", "expressions")),
    exp.Abs: (_Walker.absolute, ("this",)),
    exp.Round: (_Walker.rounded, ("this", "decimals")),
    exp.Floor: (_Walker.rounded, ("this",)),
    exp.Ceil: (_Walker.rounded, ("this",)),
    exp.Lower: (_Walker.text, ("this",)),
    exp.Upper: (_Walker.text, ("this",)),
    exp.Trim: (_Walker.text, ("this",)),
    exp.Length: (_Walker.text, ("this",)),
    exp.DPipe: (_Walker.joined, _TWO),
    exp.Concat: (_Walker.joined, ("expressions",)),
    exp.Anonymous: (_Walker.called, ("this", "expressions")),
}
