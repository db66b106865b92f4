"""One side of the sending benchmark, in a process of its own.

python -m bench.syncs.side SIDE FOLDER. FOLDER holds the project and the bodies; SINK_URL is the
sink. `ours` is a run of the sync, by its steps; `bare` posts bodies that are ready,
in a loop around one httpx client; `by_hand` reads the table, writes the bodies and posts them,
in one loop. Phases go to RESULT, with the resident megabytes before the first of them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import httpx

from bench.measure import Phases
from bench.syncs.world import SYNC, read_bodies, ready_bodies
from cdp.catalogue import load_catalogue
from cdp.project import find_project
from cdp.syncs import run

RESULT = "phases.json"
OURS, BARE, BY_HAND = "ours", "bare", "by_hand"
HEADERS = {"Content-Type": "application/json", "User-Agent": "bench"}


def ours(folder: Path, phases: Phases) -> None:
    """A run, as the command line makes it; its steps are measured from outside."""
    project = find_project(folder)
    catalogue = load_catalogue(project)

    def measured(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **named: Any) -> Any:
            with phases.measure(name):
                return function(*arguments, **named)

        return wrapped

    run._Run._begin = measured("plan and spool", run._Run._begin)  # type: ignore[method-assign]
    run.send_journal = measured("send", run.send_journal)
    run._Run._fold = measured("fold", run._Run._fold)  # type: ignore[method-assign]
    result = run.run_sync(project, catalogue, SYNC)
    assert result.error is None, str(result.error)


def post(bodies: Iterable[bytes]) -> None:
    with httpx.Client(timeout=30) as client:
        for body in bodies:
            client.post(os.environ["SINK_URL"], content=body, headers=HEADERS).raise_for_status()


def bare(folder: Path, phases: Phases) -> None:
    with phases.measure("send"):
        post(ready_bodies(folder))


def by_hand(folder: Path, phases: Phases) -> None:
    with phases.measure("send"):
        post(read_bodies(folder))


SIDES = {OURS: ours, BARE: bare, BY_HAND: by_hand}


def resident_mb() -> float:
    """The memory that this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    import duckdb  # noqa: F401  part of the start, not of the run

    _folder = Path(sys.argv[2])
    _phases = Phases()
    _phases.notes["start_mb"] = resident_mb()
    SIDES[sys.argv[1]](_folder, _phases)
    _phases.write(_folder / RESULT)
