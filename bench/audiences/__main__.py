"""A hundred audiences computed together, and the same as separate hand-written queries.

Run it: python -m bench.audiences [--events N] [--people N] [--audiences N] [--definitions N]
[--repeat N] [--memory GB]. Makes the events (not counted), runs the sides in processes of their
own, compares their members, prints tables and writes bench/results/audiences-<time>.json.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.audiences.report import print_report, write_results
from bench.audiences.run import Task, measure

RESULTS = Path(__file__).parent.parent / "results"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=30_000_000)
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--audiences", type=int, default=100)
    parser.add_argument("--definitions", type=int, default=500, help="to time compiling with")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--memory", type=int, default=8, help="GB that DuckDB may use")
    given = parser.parse_args()
    task = Task(
        given.events,
        given.people,
        given.audiences,
        given.definitions,
        given.repeat,
        given.memory,
    )
    runs = measure(task)
    print_report(task, runs)
    write_results(RESULTS, task, runs)


if __name__ == "__main__":
    main()
