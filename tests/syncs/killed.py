"""Runs one sync, or decides about it, and kills its own process: `killed.py FOLDER POINT`."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cdp.catalogue import load_catalogue
from cdp.project import Project
from cdp.syncs import decide, ledger, many, run
from cdp.syncs.journal import Journal


def die(*arguments: Any, **named: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def then_die(function: Callable[..., Any]) -> Callable[..., Any]:
    def wrapped(*arguments: Any, **named: Any) -> Any:
        function(*arguments, **named)
        die()

    return wrapped


def prepare(point: str) -> None:
    if point == "before-spool":
        Journal.create = die  # type: ignore[method-assign, assignment]
    elif point == "before-intents":
        ledger.write_intents = die
    elif point == "after-intents":
        run.send_journal = die
    elif point == "after-reply":
        Journal.settle = die  # type: ignore[method-assign, assignment]
    elif point == "after-acknowledgement":
        Journal.settle = then_die(Journal.settle)  # type: ignore[method-assign]
    elif point == "before-fold":
        run._Run._fold = die  # type: ignore[method-assign, assignment]
    elif point == "inside-fold":
        ledger._apply_outcomes = then_die(ledger._apply_outcomes)
    elif point == "after-fold":
        Journal.delete = die  # type: ignore[method-assign, assignment]
    elif point.startswith("in-"):
        decide.record = die


def act(project: Project, point: str) -> None:
    sync = (project, load_catalogue(project), "customers")
    if point == "in-retry":
        decide.retry_rows(*sync, decide.Wanted(("rejected",)), "sam")
    elif point == "in-reset":
        decide.reset_sync(*sync, "sam")
    elif point == "in-resend":
        decide.resend_rows(*sync, "all", "sam")
    elif point == "many":
        gate = threading.Lock()
        names = sorted(sync[1].syncs)
        many.run_syncs(*sync[:2], names, lambda name: run.RunOptions(gate=gate), threads=3)
    else:
        run.run_sync(*sync)


if __name__ == "__main__":
    prepare(sys.argv[2])
    act(Project(Path(sys.argv[1])), sys.argv[2])
