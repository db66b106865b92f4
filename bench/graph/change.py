"""What a run of identity costs when little changed, beside the run that resolves everything.

Run it: python -m bench.graph.change [--edges N] [--limits]. Writes one event for each edge of
the store-like graph straight into the table of staging (not counted), has dbt resolve them all,
then adds events that each join an identifier of one person to one of another, scattered over the
graph, and has dbt follow. Counted are the seconds of the statements of every model from the
extraction of identifiers to identity_graph. Without --limits no limit is in reach, as
in the rest of this benchmark; with it the shipped rules hold.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import duckdb

from bench.graph.shapes import PEOPLE
from bench.graph.side import THREADS
from bench.measure import Phases
from bench.ours import dbt_times, lift_limits, run_logged
from bench.report import machine, table
from cdp.catalogue import load_catalogue
from cdp.generate import compile_catalogue, generated_files, write_files
from cdp.project import Project, find_project
from cdp.scaffold import create_project
from cdp.warehouse import open_warehouse

SHARES = (0.0001, 0.01)
STAGED = "main_internal.stg_events"
_COLUMNS = """
    cast(md5('e' || staged.message_id) as uuid) as event_id,
    'web' as source,
    staged.message_id,
    cast($load as bigint) as load_id,
    'track' as type,
    'Seen' as event_name,
    cast(null as varchar) as page_name,
    cast(null as varchar) as page_category,
    staged.user_id,
    staged.anonymous_id,
    cast(null as varchar) as group_id,
    cast(null as varchar) as previous_id,
    staged.occurred_at,
    staged.occurred_at as received_at,
    cast(null as timestamp) as sent_at,
    false as is_clock_fallback,
    false as is_repeated,
    cast(null as varchar) as properties,
    cast(null as varchar) as traits,
    staged.context
"""
# The first identifier of a star is a person's user id, the second an e-mail address, the others
# are browsers. An edge is an event that carries both ends.
_STARS = f"""
    create table {STAGED} as
    select {_COLUMNS}
    from (
        select
            'm' || (star.edge + star.turn) as message_id,
            case when star.is_spoke then 'u' || star.start end as user_id,
            case when star.other > 1 then 'a' || (star.start + star.other) end as anonymous_id,
            case
                when not star.is_spoke or star.other = 1
                    then '{{"traits":{{"email":"p' || (star.start + 1) || '@mail.example"}}}}'
            end as context,
            timestamp '2026-01-01' + to_seconds(cast(star.edge + star.turn as bigint))
                as occurred_at
        from (
            select
                people.start, people.edge, people.turn,
                people.turn < people.size - 1 as is_spoke,
                case when people.turn < people.size - 1 then people.turn + 1 else 2 end as other
            from (
                select one.*, unnest(range(one.size - 1 + one.extra)) as turn from ({PEOPLE}) as one
                where one.edge < $edges
            ) as people
        ) as star
        where star.edge + star.turn < $edges
    ) as staged
    order by hash(staged.message_id)
"""  # noqa: S608 (constants)
_MORE = f"""
    insert into {STAGED}
    select {_COLUMNS}
    from (
        select
            'more' || $load || '-' || one.number as message_id,
            one.user_id,
            other.anonymous_id,
            other.context,
            timestamp '2026-06-01' + to_seconds(one.number) as occurred_at
        from (
            select s.user_id, row_number() over (order by hash(s.event_id, $load)) as number
            from {STAGED} as s
            where s.user_id is not null
            order by number
            limit $count
        ) as one
        inner join (
            select
                s.anonymous_id, s.context,
                row_number() over (order by hash(s.event_id, -$load)) as number
            from {STAGED} as s
            order by number
            limit $count
        ) as other on one.number = other.number
    ) as staged
"""  # noqa: S608 (constants)


@dataclass(frozen=True)
class Followed:
    """A run: events that it added, identifiers that it wrote, seconds of its statements."""

    name: str
    events: int
    identifiers: int
    seconds: float
    peak_mb: float
    slowest: tuple[tuple[str, float], ...]


def measure(folder: Path, edges: int, memory_gb: int, *, limits: bool) -> list[Followed]:
    """The full run, then one for each share of new events, then one without any."""
    project = _make_project(folder, memory_gb, limits=limits)
    with duckdb.connect(str(folder / "project" / "warehouse.duckdb")) as connection:
        connection.execute("create schema if not exists main_internal")
        connection.execute(_STARS, {"edges": edges, "first": 0, "load": 1})
    runs = [_run(project, "everything", edges)]
    for number, share in enumerate(SHARES):
        count = max(1, int(edges * share))
        with duckdb.connect(str(folder / "project" / "warehouse.duckdb")) as connection:
            connection.execute(_MORE, {"count": count, "load": number + 2})
        runs.append(_run(project, f"{share:.2%} more", count))
    runs.append(_run(project, "nothing", 0))
    return runs


def _make_project(folder: Path, memory_gb: int, *, limits: bool) -> Project:
    place = folder / "project"
    create_project(place)
    profiles = place / "profiles.yml"
    settings = f"settings:\n        threads: {THREADS}\n        memory_limit: {memory_gb}GB"
    profiles.write_text(profiles.read_text().replace("settings:", settings, 1))
    project = find_project(place)
    if not limits:
        lift_limits(project)
    write_files(project, generated_files(project, compile_catalogue(load_catalogue(project))))
    return project


def _run(project: Project, name: str, events: int) -> Followed:
    phases = Phases()
    with phases.measure("dbt run"):
        run_logged(project, "run", "--select", "+identity_graph", "--exclude", "+stg_events")
    nodes = dbt_times(project)["nodes"]
    ordered = sorted(((one["name"], one["sql_s"]) for one in nodes), key=lambda one: -one[1])
    with open_warehouse(project, read_only=True) as warehouse:
        written = warehouse.value(
            "select count(*) from main_internal.int_identity__resolved where resolution = "
            "(select max(resolution) from main_internal.int_identity__progress)"
        )
    seconds = sum(spent for _, spent in ordered)
    peak = max(step.peak_mb for step in phases.steps)
    return Followed(name, events, written, seconds, peak, tuple(ordered[:5]))


def print_report(runs: list[Followed], *, limits: bool) -> None:
    """Two tables, as Markdown, to stdout."""
    full = runs[0].seconds
    rules = "the shipped limits" if limits else "limits out of reach"
    lines = [
        f"{rules}; {THREADS} threads; "
        + ", ".join(f"{name} {value}" for name, value in machine().items()),
        "",
        *table(
            ("run", "new events", "identifiers written", "seconds", "of everything", "peak, MB"),
            [
                (
                    run.name,
                    f"{run.events:,}",
                    f"{run.identifiers:,}",
                    f"{run.seconds:.2f}",
                    f"{run.seconds / full:.1%}",
                    f"{run.peak_mb:,.0f}",
                )
                for run in runs
            ],
        ),
        "",
        *table(
            ("run", "where its seconds went"),
            [
                (run.name, ", ".join(f"{name} {spent:.1f}" for name, spent in run.slowest))
                for run in runs
            ],
        ),
    ]
    sys.stdout.write("\n".join(lines) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edges", type=int, default=10_000_000)
    parser.add_argument("--limits", action="store_true", help="the shipped limits hold")
    parser.add_argument("--memory", type=int, default=5, help="GB that DuckDB may use")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="cdp-change-"))
    try:
        runs = measure(folder, given.edges, given.memory, limits=given.limits)
    finally:
        shutil.rmtree(folder)
    print_report(runs, limits=given.limits)


if __name__ == "__main__":
    main()
