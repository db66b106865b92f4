"""Runs one sync and kills its own process at a named point: `killed.py FOLDER POINT`."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cdp.catalogue import load_catalogue
from cdp.project import Project
from cdp.syncs import ledger, run
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


if __name__ == "__main__":
    project = Project(Path(sys.argv[1]))
    prepare(sys.argv[2])
    run.run_sync(project, load_catalogue(project), "customers")
