"""What a definition adds to `dbt build` over the seconds of its statements.

Run it: python -m bench.definitions [--count N] [--repeat N]. Builds a small store with three
audiences, and then with so many more; counted are builds that find every relation there. How
long compiling takes is a part of bench.audiences.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bench.audiences.definitions import make_audiences, write_definitions
from bench.ours import SOURCES, dbt_times, run_logged
from bench.pipeline import SEED, UNTIL
from bench.report import machine, table
from cdp.catalogue import load_catalogue
from cdp.demo.store import generate_store
from cdp.generate import compile_catalogue, generated_files, write_files
from cdp.loader.load import load_files
from cdp.project import Project, find_project
from cdp.scaffold import create_project
from cdp.warehouse import open_warehouse

FEW = 3


def make_project(folder: Path, people: int) -> Project:
    """A new project with a small store's events loaded, not built."""
    events = folder / "events"
    generate_store(events, until=UNTIL, people=people, seed=SEED)
    create_project(folder / "project")
    project = find_project(folder / "project")
    catalogue = load_catalogue(project)
    with open_warehouse(project) as warehouse:
        for name in SOURCES:
            found = sorted((events / name).iterdir())
            load_files(warehouse, project.raw_schema, catalogue.sources[name], found)
    return project


def define(project: Project, count: int) -> None:
    """The project with so many audiences, compiled."""
    write_definitions(project.definitions, make_audiences(count))
    write_files(project, generated_files(project, compile_catalogue(load_catalogue(project))))


@dataclass(frozen=True)
class Build:
    """Seconds of `dbt build` where every relation is there, and of its statements; medians."""

    seconds: float
    of_sql: float

    @property
    def over_sql(self) -> float:
        return self.seconds - self.of_sql


def time_build(project: Project, repeat: int) -> Build:
    """Build once for the relations to be there, and then so often."""
    run_logged(project, "build")
    walls, statements = [], []
    for _ in range(repeat):
        began = time.perf_counter()
        run_logged(project, "build")
        walls.append(time.perf_counter() - began)
        statements.append(sum(one["sql_s"] for one in dbt_times(project)["nodes"]))
    return Build(statistics.median(walls), statistics.median(statements))


def measure(folder: Path, count: int, people: int, repeat: int) -> tuple[Build, Build]:
    """A build with a few audiences, and one with `count` more."""
    project = make_project(folder, people)
    define(project, FEW)
    few = time_build(project, repeat)
    define(project, FEW + count)
    return few, time_build(project, repeat)


def report(few: Build, many: Build, count: int) -> str:
    """A table, and what a definition adds."""
    rows = [
        (name, f"{one.seconds:.2f}", f"{one.of_sql:.2f}")
        for name, one in ((f"{FEW} audiences", few), (f"{count} more", many))
    ]
    lines = [
        ", ".join(f"{key} {value}" for key, value in machine().items()),
        *table(("dbt build", "seconds", "of them SQL"), rows),
        f"a definition adds {1_000 * (many.over_sql - few.over_sql) / count:.0f} ms over its SQL",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100, help="audiences more")
    parser.add_argument("--people", type=int, default=200)
    parser.add_argument("--repeat", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cdp-definitions-") as folder:
        few, many = measure(Path(folder), given.count, given.people, given.repeat)
    sys.stdout.write(report(few, many, given.count))


if __name__ == "__main__":
    main()
