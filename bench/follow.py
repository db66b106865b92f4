"""What traits and audiences cost when one in a hundred events is new, beside the full build.

Run it: python -m bench.follow [--people N]. Makes a store's events in a hundred files of equal
size, in the order of their arrival (not counted), loads and builds all but the last, then loads the
last one and builds again at its time. Counted are the seconds of the statements of every
model, by layer; the tables of identity and of profiles are shown beside, for they are built too.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

from bench.ours import SOURCES, at, dbt_times, run_logged
from bench.pipeline import PEOPLE, SEED, UNTIL
from bench.report import GROUPS, machine, table
from cdp.catalogue import load_catalogue
from cdp.demo.store import DAYS, generate_store
from cdp.generate import compile_catalogue, generated_files, write_files
from cdp.loader.load import load_files
from cdp.project import Project, find_project
from cdp.scaffold import create_project
from cdp.warehouse import open_warehouse

FILES = 100
COUNTED = ("traits", "audiences")
Seconds = dict[str, float]


def measure(folder: Path, people: int) -> tuple[Seconds, Seconds, list[tuple[str, float, float]]]:
    """Seconds of each group of models in the full build and in the one that follows, and
    those of each counted model in both.
    """
    events = folder / "events"
    generate_store(events, until=UNTIL, people=people, seed=SEED, files_per_source=FILES)
    create_project(folder / "project")
    project = find_project(folder / "project")
    write_files(project, generated_files(project, compile_catalogue(load_catalogue(project))))
    full = _build(project, events, slice(0, FILES - 1), UNTIL - timedelta(days=DAYS) / FILES)
    more = _build(project, events, slice(FILES - 1, FILES), UNTIL)
    models = [(name, full[name], more.get(name, 0.0)) for name in full if _group(name) in COUNTED]
    models.sort(key=lambda one: -one[2])
    return _grouped(full), _grouped(more), models


def _build(project: Project, events: Path, files: slice, as_of: datetime) -> Seconds:
    catalogue = load_catalogue(project)
    with open_warehouse(project) as warehouse:
        for name in SOURCES:
            found = sorted((events / name).iterdir())[files]
            load_files(warehouse, project.raw_schema, catalogue.sources[name], found)
    run_logged(project, "run", *at(f"{as_of:%Y-%m-%d %H:%M:%S}"))
    return {one["name"]: one["sql_s"] for one in dbt_times(project)["nodes"]}


def _group(model: str) -> str:
    return next(
        (group for group, _, prefixes, _ in GROUPS if prefixes and model.startswith(prefixes)), ""
    )


def _grouped(seconds: Seconds) -> Seconds:
    found: Seconds = {}
    for name, spent in seconds.items():
        found[_group(name)] = found.get(_group(name), 0.0) + spent
    found["traits and audiences"] = sum(found.get(one, 0.0) for one in COUNTED)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=PEOPLE, help="16 events each")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cdp-follow-") as folder:
        full, more, models = measure(Path(folder), given.people)
    lines = [
        f"{given.people:,} people; " + ", ".join(f"{k} {v}" for k, v in machine().items()),
        "",
        *table(
            ("seconds of SQL", "99 files", "1 more", "ratio"),
            [
                (name, f"{spent:.2f}", f"{more[name]:.2f}", f"{more[name] / spent:.1%}")
                for name, spent in full.items()
                if spent
            ],
        ),
        "",
        *table(
            ("model", "99 files", "1 more"),
            [(name, f"{one:.2f}", f"{other:.2f}") for name, one, other in models[:12]],
        ),
    ]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
