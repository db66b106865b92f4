"""Every operator on every type it takes, for every pair of a value and an operand.

The grid finds what random audiences rarely meet.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from sqlglot import exp, select

from cdp.sql.engines import cast
from cdp.sql.operators import LENGTH, OPERATORS, SEVERAL, TEXTS, YES_NO
from cdp.sql.predicates import literal, operator_test, shifted
from cdp.sql.text import sql_text
from cdp.sql.windows import Duration
from tests.audiences.oracle import passes
from tests.audiences.oracle import shifted as oracle_shifted
from tests.audiences.strategies import AGES, AS_OF

TEXT_VALUES = ("red", "Red", "blue red", "a'b", "100%", "é", "\\", "_", "re", "{{ x }}", "日本")
VALUES: dict[str, tuple[Any, ...]] = {
    "decimal": tuple(map(Decimal, ("0", "1", "-1", "12.5", "12.500001", "9007199254740991"))),
    "integer": (0, 1, -1, 12, 9007199254740991),
    "float": (0.0, 0.5, -1.0, 12.5, 100.0),
    "string": TEXT_VALUES,
    "boolean": (True, False),
    "timestamp": tuple(AS_OF - age for age in AGES) + (datetime(2026, 6, 20),),
    "string_list": (["red"], ["blue", "red"], ["é", "a'b"], ["redder"]),
}
DURATIONS = (Duration(60), Duration(24 * 60), Duration(7 * 24 * 60), Duration(0, 1))
PAIRS = [(operator, kind) for operator in OPERATORS for kind in OPERATORS[operator].types]


def operands(operator: str, kind: str) -> list[Any]:
    takes = OPERATORS[operator].takes
    element = VALUES["string" if kind == "string_list" else kind]
    if kind == "float":
        element = tuple(Decimal(str(value)) for value in element)
    if takes == YES_NO:
        return [True, False]
    if takes == LENGTH:
        return list(DURATIONS)
    if takes in (SEVERAL, TEXTS):
        return [element[:1], element[:3], element[2:]]
    return list(element)


@pytest.mark.parametrize(("operator", "kind"), PAIRS)
def test_an_operator_answers_as_the_oracle_does(operator: str, kind: str) -> None:
    as_of = literal(AS_OF, "duckdb")
    wanted = operands(operator, kind)
    tests = [
        exp.func(
            "coalesce",
            operator_test(operator, exp.column("value", "grid"), kind, one, as_of, "duckdb"),
            exp.false(),
        )
        for one in wanted
    ]
    query = sql_text(select(*tests).from_("grid").order_by(exp.column("line", "grid")), "duckdb")
    column = sql_text(cast(exp.Placeholder(), kind, "duckdb"), "duckdb")
    values = [*VALUES[kind], None]
    with duckdb.connect() as connection:
        for line, value in enumerate(values):
            start = "insert into grid" if line else "create table grid as"
            connection.execute(f"{start} select {line} as line, {column} as value", [value])
        rows = connection.execute(query).fetchall()
    expected = [
        tuple(passes(operator, value, operand, AS_OF) for operand in wanted) for value in values
    ]
    assert rows == expected


@pytest.mark.parametrize("operator", OPERATORS)
def test_a_missing_value_answers_as_the_table_says(operator: str) -> None:
    said = OPERATORS[operator].when_missing
    kind = OPERATORS[operator].types[0]
    if said is None:
        assert [passes(operator, None, one, AS_OF) for one in (True, False)] == [False, True]
    else:
        assert {passes(operator, None, one, AS_OF) for one in operands(operator, kind)} == {said}


def test_thirty_days_and_a_month_stay_apart_in_one_query() -> None:
    """DuckDB takes two intervals that compare as equal for one expression."""
    lengths = (Duration(30 * 24 * 60), Duration(0, 1), Duration(0, 12), Duration(360 * 24 * 60))
    moment = exp.column("moment", "clock")
    ends = [
        shifted(moment, length, way, "duckdb") for way in (exp.Sub, exp.Add) for length in lengths
    ]
    query = sql_text(select(*ends).from_("clock"), "duckdb")
    with duckdb.connect() as connection:
        connection.execute("create table clock as select timestamp '2026-05-31 12:00' as moment")
        row = connection.execute(query).fetchone()
    assert row == tuple(oracle_shifted(AS_OF, length, way) for way in (-1, 1) for length in lengths)
