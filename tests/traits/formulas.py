"""Random formulas with what they mean, in plain Python: exact fractions instead of doubles.

A formula is a text and a function of a row of values. The functions know nothing of SQL;
they are written from the language in docs/operators.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

MICRO = Decimal("0.000001")
LIMIT = 10**26
Row = dict[str, Any]
NUMBERS = ("amount", "other_amount", "order_count")
TEXTS = ("plan", "city")
KINDS = {
    "amount": "decimal",
    "other_amount": "decimal",
    "order_count": "integer",
    "plan": "string",
    "city": "string",
    "is_vip": "boolean",
}
ROWS: tuple[Row, ...] = tuple(
    dict(zip(KINDS, values, strict=True))
    for values in (
        (Decimal("12.5"), Decimal("3.2"), 4, "pro", "Oslo", True),
        (Decimal("0"), Decimal("-7.25"), 0, "Pro", " rome ", False),
        (Decimal("-0.1"), Decimal("0.3"), 1, "", "pro", None),
        (None, Decimal("1"), 7, None, "Paris", True),
        (Decimal("100"), None, 3, "team", "team", True),
        (Decimal("4096.5"), Decimal("256.25"), 99, "team", None, False),
    )
)

HUGE = {**ROWS[0], "amount": Decimal("99999999999999999999.5"), "order_count": 2**53 - 1}
"""What a double cannot hold: its results differ from fractions, but no engine may stop."""


@dataclass(frozen=True)
class Formula:
    text: str
    meaning: Callable[[Row], Any]


def exact(value: Any) -> Decimal | None:
    """A wide number (a fraction) as a decimal; other numbers are decimals already."""
    if not isinstance(value, Fraction):
        return None if value is None else Decimal(value)
    if abs(value) >= LIMIT:
        return None
    micros = abs(value) * 10**6
    whole = int(micros + Fraction(1, 2))
    return Decimal(whole if value >= 0 else -whole) * MICRO


def arithmetic(operator: str, left: Any, right: Any) -> Any:
    if left is None or right is None:
        return None
    if operator == "/":
        return None if not right else Fraction(left) / Fraction(right)
    if operator == "*":
        return Fraction(left) * Fraction(right)
    if operator == "%":
        first, by = exact(left), exact(right)
        return None if not by or first is None else first % by
    sign = 1 if operator == "+" else -1
    if Fraction in (type(left), type(right)):
        return Fraction(left) + sign * Fraction(right)
    return Decimal(left) + sign * Decimal(right)


def compare(operator: str, left: Any, right: Any) -> bool | None:
    if isinstance(left, str) or isinstance(right, str):
        first, second = (None if one is None else one.encode() for one in (left, right))
    else:
        first, second = exact(left), exact(right)
    if first is None or second is None:
        return None
    return {
        "=": first == second,
        "<>": first != second,
        "<": first < second,
        "<=": first <= second,
        ">": first > second,
        ">=": first >= second,
    }[operator]


def both(left: bool | None, right: bool | None) -> bool | None:
    if left is False or right is False:
        return False
    return None if left is None or right is None else True


def rounded(name: str, value: Any, places: int = 0) -> Decimal | None:
    number = exact(value)
    if number is None:
        return None
    how = {"round": ROUND_HALF_UP, "floor": ROUND_FLOOR, "ceil": ROUND_CEILING}[name]
    return number.quantize(Decimal(1).scaleb(-places), how)


def alike(values: list[Any]) -> list[Any]:
    wide = any(isinstance(one, Fraction) for one in values)
    return [Fraction(one) if wide and one is not None else one for one in values]


@st.composite
def numbers(draw: st.DrawFn, depth: int) -> Formula:
    kind = draw(st.sampled_from(("name", "literal") if not depth else _NUMBER_KINDS))
    if kind == "name":
        name = draw(st.sampled_from(NUMBERS))
        return Formula(name, lambda row: row[name])
    if kind == "literal":
        text = draw(st.sampled_from(("0", "1", "2.5", "100", "0.01")))
        return Formula(text, lambda _: Decimal(text))
    one, two = draw(numbers(depth - 1)), draw(numbers(depth - 1))
    if kind == "arithmetic":
        operator = draw(st.sampled_from("+-*/%"))
        return Formula(
            f"({one.text} {operator} {two.text})",
            lambda row: arithmetic(operator, one.meaning(row), two.meaning(row)),
        )
    if kind == "rounded":
        name = draw(st.sampled_from(("round", "floor", "ceil")))
        return Formula(f"{name}({one.text})", lambda row: rounded(name, one.meaning(row)))
    if kind == "places":
        return Formula(f"round({one.text}, 2)", lambda row: rounded("round", one.meaning(row), 2))
    return draw(_chosen(one, two, draw(booleans(depth - 1)), kind))


_NUMBER_KINDS = (
    *("arithmetic",) * 4,
    "rounded",
    "places",
    "negative",
    "abs",
    "coalesce",
    "nullif",
    "greatest",
    "case",
    "name",
    "literal",
    "length",
)


@st.composite
def _chosen(draw: st.DrawFn, one: Formula, two: Formula, test: Formula, kind: str) -> Formula:
    def pair(row: Row) -> list[Any]:
        return [one.meaning(row), two.meaning(row)]

    def extreme(row: Row) -> Any:
        values = pair(row)
        return None if None in values else max(alike(values))

    def nullif(row: Row) -> Any:
        left, right = pair(row)
        return None if compare("=", left, right) else left

    meanings: dict[str, tuple[str, Callable[[Row], Any]]] = {
        "negative": (f"(-{one.text})", lambda row: _negative(one.meaning(row))),
        "abs": (f"abs({one.text})", lambda row: _absolute(one.meaning(row))),
        "coalesce": (
            f"coalesce({one.text}, {two.text})",
            lambda row: next((value for value in pair(row) if value is not None), None),
        ),
        "nullif": (f"nullif({one.text}, {two.text})", nullif),
        "greatest": (f"greatest({one.text}, {two.text})", extreme),
        "case": (
            f"case when {test.text} then {one.text} else {two.text} end",
            lambda row: (one if test.meaning(row) else two).meaning(row),
        ),
    }
    if kind == "length":
        text = draw(texts(1))
        return Formula(
            f"length({text.text})",
            lambda row: None if text.meaning(row) is None else len(text.meaning(row)),
        )
    return Formula(*meanings[kind])


def _negative(value: Any) -> Any:
    return None if value is None else -value


def _absolute(value: Any) -> Any:
    return None if value is None else abs(value)


@st.composite
def texts(draw: st.DrawFn, depth: int) -> Formula:
    kind = draw(st.sampled_from(("name", "literal") if not depth else ("call", "joined", "name")))
    if kind == "name":
        name = draw(st.sampled_from(TEXTS))
        return Formula(name, lambda row: row[name])
    if kind == "literal":
        text = draw(st.sampled_from(("pro", "it's", "Z", "")))
        shown = text.replace("'", "''")
        return Formula(f"'{shown}'", lambda _: text)
    one, two = draw(texts(depth - 1)), draw(texts(depth - 1))
    if kind == "joined":
        return Formula(
            f"({one.text} || {two.text})",
            lambda row: (
                None
                if None in (one.meaning(row), two.meaning(row))
                else one.meaning(row) + two.meaning(row)
            ),
        )
    name = draw(st.sampled_from(("lower", "upper", "trim")))
    method = {"lower": str.lower, "upper": str.upper, "trim": str.strip}[name]
    return Formula(
        f"{name}({one.text})",
        lambda row: None if one.meaning(row) is None else method(one.meaning(row)),
    )


@st.composite
def booleans(draw: st.DrawFn, depth: int) -> Formula:
    kinds = ("compared", "texts", "missing", "name", "listed")
    kind = draw(st.sampled_from(kinds + (("and", "or", "not") if depth > 0 else ())))
    if kind == "name":
        return Formula("is_vip", lambda row: row["is_vip"])
    if kind in ("compared", "texts"):
        some = numbers if kind == "compared" else texts
        one, two = draw(some(max(depth, 0))), draw(some(0))
        operator = draw(st.sampled_from(("=", "<>", "<", "<=", ">", ">=")))
        return Formula(
            f"{one.text} {operator} {two.text}",
            lambda row: compare(operator, one.meaning(row), two.meaning(row)),
        )
    if kind == "missing":
        one = draw(numbers(max(depth, 0)))
        return Formula(f"{one.text} is null", lambda row: one.meaning(row) is None)
    if kind == "listed":
        one = draw(texts(0))
        return Formula(
            f"{one.text} in ('pro', 'team')",
            lambda row: None if one.meaning(row) is None else one.meaning(row) in ("pro", "team"),
        )
    left, right = draw(booleans(depth - 1)), draw(booleans(depth - 1))
    if kind == "not":
        return Formula(
            f"not ({left.text})",
            lambda row: None if left.meaning(row) is None else not left.meaning(row),
        )
    if kind == "and":
        return Formula(
            f"({left.text} and {right.text})",
            lambda row: both(left.meaning(row), right.meaning(row)),
        )
    return Formula(
        f"({left.text} or {right.text})", lambda row: _either(left.meaning(row), right.meaning(row))
    )


def _either(left: bool | None, right: bool | None) -> bool | None:
    if left or right:
        return True
    return None if left is None or right is None else False
