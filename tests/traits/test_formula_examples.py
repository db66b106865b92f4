"""Formulas that people would write, with their results, on DuckDB and on PostgreSQL."""

from __future__ import annotations

import os
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from sqlglot import exp, select

from cdp.sql.engines import cast
from cdp.sql.formulas import formula_term
from cdp.sql.terms import Term, Terms
from cdp.sql.text import sql_text

VALUES: dict[str, tuple[str, str | None]] = {
    "as_of": ("timestamp", "2026-05-31 12:00:00"),
    "first_order_at": ("timestamp", "2026-05-01 12:00:01"),
    "renews_at": ("timestamp", "2026-06-01 00:00:00"),
    "spent": ("decimal", "100"),
    "orders": ("integer", "3"),
    "weight": ("float", "0.1"),
    "plan": ("string", "pro"),
    "nothing": ("decimal", None),
}
EXAMPLES: dict[str, tuple[str, Any]] = {
    "spent / orders": ("decimal", Decimal("33.333333")),
    "spent / 3 * 3": ("decimal", Decimal("100")),
    "round(spent / orders, 2)": ("decimal", Decimal("33.33")),
    "orders / 2": ("integer", 2),
    "orders - 10": ("integer", -7),
    "-orders % 2": ("integer", -1),
    "spent / (orders - 3)": ("decimal", None),
    "spent + nothing": ("decimal", None),
    "coalesce(nothing, 0) + 0.1 + 0.2": ("decimal", Decimal("0.3")),
    "0.1 + 0.2 = 0.3": ("boolean", True),
    "spent / orders = 33.333333": ("boolean", True),
    "weight + weight + weight > 0.3": ("boolean", True),
    "spent * spent * spent * spent * spent * spent * spent * spent * spent * spent"
    " * spent * spent * spent": ("decimal", None),
    "days_between(first_order_at, as_of)": ("integer", 29),
    "days_between(as_of, first_order_at)": ("integer", -30),
    "days_between(as_of, renews_at) = 0": ("boolean", True),
    "first_order_at < '2026-05-02'": ("boolean", True),
    "first_order_at between '2026-05-01T14:00:02+02:00' and as_of": ("boolean", False),
    "renews_at > as_of and not (plan = 'free')": ("boolean", True),
    "case plan when 'free' then 0 when 'pro' then 9.5 end": ("decimal", Decimal("9.5")),
    "case when nothing > 1 then 'yes' else 'no' end": ("string", "no"),
    "case when plan is not null then upper(plan) || '!' end": ("string", "PRO!"),
    "orders in (1, 2, 3) or nothing in (1)": ("boolean", True),
    "nothing in (1)": ("boolean", None),
    "greatest(orders, 2.5)": ("decimal", Decimal(3)),
    "least(spent, nothing)": ("decimal", None),
    "nullif(plan, 'pro')": ("string", None),
    "floor(-0.5) + ceil(-0.5) + round(-0.5)": ("integer", -2),
    "concat('it''s ', plan)": ("string", "it's pro"),
    "length(trim('  é '))": ("integer", 1),
    "'Z' < 'a'": ("boolean", True),
}


def query(dialect: str) -> str:
    values = {name: Term(kind, exp.column(name, "row_")) for name, (kind, _) in VALUES.items()}
    shown = [
        Terms(dialect).shown_as(formula_term(text, values, dialect), kind)
        for text, (kind, _) in EXAMPLES.items()
    ]
    row = select(*(_constant(kind, text, dialect).as_(n) for n, (kind, text) in VALUES.items()))
    return sql_text(select(*shown).from_("row_").with_("row_", as_=row), dialect)


def _constant(kind: str, text: str | None, dialect: str) -> exp.Expr:
    return cast(exp.null() if text is None else exp.Literal.string(text), kind, dialect)


def expected() -> dict[str, Any]:
    return {text: value for text, (_, value) in EXAMPLES.items()}


def test_the_examples_on_duckdb() -> None:
    with duckdb.connect() as connection:
        row = connection.execute(query("duckdb")).fetchone()
    assert row is not None
    assert dict(zip(EXAMPLES, row, strict=True)) == expected()


@pytest.mark.postgres
def test_the_examples_on_postgres() -> None:
    address = os.environ.get("CDP_TEST_POSTGRES")
    if not address:
        pytest.skip("CDP_TEST_POSTGRES names no server")
    psycopg2 = pytest.importorskip("psycopg2")
    connection = psycopg2.connect(address)
    with connection.cursor() as cursor:
        cursor.execute(query("postgres"))
        assert dict(zip(EXAMPLES, cursor.fetchone(), strict=True)) == expected()
    connection.close()


def test_the_types_are_what_the_text_says() -> None:
    values = {name: Term(kind, exp.column(name, "row_")) for name, (kind, _) in VALUES.items()}
    kinds = {text: formula_term(text, values, "duckdb").kind for text in EXAMPLES}
    named = {"orders / 2": "decimal", "weight + weight + weight > 0.3": "boolean"}
    assert kinds == {text: named.get(text, kind) for text, (kind, _) in EXAMPLES.items()}
    assert formula_term("as_of", values, "duckdb").kind == "timestamp"
