"""drt on the same table: its project, as `cdp sync export --drt` writes it, and its run.

What slows it needlessly is set right: no pacing of requests (it defaults to ten a second), and
10,000 rows for each HTTP client that it makes (it defaults to 100). Requests have as many rows as
ours.
"""

from __future__ import annotations

import os
import resource
import subprocess
import time
from pathlib import Path

import duckdb
import yaml

from bench.syncs.world import SYNC, WAREHOUSE
from cdp.catalogue import load_catalogue
from cdp.project import find_project
from cdp.syncs.drt import export_syncs, profile_text, write_project
from cdp.syncs.plan import find_sync

DRT = "drt"
OPTIONS = {"batch_size": 10_000, "rate_limit": {"requests_per_second": 0}}


def prepare_drt(folder: Path, rows: int) -> None:
    """Files of drt below `drt`, and a table that has no more than so many rows."""
    with duckdb.connect(str(folder / WAREHOUSE)) as connection:
        connection.execute(
            "delete from main.all_people where canonical_profile_id not in "
            "(select canonical_profile_id from main.all_people order by 1 limit ?)",
            [rows],
        )
    project = find_project(folder)
    place = folder / DRT
    found = export_syncs(project, [find_sync(project, load_catalogue(project), SYNC)], place)
    write_project(project, found, place)
    file = place / "syncs" / f"{SYNC}.yml"
    document = yaml.safe_load(file.read_text())
    document["sync"] |= OPTIONS
    file.write_text(yaml.safe_dump(document, sort_keys=False))
    home = folder / ".drt"
    home.mkdir()
    (home / "profiles.yml").write_text(profile_text(project))


def run_drt(python: str, folder: Path) -> tuple[float, float]:
    """Seconds of `drt run` and its peak megabytes."""
    words = [str(Path(python).parent / "drt"), "run", "--select", SYNC]
    began = time.perf_counter()
    found = subprocess.run(
        words,
        cwd=folder / DRT,
        env={**os.environ, "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - began
    if found.returncode:
        raise RuntimeError(found.stdout + found.stderr)
    return seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
