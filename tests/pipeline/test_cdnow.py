"""69,659 real purchases through a column mapping: every sum to the cent."""

from __future__ import annotations

import random
import shutil
from decimal import Decimal
from pathlib import Path

import pytest

from cdp.project import Project, find_project
from cdp.scaffold import create_project
from cdp.warehouse import open_warehouse
from tests.projects import build, compile_here, fingerprints, load

SEED = 19_970_101
SOURCES = """\
sources:
  - name: cdnow
    description: Purchases of the CDNOW shop
    table:
      delimiter: whitespace
      message:
        type: track
        event: Order Completed
        user_id: {column: customer_id}
        timestamp: {column: date, format: "%Y%m%d"}
        properties:
          quantity: {column: number_of_cds, type: integer}
          revenue: {column: dollar_value, type: number}
"""
TRAITS = """\
traits:
  - name: orders
    description: Of CDs.
    event: Order Completed
    aggregate: count
  - name: cds
    description: Of CDs.
    event: Order Completed
    aggregate: sum
    property: quantity
  - name: dollars
    description: Of CDs.
    event: Order Completed
    aggregate: sum
    property: revenue
  - name: mean_dollars
    description: Of CDs.
    event: Order Completed
    aggregate: average
    property: revenue
  - name: first_dollars
    description: Of CDs.
    event: Order Completed
    aggregate: first
    property: revenue
    type: decimal
  - name: last_dollars
    description: Of CDs.
    event: Order Completed
    aggregate: last
    property: revenue
    type: decimal
  - name: usual_quantity
    description: Of CDs.
    event: Order Completed
    aggregate: most_frequent
    property: quantity
"""


@pytest.mark.slow
def test_the_totals_are_those_of_the_file(one_file: Project) -> None:
    with open_warehouse(one_file, read_only=True) as warehouse:
        assert warehouse.rows(
            "select count(*), sum(orders), sum(cds), sum(dollars) from main.computed_traits"
        ) == [(23_570, 69_659, Decimal(167_881), Decimal("2500315.63"))]
        assert warehouse.value("select count(*) from main.profiles") == 23_570


@pytest.mark.slow
def test_thirty_shuffled_files_give_the_same_profiles_and_traits(
    one_file: Project, cdnow_file: Path, tmp_path: Path
) -> None:
    print(f"seed {SEED}")
    header, *rows = cdnow_file.read_text().splitlines(keepends=True)
    random.Random(SEED).shuffle(rows)
    files = []
    for number in range(30):
        file = tmp_path / f"part-{number:02}.txt"
        file.write_text(header + "".join(rows[number::30]))
        files.append(file)
    project = _purchases_project(tmp_path / "shuffled")
    load(project, "cdnow", files)
    build(project)
    # A row without an id is identified by its file and line, so events differ, people not.
    with open_warehouse(one_file, read_only=True) as warehouse:
        expected = fingerprints(one_file, warehouse)
    with open_warehouse(project, read_only=True) as warehouse:
        found = fingerprints(project, warehouse)
    for table in ("identity_graph", "profile_merges", "profiles", "computed_traits"):
        assert found[table] == expected[table], table


@pytest.fixture(scope="module")
def one_file(tmp_path_factory: pytest.TempPathFactory, cdnow_file: Path) -> Project:
    """The purchases loaded as the one file that they come in."""
    project = _purchases_project(tmp_path_factory.mktemp("cdnow") / "one")
    load(project, "cdnow", [cdnow_file])
    build(project)
    return project


def _purchases_project(folder: Path) -> Project:
    create_project(folder)
    definitions = folder / "definitions"
    for name in ("traits", "audiences", "syncs"):
        shutil.rmtree(definitions / name)
        (definitions / name).mkdir()
    (definitions / "sources.yml").write_text(SOURCES)
    (definitions / "traits" / "purchases.yml").write_text(TRAITS)
    project = find_project(folder)
    compile_here(project)
    return project
