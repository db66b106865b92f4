"""Random formulas give what plain Python makes of them, on DuckDB and on PostgreSQL.

Products and quotients are doubles on DuckDB: beside the exact fractions of the oracle
they may differ behind the fifteenth digit.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp, select

from cdp.project import DIALECTS
from cdp.sql.engines import cast
from cdp.sql.formulas import formula_term
from cdp.sql.terms import Term, Terms
from cdp.sql.text import sql_text
from cdp.traits.compile import compile_traits
from tests.audiences.test_oracle import PROFILE
from tests.definitions import catalogue_of
from tests.traits.formulas import HUGE, KINDS, ROWS, Formula, booleans, exact, numbers, texts

ANY = st.lists(
    st.one_of(
        st.tuples(st.just("decimal"), numbers(3)),
        st.tuples(st.just("integer"), numbers(2)),
        st.tuples(st.just("boolean"), booleans(2)),
        st.tuples(st.just("string"), texts(2)),
    ),
    min_size=10,
    max_size=20,
)
Asked = list[tuple[str, Formula]]


def query(asked: Asked, dialect: str) -> str:
    """Every formula over every row, as literals of a common table expression."""
    values = {name: Term(kind, exp.column(name, "rows_")) for name, kind in KINDS.items()}
    shown = [
        Terms(dialect).shown_as(formula_term(one.text, values, dialect), kind)
        for kind, one in asked
    ]
    rows = [
        select(*(_constant(row[name], kind, dialect).as_(name) for name, kind in KINDS.items()))
        for row in (*ROWS, HUGE)
    ]
    table = exp.union(*rows, distinct=False)
    return sql_text(select(*shown).from_("rows_").with_("rows_", as_=table), dialect)


def _constant(value: Any, kind: str, dialect: str) -> exp.Expr:
    text = None if value is None else str(value).lower() if kind == "boolean" else str(value)
    return cast(exp.null() if text is None else exp.Literal.string(text), kind, dialect)


def expected(kind: str, one: Formula, row: dict[str, Any]) -> Any:
    value = one.meaning(row)
    if kind in ("boolean", "string") or value is None:
        return value
    number = exact(value)
    if kind == "integer" and number is not None:
        number = exact(Fraction(int(abs(number) + Decimal("0.5")) * (1 if number >= 0 else -1)))
        return None if number is None or abs(number) >= 2**63 else number
    return number


def same(found: Any, wanted: Any, kind: str) -> bool:
    if found is None or wanted is None or kind in ("boolean", "string"):
        return bool(found == wanted)
    step = Decimal(1) if kind == "integer" else Decimal("0.000001")
    return abs(Decimal(found) - wanted) <= max(step, abs(wanted) * Decimal("1e-14"))


def compare(run: Callable[[str], Iterable[Any]], asked: Asked, dialect: str) -> None:
    *results, _ = run(query(asked, dialect))
    for row, found in zip(ROWS, results, strict=True):
        for (kind, one), value in zip(asked, found, strict=True):
            wanted = expected(kind, one, row)
            assert same(value, wanted, kind), (one.text, row, value, wanted)


@settings(PROFILE, max_examples=25)
@given(ANY)
def test_a_formula_gives_what_python_makes_of_it(asked: Asked) -> None:
    with duckdb.connect() as connection:
        compare(lambda text: connection.execute(text).fetchall(), asked, "duckdb")


@pytest.mark.slow
@settings(PROFILE, max_examples=500)
@given(ANY)
def test_many_more_formulas_give_what_python_makes_of_them(asked: Asked) -> None:
    with duckdb.connect() as connection:
        compare(lambda text: connection.execute(text).fetchall(), asked, "duckdb")


@pytest.mark.postgres
@settings(PROFILE, max_examples=25)
@given(asked=ANY)
def test_a_formula_gives_the_same_on_postgres(asked: Asked) -> None:
    address = os.environ.get("CDP_TEST_POSTGRES")
    if not address:
        pytest.skip("CDP_TEST_POSTGRES names no server")
    psycopg2 = pytest.importorskip("psycopg2")
    connection = psycopg2.connect(address)
    with connection.cursor() as cursor:

        def run(text: str) -> Iterable[Any]:
            cursor.execute(text)
            return cursor.fetchall()

        compare(run, asked, "postgres")
    connection.close()


def test_formulas_of_formulas_are_typed_and_shown_with_their_defaults(tmp_path: Path) -> None:
    traits = """\
traits:
  - {name: worth, description: D., formula: "coalesce(per_order, 0) * 2"}
  - {name: per_order, description: D., formula: "spent / orders", default: 5, eligible: known}
  - {name: orders, description: D., event: E, aggregate: count}
  - {name: spent, description: D., event: E, aggregate: sum, property: revenue}
  - {name: some_orders, description: D., formula: "orders - 1"}
"""
    audience = "name: rich\ndescription: D.\nwho: {trait: worth, greater_than: 9}\n"
    catalogue = catalogue_of(tmp_path, {"traits/a.yml": traits, "audiences/rich.yml": audience})
    assert {name: one.type for name, one in catalogue.traits.items()} == {
        "worth": "decimal",
        "per_order": "decimal",
        "orders": "integer",
        "spent": "decimal",
        "some_orders": "integer",
    }
    with duckdb.connect() as connection:
        connection.execute(
            "create table int_features as select * from (values (1, false, 0, null), "
            "(2, false, 4, 10), (3, true, 4, 10)) as t "
            "(canonical_profile_id, is_anonymous, e__count, e__sum_revenue)"
        )
        connection.execute("alter table int_features alter e__sum_revenue type decimal(38, 6)")
        bodies = {one.name: one.body("duckdb") for one in compile_traits(catalogue)}
        rows = connection.execute(
            f"select worth, per_order from ({sql_text(bodies['traits__a'], 'duckdb')}) order by all"
        ).fetchall()
    assert rows == [(0, None), (5, Decimal("2.5")), (10, 5)]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_longest_formulas_are_printed(dialect: str, tmp_path: Path) -> None:
    """What the checks let through, the printer's recursion must survive."""
    chain = [
        f'  - {{name: f{i}, description: D., formula: "f{i - 1} / (n + {i})", default: 1}}'
        for i in range(1, 14)
    ]
    traits = [
        "traits:",
        "  - {name: n, description: D., event: E, aggregate: sum, property: p}",
        "  - {name: f0, description: D., event: E, aggregate: sum, property: p}",
        f'  - {{name: deep, description: D., formula: "{" / ".join(["n"] * 39)}"}}',
        *chain,
    ]
    catalogue = catalogue_of(tmp_path, {"traits/a.yml": "\n".join(traits)})
    for model in compile_traits(catalogue):
        assert sql_text(model.body(dialect), dialect)
