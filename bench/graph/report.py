"""The table of the graph benchmark, and its file."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median

from bench.graph.run import SCIPY, Run, Task
from bench.graph.shapes import STORE
from bench.graph.side import OURS, THREADS
from bench.report import machine, table, write_json


def seconds(runs: Sequence[Run], shape: str, side: str) -> float | None:
    """The median of a side on a shape; None where it was stopped or did not run."""
    found = [
        float(run.phases.notes["seconds"])
        for run in runs
        if run.shape == shape and run.side == side and run.phases
    ]
    return median(found) if found else None


def ratios(task: Task, runs: Sequence[Run]) -> dict[str, dict[str, float]]:
    """Per shape: our seconds in those of scipy, and in our own on the store-like shape."""
    found: dict[str, dict[str, float]] = {}
    store = seconds(runs, STORE.name, OURS)
    for shape in (one.name for one in task.shapes):
        ours, scipy = seconds(runs, shape, OURS), seconds(runs, shape, SCIPY)
        if ours is not None and scipy:
            found[shape] = {"to scipy": ours / scipy}
            if store:
                found[shape]["to the store-like shape"] = ours / store
    return found


def print_report(task: Task, runs: Sequence[Run]) -> None:
    """Two tables, as Markdown, to stdout."""
    keys = "texts of 36 characters" if task.text else "UUIDs"
    lines = [
        f"{task.edges:,} edges, keys are {keys}; {THREADS} threads, DuckDB may use "
        f"{task.memory_gb} GB; median of {task.repeat} (peers: one run, at most "
        f"{task.limit_s} s); " + ", ".join(f"{name} {value}" for name, value in machine().items()),
        "",
        *table(
            ("shape", "identifiers", "side", "seconds", "peak, MB", "components", "of them right"),
            [_row(task, runs, shape, side) for shape, side in _pairs(runs)],
        ),
        "",
        *table(
            ("shape", "ours / scipy", "ours / ours on the store-like shape"),
            [
                (shape, *(f"{one:.2f}" for one in found.values()))
                for shape, found in ratios(task, runs).items()
            ],
        ),
    ]
    sys.stdout.write("\n".join(lines) + "\n")


def write_results(folder: Path, task: Task, runs: Sequence[Run]) -> Path:
    """Everything that was measured, in a file named for the time."""
    asked = {name: value for name, value in vars(task).items() if name not in ("shapes", "splink")}
    found = {"task": asked, "ratios": ratios(task, runs), "runs": [asdict(run) for run in runs]}
    return write_json(folder, "graph-", found)


def _pairs(runs: Sequence[Run]) -> list[tuple[str, str]]:
    return list(dict.fromkeys((run.shape, run.side) for run in runs))


def _row(task: Task, runs: Sequence[Run], shape: str, side: str) -> tuple[str, ...]:
    same = [run for run in runs if (run.shape, run.side) == (shape, side)]
    spent = seconds(runs, shape, side)
    identifiers = f"{same[0].identifiers:,}"
    if spent is None:
        return shape, identifiers, side, f"over {task.limit_s}", "", "", ""
    peak = max(max(step.peak_mb for step in run.phases.steps) for run in same if run.phases)
    verdict = same[0].verdict
    assert verdict is not None
    right = "all" if verdict.is_right else f"{verdict.right / verdict.true_components:.1%}"
    rounds = same[0].phases.notes.get("rounds") if same[0].phases else None
    named = f"{side} ({rounds} rounds)" if rounds else side
    return (
        shape,
        identifiers,
        named,
        f"{spent:.2f}",
        f"{peak:,.0f}",
        f"{verdict.components:,}",
        right,
    )
