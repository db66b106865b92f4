"""One million events from files to synced audiences, beside one hand-written script.

Run it: python -m bench.pipeline [--people N] [--repeat N] [--plain]. Generates the events
(not counted), runs both sides alternately in processes of their own, checks that both made
the same rows, prints a table and writes bench/results/<date>.json.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from bench import handwritten, ours
from bench.compare import compare
from bench.measure import Phases, read_phases
from bench.report import print_report, write_results
from cdp.demo.receiver import Receiver, receive
from cdp.demo.run import CRM_URL
from cdp.demo.store import generate_store

PEOPLE = 62_000
SEED = 7
UNTIL = datetime(2026, 6, 1)
RESULTS = Path(__file__).parent / "results"


@dataclass
class Runs:
    """The repetitions of both sides, in order, and what they worked on."""

    people: int
    deliveries: int
    packed: bool
    ours: list[Phases] = field(default_factory=list)
    by_hand: list[Phases] = field(default_factory=list)


def measure(
    people: int, repeat: int, packed: bool, with_tests: bool = True, keep: Path | None = None
) -> Runs:
    """Run both sides `repeat` times, alternately.

    `with_tests` runs dbt's tests after the last run, beside the count. What the runs make
    is removed, unless there is a folder to `keep` it in.

    Raises DifferentRowsError when they do not make the same rows.
    """
    with tempfile.TemporaryDirectory(prefix="cdp-bench-") as name:
        folder = keep or Path(name)
        events = folder / "events"
        truth = generate_store(events, until=UNTIL, people=people, seed=SEED, packed=packed)
        (events / "truth.csv").unlink()
        runs = Runs(people, truth.delivery_count, packed)
        for number in range(repeat):
            place = folder / f"run-{number}"
            place.mkdir()
            last = with_tests and number == repeat - 1
            mine, received = _in_process(ours.__name__, place, events, ["--tests"] if last else [])
            theirs, received_by_hand = _in_process(handwritten.__name__, place, events, [])
            compare(place, received.held, received_by_hand.held)
            runs.ours.append(read_phases(mine))
            runs.by_hand.append(read_phases(theirs))
            if keep is None:
                shutil.rmtree(place)
        return runs


def _in_process(
    module: str, folder: Path, events: Path, options: list[str]
) -> tuple[Path, Receiver]:
    """Run one side alone, with an endpoint of its own outside of its process."""
    result = folder / (ours.RESULT if module == ours.__name__ else handwritten.RESULT)
    with receive() as receiver:
        as_of = f"{UNTIL:%Y-%m-%d %H:%M:%S}"
        words = [sys.executable, "-m", module, str(folder), str(events), as_of, receiver.url]
        environment = {**os.environ, CRM_URL: receiver.url, "DO_NOT_TRACK": "1"}
        root = Path(__file__).parent.parent
        subprocess.run([*words, *options], check=True, env=environment, cwd=root)
        return result, receiver


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=PEOPLE, help="16 events each")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each side")
    parser.add_argument("--plain", action="store_true", help="files without gzip")
    arguments = parser.parse_args()
    runs = measure(arguments.people, arguments.repeat, packed=not arguments.plain)
    print_report(runs)
    write_results(RESULTS, runs)


if __name__ == "__main__":
    main()
