"""The tables of the syncs' benchmarks, and their files."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from bench.measure import Phases
from bench.report import machine, table, write_json

if TYPE_CHECKING:
    from bench.syncs.send import Run

RESULTS = Path(__file__).parent.parent / "results"


def seconds(phases: Phases) -> float:
    return sum(step.wall_s for step in phases.steps)


def rate(runs: Sequence[Run], side: str) -> float | None:
    """Rows a second, the median of a side's runs."""
    found = [run.got["rows"] / seconds(run.phases) for run in runs if run.side == side]
    return median(found) if found else None


def ratios(runs: Sequence[Run]) -> dict[str, float]:
    """Our rate in that of each other side."""
    ours = rate(runs, "ours")
    others = dict.fromkeys(run.side for run in runs if run.side != "ours")
    rates = {side: rate(runs, side) for side in others}
    return {f"ours / {side}": ours / one for side, one in rates.items() if ours and one}


def print_report(given: argparse.Namespace, runs: Sequence[Run]) -> None:
    """Markdown, to stdout."""
    sides = list(dict.fromkeys(run.side for run in runs))
    lines = [
        f"{given.rows:,} rows; median of {given.repeat} (drt: one run of {given.drt_rows:,}); "
        + ", ".join(f"{name} {value}" for name, value in machine().items()),
        "",
        *table(
            ("side", "rows a second", "seconds", "of processor", "peak over the start, MB"),
            [_row(runs, side) for side in sides],
        ),
        "",
        *table(
            ("our steps", "seconds", "of processor", "peak over the start, MB"),
            _steps([run for run in runs if run.side == "ours"]),
        ),
        "",
        *table(("ratio of rates", ""), [(k, f"{v:.2f}") for k, v in ratios(runs).items()]),
    ]
    sys.stdout.write("\n".join(lines) + "\n")


def _row(runs: Sequence[Run], side: str) -> tuple[str, ...]:
    same = [run.phases for run in runs if run.side == side]
    spent = rate(runs, side)
    return (
        side,
        f"{spent:,.0f}",
        f"{median(seconds(one) for one in same):.2f}",
        f"{median(sum(step.cpu_s for step in one.steps) for one in same):.2f}",
        f"{max(_over_start(one) for one in same):,.0f}",
    )


def _over_start(phases: Phases) -> float:
    return max(step.peak_mb for step in phases.steps) - float(phases.notes["start_mb"])


def _steps(runs: Sequence[Run]) -> list[tuple[str, ...]]:
    steps = [[run.phases.steps[i] for run in runs] for i in range(len(runs[0].phases.steps))]
    start = max(float(run.phases.notes["start_mb"]) for run in runs)
    return [
        (
            same[0].name,
            f"{median(one.wall_s for one in same):.2f}",
            f"{median(one.cpu_s for one in same):.2f}",
            f"{max(one.peak_mb for one in same) - start:,.0f}",
        )
        for same in steps
    ]


def write_results(given: argparse.Namespace, runs: Sequence[Run]) -> Path:
    """Everything that was measured, in a file named for the time."""
    asked = {name: value for name, value in vars(given).items() if name != "drt"}
    found = {"ratios": ratios(runs), "runs": [asdict(run) for run in runs]}
    return write_json(RESULTS, "syncs-send-", {"asked": asked, **found})
