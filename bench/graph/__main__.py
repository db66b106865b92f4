"""Components of ten million edges: our contraction, a round trip through scipy, and peers.

Run it: python -m bench.graph [--edges N] [--repeat N] [--shapes ...] [--sides ...] [--text]
[--splink PYTHON]. Makes the graphs (not counted), runs the sides alternately in processes
of their own, compares every side's components with scipy's, prints a table and writes
bench/results/graph-<time>.json.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.graph.report import print_report, write_results
from bench.graph.run import SIDES, Task, measure
from bench.graph.shapes import SHAPES

RESULTS = Path(__file__).parent.parent / "results"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edges", type=int, default=10_000_000, help="of every shape")
    parser.add_argument("--repeat", type=int, default=3, help="runs of ours and of scipy")
    names = [shape.name for shape in SHAPES]
    parser.add_argument("--shapes", nargs="+", choices=names, default=names)
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=SIDES)
    parser.add_argument("--text", action="store_true", help="keys are texts of 36 characters")
    parser.add_argument("--memory", type=int, default=5, help="GB that DuckDB may use")
    parser.add_argument("--limit", type=int, default=900, help="seconds until a peer is stopped")
    parser.add_argument("--splink", help="a Python that has Splink and DuckDB")
    given = parser.parse_args()
    task = Task(
        shapes=tuple(shape for shape in SHAPES if shape.name in given.shapes),
        sides=tuple(side for side in SIDES if side in given.sides),
        edges=given.edges,
        repeat=given.repeat,
        text=given.text,
        memory_gb=given.memory,
        limit_s=given.limit,
        splink=given.splink,
    )
    runs = measure(task)
    print_report(task, runs)
    write_results(RESULTS, task, runs)


if __name__ == "__main__":
    main()
