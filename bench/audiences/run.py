"""Making the world, running the sides one after another, and comparing their members."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import duckdb

from bench.audiences.definitions import REPRESENTATIVES, make_audiences
from bench.audiences.ours import make_project
from bench.audiences.side import ALONE, BY_HAND, OPTIMAL, QUERY, TOGETHER, WORLD, slug
from bench.audiences.side import __name__ as side_module
from bench.audiences.world import make_world
from bench.measure import Phases, read_phases
from cdp.features import plan_features

ROOT = Path(__file__).parent.parent.parent
SINGLE = tuple(f"{kind} {one.name}" for one in REPRESENTATIVES for kind in (ALONE, QUERY, OPTIMAL))


class DifferentMembersError(AssertionError):
    """Two sides disagree on who is in an audience."""


@dataclass(frozen=True)
class Task:
    """What to measure. Each side runs `repeat` times; a median is taken of the runs."""

    events: int
    people: int
    audiences: int
    definitions: int = 0
    repeat: int = 3
    memory_gb: int = 8


@dataclass(frozen=True)
class Runs:
    """The phases of each side's runs, rows of events, members of all audiences."""

    sides: dict[str, list[Phases]]
    rows: dict[str, int]
    members: int
    compile_s: dict[str, list[float]]


def measure(task: Task) -> Runs:
    """All sides over one world.

    Raises DifferentMembersError when any two sides differ in a member.
    """
    with tempfile.TemporaryDirectory(prefix="cdp-audiences-") as name:
        folder = Path(name)
        catalogue = make_project(folder / "project", make_audiences(task.audiences))
        plan = plan_features(catalogue.traits, catalogue.audiences)
        rows = make_world(folder / WORLD, plan, task.people, task.events)
        found: dict[str, list[Phases]] = {}
        members = 0
        for _ in range(task.repeat):
            for side in (TOGETHER, BY_HAND, *SINGLE):
                found.setdefault(side, []).append(_run(side, folder, task))
            members = compare(folder)
        return Runs(found, rows, members, time_compiling(folder, task))


def _run(side: str, folder: Path, task: Task) -> Phases:
    for old in (folder / f"{slug(side)}.duckdb", folder / slug(side)):
        shutil.rmtree(old) if old.is_dir() else old.unlink(missing_ok=True)
    words = [sys.executable, "-m", side_module, side, str(folder)]
    words += [str(task.audiences), str(task.memory_gb)]
    subprocess.run(words, check=True, cwd=ROOT)
    return read_phases(folder / f"{slug(side)}.json")


def compare(folder: Path) -> int:
    """The number of memberships; the sides' members are equal, audience by audience."""
    with duckdb.connect() as connection:
        for side in (TOGETHER, BY_HAND, *SINGLE):
            file = folder / f"{slug(side)}.duckdb"
            connection.execute(f"attach '{file}' as {slug(side)} (read_only)")
        for side in (BY_HAND, *SINGLE):
            # A single audience is compared with the same one of all.
            only = side.partition(" ")[2]
            test = f"audience_name = '{only}'" if only else "true"
            ours = f"select * from {TOGETHER}.members where {test}"  # noqa: S608 (constants)
            theirs = f"select * from {slug(side)}.members"  # noqa: S608 (constants)
            for first, second in ((ours, theirs), (theirs, ours)):
                _expect_nothing(connection, f"({first}) except all ({second})", side)
        row = connection.execute(f"select count(*) from {TOGETHER}.members").fetchone()  # noqa: S608 (constants)
    assert row is not None
    return int(row[0])


def _expect_nothing(connection: duckdb.DuckDBPyConnection, query: str, side: str) -> None:
    found = connection.execute(
        f"select audience_name, count(*) from ({query}) as d group by all order by all"  # noqa: S608 (constants)
    ).fetchall()
    if found:
        raise DifferentMembersError(f"{TOGETHER} and {side} differ in {found[:5]}")


def time_compiling(folder: Path, task: Task) -> dict[str, list[float]]:
    """Seconds of `cdp compile` and `cdp compile --check` of so many definitions, as processes."""
    if not task.definitions:
        return {}
    project = folder / "definitions"
    make_project(project, make_audiences(task.definitions))
    found: dict[str, list[float]] = {"compile": [], "compile --check": []}
    for _ in range(task.repeat):
        for path in project.glob("models/*/generated"):
            shutil.rmtree(path)
        for words, seconds in found.items():
            code = "from cdp.cli import main; main()"
            started = perf_counter()
            subprocess.run(
                [sys.executable, "-c", code, *words.split(), "--project-dir", str(project)],
                check=True,
                cwd=ROOT,
                capture_output=True,
            )
            seconds.append(perf_counter() - started)
    return found
