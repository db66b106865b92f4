"""Runs syncs in forks and kills them: `zygote.py FOLDER`.

Reads lines `SYNC SECONDS` and answers each with a line: `killed` when the run was still going
after so many seconds and got SIGKILL, else `done` or what stopped it. Everything is imported once:
a fork of a process without threads costs milliseconds.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import duckdb
import httpx

from cdp.catalogue import Catalogue, load_catalogue
from cdp.destinations import buckets, files, http, tables
from cdp.errors import CdpError
from cdp.project import Project
from cdp.syncs.run import RunOptions, run_sync

LOADED = (duckdb, httpx, buckets, files, http, tables)


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
    while time.monotonic() < until and os.waitpid(child, os.WNOHANG) == (0, 0):
        time.sleep(0.001)
    try:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    except (ProcessLookupError, ChildProcessError):
        pass
    with os.fdopen(reading) as said:
        return said.read() or "killed"


def main() -> None:
    project = Project(Path(sys.argv[1]))
    catalogue = load_catalogue(project)
    for line in sys.stdin:
        sync, seconds = line.split()
        sys.stdout.write(run_for(project, catalogue, sync, float(seconds)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
