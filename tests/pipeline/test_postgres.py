"""The same project on PostgreSQL makes the same tables, first built and then incremental.

Runs where CDP_TEST_POSTGRES holds a connection string. dbt's own tests stay green on wrong
data more easily than one would think, so the rows themselves are compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cdp.project import Project, find_project
from cdp.warehouse import open_warehouse
from tests.postgres import connect, copy_raw, two_dialects
from tests.projects import COMPARED, build, compile_here, load, run

pytestmark = [pytest.mark.postgres, pytest.mark.slow]
AS_OF = '{"cdp_as_of": "2026-09-01 00:00:00"}'
REGULARS = """\
name: regulars
description: What features do not say.
who:
  any:
    - {did_regularly: Product Viewed, at_least: 3, of_last: 8 weeks}
    - sequence: [{did: Product Added}, {then_not: Order Completed, within: 1 month}]
    - {consent: marketing}
    - {did: Product Viewed, where: [{property: price, less_than: {trait: quiet}}]}
"""
QUIET = """\
traits:
  - {name: quiet, description: D., event: Order Completed, aggregate: days_since_last}
"""
TEXT_OF_JSON = {"properties", "traits", "context"}
"""PostgreSQL writes JSON text with other spaces and in another order of keys."""
LEFT_OUT = {"load_id", "entered_at", "profile_number", *TEXT_OF_JSON}


@pytest.fixture
def server() -> Iterator[Any]:
    connection = connect()
    yield connection
    connection.close()


def test_both_engines_make_the_same_tables(server: Any, store_data: Path, tmp_path: Path) -> None:
    project = two_dialects(tmp_path / "shop")
    (project.definitions / "audiences" / "regulars.yml").write_text(REGULARS)
    (project.definitions / "traits" / "quiet.yml").write_text(QUIET)
    compile_here(project)
    on_postgres = find_project(project.folder, "postgres")
    for source in ("web", "app"):
        load(project, source, [store_data / source])
        build(project, "--vars", AS_OF)
        copy_raw(project, server)
        if source == "web":
            build(on_postgres, "--vars", AS_OF)
            _overrule(project)
        else:
            run(on_postgres, "--vars", AS_OF)
    with open_warehouse(project, read_only=True) as warehouse, server.cursor() as cursor:
        for layer, tables in COMPARED.items():
            for table in tables:
                names, ours = warehouse.table(f"select * from {project.schema(layer)}.{table}")
                columns = [name for name in names if name not in LEFT_OUT]
                cursor.execute(
                    f"select {', '.join(columns)} from {on_postgres.schema(layer)}.{table}"
                )
                theirs = cursor.fetchall()
                kept = [index for index, name in enumerate(names) if name in columns]
                expected = [tuple(row[index] for index in kept) for row in ours]
                assert _sorted(theirs) == _sorted(expected), table
        cursor.execute(
            f"select rule from {on_postgres.schema('public')}.identity_decisions "
            "where rule like 'override%' or rule like 'never%' group by 1 order by 1"
        )
        rules = [rule for (rule,) in cursor.fetchall()]
        assert rules == ["never: an override", "override: an office"]


def _overrule(project: Project) -> None:
    """Two people are linked, two identifiers kept apart, the busiest e-mail address is blocked."""
    with open_warehouse(project, read_only=True) as warehouse:
        one, other = warehouse.rows(
            "select identifier_value from main.identity_graph where identifier_type = 'user_id' "
            "order by 1 limit 2"
        )
        email = warehouse.value(
            "select identifier_value from main_internal.int_identity__nodes "
            "where identifier_type = 'email' order by evidence_count desc, 1 limit 1"
        )
        user, browser = warehouse.rows(
            "select one.identifier_value, other.identifier_value "
            "from main_internal.int_identity__edges as edges "
            "inner join main.identity_graph as one on edges.source_id = one.identifier_id "
            "inner join main.identity_graph as other on edges.target_id = other.identifier_id "
            "where one.identifier_type = 'user_id' and other.identifier_type = 'anonymous_id' "
            "and one.canonical_profile_id = other.canonical_profile_id order by all desc limit 1"
        )[0]
    (project.definitions / "identity_overrides.yml").write_text(
        f"overrides:\n  - link: [{{user_id: {one[0]!r}}}, {{user_id: {other[0]!r}}}]\n"
        "    author: support\n    reason: one person\n"
        f"  - never: [{{user_id: {user!r}}}, {{anonymous_id: {browser!r}}}]\n"
        "    author: support\n    reason: not hers\n"
        f"  - block: {{email: {email!r}}}\n    author: support\n    reason: an office\n"
    )
    compile_here(project)


def _sorted(rows: list[tuple[Any, ...]]) -> list[tuple[str, ...]]:
    """Rows as texts, in one order; nested JSON, which engines write differently, as a mark."""
    return sorted(tuple(_text(value) for value in row) for row in rows)


def _text(value: Any) -> str:
    text = f"{value:.6f}" if isinstance(value, Decimal) else str(value)
    return "(json)" if text[:1] in "{[" and '"' in text else text
