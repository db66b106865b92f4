"""The models print for Spark what they mean: the oracle's cases in a local session.

Runs where pyspark and a Java are installed.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp

from cdp.catalogue import Catalogue
from cdp.sql.expressions import applied, checked
from cdp.sql.text import sql_text
from tests.audiences import spark_warehouse, stub_warehouse
from tests.audiences.random_trees import TRAITS, Batch
from tests.audiences.strategies import Case, cases
from tests.audiences.test_oracle import PROFILE, shown
from tests.audiences.tree_oracle import Trees
from tests.definitions import catalogue_of
from tests.identity.test_expressions import COMPUTED
from tests.traits import test_formulas as formulas
from tests.traits import test_tables as tables
from tests.traits.test_aggregates import crowded

# Spark's own sockets and files are closed when it likes.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::ResourceWarning")]


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    pytest.importorskip("pyspark", reason="pyspark is not installed")
    if shutil.which("java") is None:
        pytest.skip("there is no Java to run Spark")
    found = spark_warehouse.start(tmp_path_factory.mktemp("spark"))
    yield found
    found.stop()


def members(session: Any) -> set[tuple[str, str]]:
    """Every audience with every member."""
    return {tuple(row) for row in session.table("int_audiences__members").collect()}


@settings(PROFILE, max_examples=3)
@given(case=cases(), setting=st.sampled_from(spark_warehouse.SESSIONS))
def test_spark_gives_what_the_oracle_says(
    session: Any, case: Case, setting: tuple[str, str]
) -> None:
    check(session, case, setting)


@settings(PROFILE, max_examples=2)
@given(case=crowded(), setting=st.sampled_from(spark_warehouse.SESSIONS))
def test_spark_gives_every_aggregate_that_the_oracle_says(
    session: Any, case: Case, setting: tuple[str, str]
) -> None:
    check(session, case, setting)


def check(session: Any, case: Case, setting: tuple[str, str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world, found = case.read(Path(folder))
    spark_warehouse.arrange(session, *setting)
    spark_warehouse.build(session, world, found)
    rows = {row[0]: row.asDict() for row in session.table("computed_traits").collect()}
    for profile in world.profiles:
        row = rows[str(stub_warehouse.identifier(profile))]
        expected = {name: shown(world.trait(profile, one)) for name, one in found.traits.items()}
        assert {name: shown(row[name]) for name in expected} == expected
    assert members(session) == {
        (name, str(stub_warehouse.identifier(one)))
        for name, audience in found.audiences.items()
        for one in world.members(audience)
    }


@pytest.mark.parametrize(
    ("seed", "setting"), list(zip((900, 901), spark_warehouse.SESSIONS, strict=True))
)
def test_spark_gives_what_the_oracle_of_trees_says(
    session: Any, seed: int, setting: tuple[str, str], tmp_path: Path
) -> None:
    batch = Batch(seed, 30)
    case = Case(TRAITS, batch.audiences, batch.profiles, batch.events)
    world, found = case.read(tmp_path)
    spark_warehouse.arrange(session, *setting)
    spark_warehouse.build(session, world, found)
    trees = Trees(world, {one["name"]: one for one in batch.audiences})
    given_ = members(session)
    for name in found.audiences:
        expected = {str(stub_warehouse.identifier(one)) for one in trees.members(name)}
        assert {one for audience, one in given_ if audience == name} == expected, f"{seed}: {name}"


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    """The definitions of traits over tables."""
    files = {"identity.yml": tables.IDENTITY, "traits/tables.yml": tables.TRAITS}
    return catalogue_of(tmp_path_factory.mktemp("tables"), files)


@settings(PROFILE, max_examples=3)
@given(found=tables.rows(), setting=st.sampled_from(spark_warehouse.SESSIONS))
def test_traits_over_tables_give_the_same_on_spark(
    session: Any, catalogue: Catalogue, found: tables.Rows, setting: tuple[str, str]
) -> None:
    world = tables.world_of(found, catalogue)
    spark_warehouse.arrange(session, *setting)
    spark_warehouse.build(session, world, catalogue, tables.stubs(found))
    traits = session.table("computed_traits")
    tables.compare(traits.collect(), traits.columns, world)


@settings(PROFILE, max_examples=15)
@given(asked=formulas.ANY, setting=st.sampled_from(spark_warehouse.SESSIONS))
def test_a_formula_gives_the_same_on_spark(
    session: Any, asked: formulas.Asked, setting: tuple[str, str]
) -> None:
    spark_warehouse.arrange(session, *setting)
    formulas.compare(lambda text: session.sql(text).collect(), asked, "spark")


def test_an_expression_of_identity_computes_the_same_on_spark(session: Any) -> None:
    for sql, value, expected in COMPUTED:
        tree = applied(checked(sql), exp.column("given", "row"), "spark")
        given_row = session.createDataFrame([(value,)], "given string")
        given_row.createOrReplaceTempView("row")
        found = session.sql(f"select {sql_text(tree, 'spark')} from row").collect()
        assert [tuple(one) for one in found] == [(expected,)], sql
