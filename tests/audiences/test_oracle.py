"""The compiled SQL and the plain-Python oracle give the same traits and members."""

from __future__ import annotations

import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.audiences import stub_warehouse
from tests.audiences.oracle import World
from tests.audiences.strategies import Case, Definitions, cases

# The same cases on every run; shrinking a failure takes minutes, so it is left out.
PROFILE = settings(
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def evaluate(case: Case) -> tuple[World, Definitions, duckdb.DuckDBPyConnection]:
    """The case's definitions read, compiled and run on DuckDB."""
    with tempfile.TemporaryDirectory() as folder:
        world, found = case.read(Path(folder))
        connection = duckdb.connect(":memory:")
        # Whatever the session's zone is, text without one means UTC.
        connection.execute("set timezone = 'Asia/Tokyo'")
        stub_warehouse.build(connection.execute, world, found, "duckdb")
    return world, found, connection


def shown(value: Any) -> Any:
    """Numbers of all kinds as decimals, lists as tuples."""
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        return Decimal(str(value)).quantize(Decimal("0.000001"))
    return tuple(value) if isinstance(value, list) else value


def compare(case: Case) -> None:
    """Every trait and every audience of a case, compiled and run, against the oracle."""
    world, found, connection = evaluate(case)
    with connection:
        for trait in found.traits.values():
            rows = connection.execute(
                f"select canonical_profile_id, {trait.name} from computed_traits"  # noqa: S608 (a checked name)
            ).fetchall()
            expected = {
                (stub_warehouse.identifier(one), shown(world.trait(one, trait)))
                for one in world.profiles
            }
            assert {(key, shown(value)) for key, value in rows} == expected, trait
        for audience in found.audiences.values():
            rows = connection.execute(f"from audience__{audience.name}").fetchall()
            expected_ids = sorted(map(stub_warehouse.identifier, world.members(audience)))
            assert sorted(row[0] for row in rows) == expected_ids, audience


@settings(PROFILE, max_examples=80)
@given(cases())
def test_compiled_traits_and_audiences_mean_what_the_oracle_says(case: Case) -> None:
    compare(case)


@pytest.mark.slow
@settings(PROFILE, max_examples=500)
@given(cases())
def test_many_more_cases_mean_what_the_oracle_says(case: Case) -> None:
    compare(case)


@settings(PROFILE, max_examples=15)
@given(cases())
def test_a_condition_and_its_negation_partition_the_eligible_profiles(case: Case) -> None:
    opposites = [
        one | {"name": f"not_{one['name']}", "who": {"not": one["who"]}} for one in case.audiences
    ]
    both = Case(case.traits, [*case.audiences, *opposites], case.profiles, case.events)
    world, found, connection = evaluate(both)
    with connection:
        for one in case.audiences:
            eligible = [
                stub_warehouse.identifier(profile.id)
                for profile in world.profiles.values()
                if one["include_anonymous"] or not profile.is_anonymous
            ]
            rows = connection.execute(
                f"from audience__{one['name']} union all from audience__not_{one['name']}"
            ).fetchall()
            assert sorted(row[0] for row in rows) == sorted(eligible)
