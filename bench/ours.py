"""Our side: the path that the command line takes, from files to acknowledged syncs.

A process of its own: python -m bench.ours FOLDER EVENTS AS_OF, with the webhook's
address in CDP_CRM_URL. Owns the order of the steps and the reading of dbt's own log,
which says how long each statement of each model took.
"""

from __future__ import annotations

import json
import re
import sys
from collections import defaultdict
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.measure import Phases
from cdp.catalogue import load_catalogue
from cdp.dbt import run_dbt
from cdp.generate import compile_catalogue, generated_files, write_files
from cdp.loader.load import load_files
from cdp.project import Project, find_project
from cdp.publish import publish
from cdp.scaffold import create_project
from cdp.syncs.run import run_sync
from cdp.warehouse import open_warehouse

PROJECT = "ours"
RESULT = "ours.json"
SOURCES = ("web", "app")
SYNCS = ("vip_customers_to_csv", "cart_abandoners_to_crm")


def run(folder: Path, events: Path, as_of: str, with_tests: bool) -> Phases:
    """Make a project in `folder` and take the events all the way."""
    phases = Phases()
    with phases.measure("init"):
        create_project(folder / PROJECT)
        project = find_project(folder / PROJECT)
        lift_limits(project)
    with phases.measure("compile"):
        catalogue = load_catalogue(project)
        write_files(project, generated_files(project, compile_catalogue(catalogue)))
    with phases.measure("load"), open_warehouse(project) as warehouse:
        for name in SOURCES:
            files = sorted((events / name).iterdir())
            load_files(warehouse, project.raw_schema, catalogue.sources[name], files)
    with phases.measure("import dbt"):
        import dbt.adapters.duckdb  # noqa: F401
        import dbt.cli.main  # noqa: F401
    with phases.measure("dbt run"):
        run_logged(project, "run", *at(as_of))
    phases.notes["dbt"] = dbt_times(project)
    with phases.measure("publish"), open_warehouse(project) as warehouse:
        publish(project, warehouse)
    for sync in SYNCS:
        with phases.measure(f"sync {sync}"):
            result = run_sync(project, catalogue, sync)
        if result.error is not None:
            raise result.error
    if with_tests:
        with phases.measure("dbt test"):
            run_logged(project, "test", *at(as_of))
    return phases


def lift_limits(project: Project) -> None:
    """Plain components, as the other side makes them: no limit is in reach."""
    rules = project.definitions / "identity.yml"
    rules.write_text(re.sub(r"count: \d+", "count: 1000000000", rules.read_text()))


def run_logged(project: Project, command: str, *words: str) -> None:
    """Run dbt so that `dbt_times` can read what it took: its log, as JSON, of this run alone."""
    # dbt appends to the log.
    (project.folder / "logs" / "dbt.log").unlink(missing_ok=True)
    run_dbt(project, command, ["--quiet", "--log-format-file", "json", *words])


def at(as_of: str) -> tuple[str, str]:
    """The words that set the clock of a run."""
    return "--vars", json.dumps({"cdp_as_of": as_of})


def dbt_times(project: Project) -> dict[str, Any]:
    """Seconds of dbt's last run by `run_logged`.

    `span_s` is from the first model's start to the last one's end; `busy_s` of that with a
    model at work in the warehouse; each node's `wall_s` (compiling, templates, warehouse,
    catalogue) and `sql_s` (statements in the warehouse alone).
    """
    sql: dict[str, list[tuple[float, float]]] = defaultdict(list)
    log = project.folder / "logs" / "dbt.log"
    for line in log.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        if entry["info"]["name"] == "SQLQueryStatus":
            node = entry["data"].get("node_info", {}).get("node_name", "")
            end = _seconds(entry["info"]["ts"])
            sql[node].append((end - float(entry["data"]["elapsed"]), end))
    results = json.loads((project.folder / "target" / "run_results.json").read_text())["results"]
    nodes = []
    times = []
    for result in results:
        name = result["unique_id"].split(".")[-1]
        spent = sum(end - start for start, end in sql[name])
        nodes.append({"name": name, "wall_s": result["execution_time"], "sql_s": spent})
        times += [_seconds(t[k]) for t in result["timing"] for k in ("started_at", "completed_at")]
    busy = _covered([one for name in sql if name for one in sql[name]])
    return {"span_s": max(times) - min(times), "busy_s": busy, "nodes": nodes}


def _covered(intervals: list[tuple[float, float]]) -> float:
    """The length of the union of intervals: two threads at once count once."""
    total, reached = 0.0, float("-inf")
    for start, end in sorted(intervals):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


if __name__ == "__main__":
    _folder = Path(sys.argv[1])
    run(_folder, Path(sys.argv[2]), sys.argv[3], "--tests" in sys.argv).write(_folder / RESULT)
