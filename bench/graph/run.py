"""Running the sides on the shapes, alternately, and judging what they give.

Ours and scipy run as often as asked; the peers once. A peer is stopped at a limit. Scipy's
first components are the truth that all others are compared with.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.graph import side as one_side
from bench.graph.check import Verdict, judge
from bench.graph.shapes import Shape, make_graph
from bench.measure import Phases, read_phases

SCIPY = "scipy"
SPLINK = "splink"
REPEATED = (one_side.OURS, SCIPY)
SIDES = (*REPEATED, SPLINK, "three_hops", "min_label")


class WrongComponentsError(AssertionError):
    """Our components are not scipy's."""


@dataclass(frozen=True)
class Task:
    """What to measure. `splink` is a Python that has Splink; without it that peer is left out."""

    shapes: tuple[Shape, ...]
    sides: tuple[str, ...]
    edges: int
    repeat: int = 3
    text: bool = False
    memory_gb: int = 5
    limit_s: int = 900
    splink: str | None = None


@dataclass(frozen=True)
class Run:
    """One side on one shape. Without phases it was stopped at the limit."""

    shape: str
    identifiers: int
    side: str
    phases: Phases | None
    verdict: Verdict | None


def measure(task: Task) -> list[Run]:
    """All sides on all shapes.

    Raises WrongComponentsError when ours are not scipy's.
    """
    runs = []
    for shape in task.shapes:
        with tempfile.TemporaryDirectory(prefix="cdp-graph-") as name:
            folder = Path(name)
            identifiers = make_graph(folder / "made.duckdb", shape, task.edges, text=task.text)
            for side in _turns(task):
                run = _run(task, shape, identifiers, side, folder)
                if side == one_side.OURS and not (run.verdict and run.verdict.is_right):
                    raise WrongComponentsError(f"{shape.name}: {run.verdict}")
                runs.append(run)
    return runs


def _turns(task: Task) -> Iterator[str]:
    """Scipy first: the others are compared with it."""
    yield SCIPY
    for number in range(task.repeat):
        if one_side.OURS in task.sides:
            yield one_side.OURS
        if number:
            yield SCIPY
    for side in task.sides:
        if side not in REPEATED and (side != SPLINK or task.splink):
            yield side


def _run(task: Task, shape: Shape, identifiers: int, side: str, folder: Path) -> Run:
    place = folder / side
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    shutil.copy(folder / "made.duckdb", place / one_side.GRAPH)
    python = task.splink if side == SPLINK and task.splink else sys.executable
    words = [python, "-m", one_side.__name__, side, str(place), str(task.memory_gb)]
    root = Path(__file__).parent.parent.parent
    limit = None if side in REPEATED else task.limit_s
    try:
        subprocess.run(words, check=True, cwd=root, timeout=limit)
    except subprocess.TimeoutExpired:
        shutil.rmtree(place)
        return Run(shape.name, identifiers, side, None, None)
    truth = folder / "truth.duckdb"
    if side == SCIPY and not truth.exists():
        shutil.copy(place / one_side.GRAPH, truth)
    found = place / one_side.GRAPH, one_side.TABLES.get(side, "result")
    run = Run(
        shape.name,
        identifiers,
        side,
        read_phases(place / one_side.RESULT),
        judge(found, (truth, "result")),
    )
    shutil.rmtree(place)
    return run
