"""One side on one graph, in a process of its own.

python -m bench.graph.side SIDE FOLDER MEMORY_GB. FOLDER holds the graph as GRAPH; the side leaves
its components there and its phases as RESULT. `ours` is a model of our
materialisation, run by dbt in a new project; the seconds of its statements count. Every
side has two threads and the same memory, and works in one transaction.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import duckdb

from bench.graph.peers import PEERS
from bench.graph.shapes import EDGES
from bench.measure import Phases

GRAPH = "graph.duckdb"
RESULT = "phases.json"
OURS = "ours"
MODEL = "graph_components"
THREADS = 2
IMPORTS = {"scipy": ("numpy", "scipy.sparse.csgraph"), "splink": ("splink.clustering",)}
"""What takes a second to import, and is imported before the clock starts."""
TABLES = {OURS: f"main.{MODEL}"}
"""Where a side's components are; the others' are in `result`."""


def solve(side: str, folder: Path, memory_gb: int) -> Phases:
    phases = Phases()
    if side == OURS:
        _dbt(folder, memory_gb, phases)
        return phases
    for name in IMPORTS.get(side, ()):
        import_module(name)
    settings = {"threads": THREADS, "memory_limit": f"{memory_gb}GB"}
    with duckdb.connect(str(folder / GRAPH), config=settings) as connection:
        connection.execute("set preserve_insertion_order = false")
        with phases.measure("solve"):
            connection.execute("begin")
            phases.notes |= PEERS[side](connection)
            connection.execute("commit")
    phases.notes["seconds"] = phases.steps[0].wall_s
    return phases


def _dbt(folder: Path, memory_gb: int, phases: Phases) -> None:
    # Not at the top: Splink's own Python has none of these.
    from bench.ours import dbt_times, run_logged
    from cdp.catalogue import load_catalogue
    from cdp.generate import compile_catalogue, generated_files, write_files
    from cdp.project import find_project

    project = find_project(_make_project(folder, memory_gb))
    write_files(project, generated_files(project, compile_catalogue(load_catalogue(project))))
    with phases.measure("dbt run"):
        run_logged(project, "run", "--select", MODEL)
    phases.notes["seconds"] = sum(node["sql_s"] for node in dbt_times(project)["nodes"])


def _make_project(folder: Path, memory_gb: int) -> Path:
    """A new project whose warehouse is the graph, with a model of its components."""
    from cdp.scaffold import create_project

    project = folder / "project"
    create_project(project)
    profiles = project / "profiles.yml"
    settings = f"settings:\n        threads: {THREADS}\n        memory_limit: {memory_gb}GB"
    profiles.write_text(
        profiles.read_text()
        .replace("path: warehouse.duckdb", f"path: {folder / GRAPH}", 1)
        .replace("settings:", settings, 1)
    )
    model = project / "dbt_packages" / "cdp" / "models" / "identity" / f"{MODEL}.sql"
    model.write_text(
        "{{ config(materialized='connected_components') }}\n"
        f"select e.source_id, e.target_id from {EDGES} as e\n"  # noqa: S608 (constant)
    )
    return project


if __name__ == "__main__":
    _folder = Path(sys.argv[2])
    solve(sys.argv[1], _folder, int(sys.argv[3])).write(_folder / RESULT)
