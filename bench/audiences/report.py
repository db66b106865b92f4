"""The figures as tables for a person and as JSON for later."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from bench.audiences.definitions import REPRESENTATIVES
from bench.audiences.run import Runs, Task
from bench.audiences.side import ALONE, BY_HAND, OPTIMAL, QUERY, THREADS, TOGETHER
from bench.measure import Phases
from bench.report import machine, table, write_json

SLOWEST = 5


def seconds(runs: Sequence[Phases]) -> float:
    """The median of a side's runs."""
    return median(float(run.notes["seconds"]) for run in runs)


def ratios(runs: Runs) -> dict[str, float]:
    """The figures that goals are set for."""
    together = seconds(runs.sides[TOGETHER])
    alone = [seconds(runs.sides[f"{ALONE} {one.name}"]) for one in REPRESENTATIVES]
    by_hand = seconds(runs.sides[BY_HAND])
    found = {
        "by hand / together": by_hand / together,
        "together / a query by hand, on average": together * _count(runs) / by_hand,
        "together / one alone, the median of three": together / median(alone),
    }
    for one, ours in zip(REPRESENTATIVES, alone, strict=True):
        best = seconds(runs.sides[f"{OPTIMAL} {one.name}"])
        query = seconds(runs.sides[f"{QUERY} {one.name}"])
        found[f"{one.name}: ours as one query / best by hand"] = query / best
        found[f"{one.name}: ours alone, as tables / best by hand"] = ours / best
    return found


def print_report(task: Task, runs: Runs) -> None:
    """Tables, as Markdown, to stdout."""
    lines = [
        f"{sum(runs.rows.values()):,} events of {task.people:,} profiles, {task.audiences} "
        f"audiences with {runs.members:,} members; {THREADS} threads, DuckDB may use "
        f"{task.memory_gb} GB; median of {task.repeat}; "
        + ", ".join(f"{name} {value}" for name, value in machine().items()),
        "",
        *table(
            ("side", "seconds", "of processor", "peak, MB"),
            [
                (side, f"{seconds(found):.2f}", f"{_cpu(found):.2f}", f"{_peak(found):,.0f}")
                for side, found in runs.sides.items()
            ],
        ),
        "",
        *table(("ratio", "times"), [(name, f"{one:.2f}") for name, one in ratios(runs).items()]),
        "",
        *table(
            ("slowest by hand", "seconds"),
            [(step.name, f"{step.wall_s:.2f}") for step in _slowest(runs)],
        ),
    ]
    if runs.compile_s:
        timed = [(name, f"{median(one):.2f}") for name, one in runs.compile_s.items()]
        lines += ["", *table((f"{task.definitions} definitions", "seconds"), timed)]
    sys.stdout.write("\n".join(lines) + "\n")


def write_results(folder: Path, task: Task, runs: Runs) -> Path:
    """Everything that was measured, in a file named for the time."""
    found = {"task": asdict(task), "ratios": ratios(runs), "runs": asdict(runs)}
    return write_json(folder, "audiences-", found)


def _count(runs: Runs) -> int:
    return len(runs.sides[BY_HAND][0].steps)


def _cpu(runs: Sequence[Phases]) -> float:
    """The median of the processor's seconds, which say more where others use it too."""
    return median(sum(step.cpu_s for step in run.steps) for run in runs)


def _peak(runs: Sequence[Phases]) -> float:
    return max(step.peak_mb for run in runs for step in run.steps)


def _slowest(runs: Runs) -> list[Any]:
    steps = runs.sides[BY_HAND][0].steps
    return sorted(steps, key=lambda step: -step.wall_s)[:SLOWEST]
