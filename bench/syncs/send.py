"""Sending a table to a local HTTP sink: a run of ours beside a bare loop, a script and drt.

Run it: python -m bench.syncs.send [--rows N] [--repeat N] [--drt PYTHON] [--sides ...]. Makes a
project with so many people (not counted), then runs the sides alternately, each in a process of
its own, against one sink; what ours, the loop and the script post must be the same bodies, byte
for byte, and drt must send every row. Prints a table and writes
bench/results/syncs-send-<time>.json.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from bench.measure import Phase, Phases, read_phases
from bench.syncs import side as one_side
from bench.syncs.peer import DRT, prepare_drt, run_drt
from bench.syncs.report import print_report, write_results
from bench.syncs.world import make_project, write_bodies

SIDES = (one_side.BARE, one_side.OURS, one_side.BY_HAND, DRT)
_ROOT = Path(__file__).parent.parent.parent


class WrongBodiesError(AssertionError):
    """A side did not send what it should have sent."""


@dataclass(frozen=True)
class Run:
    """One run of a side; `got` is what the sink received."""

    side: str
    phases: Phases
    got: dict[str, int]


@contextmanager
def sink() -> Iterator[str]:
    """The address of a new sink."""
    with tempfile.TemporaryDirectory(prefix="cdp-sink-") as folder:
        port = Path(folder) / "port"
        process = subprocess.Popen([sys.executable, "-m", "bench.syncs.sink", str(port)], cwd=_ROOT)
        try:
            while not (port.exists() and port.read_text()):
                time.sleep(0.01)
            yield f"http://127.0.0.1:{port.read_text()}/people"
        finally:
            process.terminate()
            process.wait()


def measure(folder: Path, given: argparse.Namespace) -> list[Run]:
    """All runs. Raises WrongBodiesError when the sides do not send the same."""
    made = folder / "made"
    made.mkdir()
    make_project(made, given.rows, given.settings)
    write_bodies(made)
    os.environ["NO_PROXY"] = "127.0.0.1"
    runs: list[Run] = []
    with sink() as url:
        os.environ["SINK_URL"] = url
        for number in range(given.repeat):
            for side in given.sides:
                if side == DRT and (number or not given.drt):
                    continue
                runs.append(_run(made, side, url, given))
    _compare(runs, given.rows)
    return runs


def _run(made: Path, side: str, url: str, given: argparse.Namespace) -> Run:
    place = made.parent / side
    shutil.copytree(made, place)
    httpx.get(url)
    if side == DRT:
        phases = _drt(place, given)
    else:
        words = [sys.executable, "-m", one_side.__name__, side, str(place)]
        subprocess.run(words, check=True, cwd=_ROOT)
        phases = read_phases(place / one_side.RESULT)
    shutil.rmtree(place)
    return Run(side, phases, httpx.get(url).json())


def _drt(place: Path, given: argparse.Namespace) -> Phases:
    """The seconds of `drt run`, of a table with as many rows as it can take in a while."""
    prepare_drt(place, given.drt_rows)
    seconds, peak_mb = run_drt(given.drt, place)
    return Phases([Phase("send", seconds, 0.0, peak_mb)], {"start_mb": 0.0})


def _compare(runs: list[Run], rows: int) -> None:
    same: dict[str, Any] = {}
    for run in runs:
        if run.side == DRT:
            continue
        same = same or run.got
        if run.got != same or run.got["rows"] != rows:
            raise WrongBodiesError(f"{run.side}: {run.got}, but {runs[0].side}: {same}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=3, help="runs of each side but drt")
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=SIDES)
    parser.add_argument("--drt", help="a Python that has drt-core[duckdb]")
    parser.add_argument("--drt-rows", type=int, default=100_000, help="rows that drt sends")
    parser.add_argument("--settings", default="{}", help="DuckDB's, as a YAML mapping")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cdp-syncs-") as folder:
        runs = measure(Path(folder), given)
    print_report(given, runs)
    write_results(given, runs)


if __name__ == "__main__":
    main()
