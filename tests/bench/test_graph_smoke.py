"""The graph benchmark runs, and knows right components from wrong ones. Nothing of speed."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from bench.graph.check import judge
from bench.graph.report import print_report, write_results
from bench.graph.run import Task, measure
from bench.graph.shapes import SHAPES, Shape, make_graph

CHAINS = SHAPES[2]


@pytest.mark.slow
def test_ours_are_right_and_labels_that_move_a_few_hops_are_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sides = ("ours", "scipy", "three_hops", "min_label")
    task = Task(shapes=(CHAINS,), sides=sides, edges=3_000, repeat=1, memory_gb=1)
    runs = measure(task)
    right = {run.side: run.verdict.is_right for run in runs if run.verdict}
    assert right == {"ours": True, "scipy": True, "three_hops": False, "min_label": False}
    print_report(task, runs)
    assert "| chains_of_1000 | 3,004 | min_label (20 rounds) |" in capsys.readouterr().out
    written = json.loads(write_results(tmp_path, task, runs).read_text())
    assert set(written["ratios"]["chains_of_1000"]) == {"to scipy"}


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_a_shape_has_the_edges_asked_for(tmp_path: Path, shape: Shape) -> None:

    path = tmp_path / "graph.duckdb"
    identifiers = make_graph(path, shape, 5_000, text=True)
    with duckdb.connect(str(path), read_only=True) as connection:
        found = connection.execute(
            "select count(*), count(distinct (source_id, target_id)), max(length(source_id)) "
            "from main_internal.int_identity__edges where source_id <> target_id"
        ).fetchone()
    assert found == (5_000, 5_000, 36)
    assert 5_000 < identifiers < 7_500


def test_a_split_or_doubled_component_is_not_right(tmp_path: Path) -> None:
    tables = {"truth": "(1, 1), (2, 1), (3, 3)", "found": "(1, 7), (2, 8), (3, 9), (3, 7)"}
    for name, rows in tables.items():
        with duckdb.connect(str(tmp_path / f"{name}.duckdb")) as connection:
            connection.execute(
                f"create table result as select * from (values {rows}) as t "
                "(identifier_id, component_id)"
            )
    truth = tmp_path / "truth.duckdb", "result"
    assert judge(truth, truth).is_right
    verdict = judge((tmp_path / "found.duckdb", "result"), truth)
    assert (verdict.components, verdict.true_components, verdict.right) == (3, 2, 1)
    assert not verdict.is_right
