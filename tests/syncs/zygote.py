"""Runs syncs in forks and kills them: `zygote.py FOLDER`.

Reads lines `SYNC SECONDS` and answers each with a line: `killed` when the run was still going
after so many seconds and got SIGKILL, else `done` or what stopped it. Everything is imported once:
a fork of a process without threads costs milliseconds.

A kill waits while DuckDB opens or closes the warehouse: 1.5.5 writes a checkpoint then, in place,
and one kill in some thousand leaves a file that it does not open again, whatever it was used for.
"""

from __future__ import annotations

import mmap
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import httpx

from cdp.catalogue import Catalogue, load_catalogue
from cdp.destinations import buckets, files, http, tables
from cdp.errors import CdpError
from cdp.project import Project
from cdp.syncs.run import RunOptions, _Run, run_sync
from cdp.warehouse import Warehouse

LOADED = (duckdb, httpx, buckets, files, http, tables)
SPARED = mmap.mmap(-1, 1)
"""Shared with a fork: 1 while DuckDB opens or closes the warehouse in it."""
_open = _Run._warehouse


@contextmanager
def spare(self: _Run) -> Iterator[Warehouse]:
    """The warehouse of a run; to open and to close it is spared."""
    SPARED[0] = 1
    try:
        with _open(self) as warehouse:
            SPARED[0] = 0
            yield warehouse
            SPARED[0] = 1
    finally:
        SPARED[0] = 0


_ENDED = os.WEXITED | os.WNOHANG | os.WNOWAIT


def run(project: Project, catalogue: Catalogue, sync: str, pipe: int) -> None:
    try:
        options = RunOptions(allow_removals=True, sleep=lambda seconds: None)
        error = run_sync(project, catalogue, sync, options).error
    except CdpError as raised:
        error = raised
    os.write(pipe, (str(error).splitlines()[0] if error else "done").encode())
    os._exit(0)


def run_for(project: Project, catalogue: Catalogue, sync: str, seconds: float) -> str:
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        run(project, catalogue, sync, writing)
    os.close(writing)
    until = time.monotonic() + seconds
    while time.monotonic() < until and os.waitid(os.P_PID, child, _ENDED) is None:
        time.sleep(0.001)
    while not kill(child):
        time.sleep(0.001)
    os.waitpid(child, 0)
    with os.fdopen(reading) as said:
        return said.read() or "killed"


def kill(child: int) -> bool:
    """Kill a process that is not yet waited for; false where it is spared now."""
    os.kill(child, signal.SIGSTOP)
    stopped = os.waitid(os.P_PID, child, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
    if stopped is not None and stopped.si_code == os.CLD_STOPPED and SPARED[0]:
        os.waitid(os.P_PID, child, os.WSTOPPED)
        os.kill(child, signal.SIGCONT)
        return False
    os.kill(child, signal.SIGKILL)
    return True


def main() -> None:
    _Run._warehouse = spare  # type: ignore[method-assign, assignment]
    project = Project(Path(sys.argv[1]))
    catalogue = load_catalogue(project)
    for line in sys.stdin:
        sync, seconds = line.split()
        sys.stdout.write(run_for(project, catalogue, sync, float(seconds)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
