"""PostgreSQL keeps what the oracle says, under the same rules.

Runs where CDP_TEST_POSTGRES holds a connection string.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import pytest

from cdp.project import find_project
from tests.postgres import SCHEMA, connect, copy_raw, two_dialects
from tests.profiles.calls import declare_sources, generate_calls, load_calls, told
from tests.profiles.test_survivorship import (
    CHANGES,
    EXPECTED,
    MODELS,
    RULES,
    SEED,
    TRAITS_HELD,
    changes_of,
    traits_of,
    write_rules,
)
from tests.projects import lift_limits, run

pytestmark = pytest.mark.postgres
CASES = 200


@pytest.fixture
def server() -> Iterator[Any]:
    connection = connect()
    yield connection
    connection.close()


def test_postgres_keeps_what_the_oracle_says(server: Any, tmp_path: Path) -> None:
    print(f"seed {SEED}")
    random = Random(SEED)
    calls = [call for number in range(CASES) for call in generate_calls(random, number)]
    project = two_dialects(tmp_path / "shop")
    declare_sources(project)
    lift_limits(project)
    write_rules(project, RULES)
    load_calls(project, tmp_path / "calls", calls)
    copy_raw(project, server)
    run(find_project(project.folder, "postgres"), "--select", *MODELS)
    expected = told(calls)
    with server.cursor() as cursor:
        cursor.execute(TRAITS_HELD.replace("main.", f"{SCHEMA}."))
        assert _counted(cursor.fetchall()) == Counter(traits_of(EXPECTED, expected))
        cursor.execute(CHANGES.replace("main.", f"{SCHEMA}."))
        assert _counted(cursor.fetchall()) == Counter(changes_of(EXPECTED, expected))


def _counted(rows: list[tuple[Any, ...]]) -> Counter[tuple[Any, ...]]:
    """Rows as DuckDB gives them: ids as UUIDs, JSON without the spaces that jsonb puts in."""
    return Counter(
        tuple(UUID(value) if number == 0 else _compact(value) for number, value in enumerate(row))
        for row in rows
    )


def _compact(value: Any) -> Any:
    is_json = isinstance(value, str) and value[:1] in "[{"
    return value.replace(": ", ":").replace(", ", ",") if is_json else value
