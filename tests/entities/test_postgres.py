"""Accounts and entities on PostgreSQL are what plain Python finds, built and then incremental."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest

from cdp.project import find_project
from tests.entities import oracle, tables
from tests.entities.test_oracle import SELECTED
from tests.postgres import SCHEMA, connect, copy_raw, two_dialects
from tests.projects import compile_here, lift_limits, load, run

pytestmark = pytest.mark.postgres
SEED = 1_618


def test_batches_give_what_plain_python_finds(tmp_path: Path) -> None:
    print(f"seed {SEED}")
    server = connect()
    project = two_dialects(tmp_path / "shop")
    lift_limits(project)
    (project.definitions / "entities").mkdir(exist_ok=True)
    (project.definitions / "entities" / "household.yml").write_text(oracle.DEFINITION)
    compile_here(project)
    world = oracle.generate_world(Random(SEED), people=120, count=900)
    for number, batch in enumerate((world[::2], world[1::2])):
        file = tmp_path / f"{number}.ndjson"
        file.write_text(oracle.lines(batch, str(number)))
        load(project, "web", [file])
        copy_raw(project, server)
        run(find_project(project.folder, "postgres"), "--select", *SELECTED)

    def ask(question: str) -> list[tuple[Any, ...]]:
        with server.cursor() as cursor:
            cursor.execute(question)
            return list(cursor.fetchall())

    assert tables.found(ask, SCHEMA) == tables.expected(world)
    server.close()
