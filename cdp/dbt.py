"""Running dbt inside this process, and letting go of the warehouse afterwards.

Owns the one call of dbt's programmatic interface. What dbt prints goes to
stdout as dbt users expect it; this module adds nothing to it.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cdp.errors import RunError
from cdp.project import Project
from cdp.warehouse import LOCK_WAIT_S, LOCKED, open_warehouse

_MISSING = re.compile(r"\((\S+)\) depends on a node named '([^']+)' which was not found")


def run_dbt(
    project: Project,
    command: str,
    arguments: Sequence[str] = (),
    *,
    lock_wait_s: float = LOCK_WAIT_S,
) -> None:
    """Run one dbt command on the project's target.

    Raises:
        TransientError: another process holds the warehouse.
        RunError: dbt says that something failed; its own output tells what.
    """
    os.environ.setdefault("DO_NOT_TRACK", "1")
    words = [
        command,
        *arguments,
        "--project-dir",
        str(project.folder),
        "--profiles-dir",
        str(project.profiles_file.parent),
    ]
    if project.target_name:
        words += ["--target", project.target_name]
    result = _invoke_unlocked(project, words, lock_wait_s)
    if result.success:
        return
    if result.exception is not None:
        raise _could_not_run(command, str(result.exception))
    results: Any = result.result
    failed = [one.node.name for one in results if one.status in ("error", "fail")]
    shown = ", ".join(failed[:10])
    raise RunError(
        "dbt-failed",
        f"dbt {command} finished with {len(failed)} failures: {shown}",
        help="dbt's messages above name the SQL; fix it and run again",
    )


def _could_not_run(command: str, text: str) -> RunError:
    missing = _MISSING.search(text)
    if missing:
        return RunError(
            "unknown-model",
            f"{missing[1]} reads the model '{missing[2]}', which does not exist",
            help="name a model of the dbt project in the definition that this file is made from",
        )
    return RunError(
        "dbt-failed",
        f"dbt {command} could not run: {text}",
        help="mend what dbt names; 'cdp doctor' checks the installation and the project",
    )


def _invoke_unlocked(project: Project, words: list[str], lock_wait_s: float) -> Any:
    """dbt does not wait for DuckDB's lock. Opening first waits, and names the holder.

    dbt opens the file once, after it has read the project: whoever takes the file in these
    seconds is waited for as well.
    """
    if project.target.path is None:
        return _invoke(project, words)
    deadline = time.monotonic() + lock_wait_s
    while True:
        with open_warehouse(project, lock_wait_s=max(0.0, deadline - time.monotonic())):
            pass
        result = _invoke(project, words)
        if result.exception is None or LOCKED not in str(result.exception):
            return result


def _invoke(project: Project, words: list[str]) -> Any:
    from dbt.cli.main import dbtRunner

    # dbt resolves a relative DuckDB path against the working directory.
    with _inside(project.folder):
        try:
            return dbtRunner().invoke(words)
        finally:
            _release(project)


@contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def _release(project: Project) -> None:
    """dbt-duckdb keeps the file open after a run; nobody else could open it."""
    if project.target.adapter == "duckdb":
        from dbt.adapters.duckdb.connections import DuckDBConnectionManager

        manager: Any = DuckDBConnectionManager
        manager.close_all_connections()
