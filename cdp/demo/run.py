"""The demo: a small store from raw events to activated audiences, twice.

The first run loads the store's history and builds everything; the second loads
what came in since and shows that only the change moves. Every step is the one
that the command line offers; the numbers are read from the tables it made.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cdp.catalogue import load_catalogue
from cdp.clock import utc_now
from cdp.dbt import run_dbt
from cdp.demo.quality import Quality, measure_quality
from cdp.demo.receiver import Receiver, receive
from cdp.demo.store import generate_store
from cdp.errors import RunError
from cdp.generate import compile_catalogue, generated_files, write_files
from cdp.loader.load import load_files
from cdp.project import Project, find_project
from cdp.publish import publish
from cdp.scaffold import create_project
from cdp.syncs.run import SyncResult, run_sync
from cdp.warehouse import Warehouse, open_warehouse

MARK = ".cdp-demo"
SOURCES = ("web", "app")
CRM_URL = "CDP_CRM_URL"
FILES = 30
"""Files a source: the last one is what came in since the first run."""


@dataclass(frozen=True)
class AudienceSize:
    """An audience after the last run, and who came and went since the run before."""

    name: str
    members: int
    entered: int
    exited: int


@dataclass(frozen=True)
class DemoReport:
    """What the demo made, for printing."""

    folder: Path
    people: int
    deliveries: int
    rejected: tuple[tuple[str, int], ...]
    events: int
    quality: Quality
    audiences: tuple[AudienceSize, ...]
    syncs: tuple[tuple[SyncResult, ...], ...]
    crm_rows: int
    crm_requests: int
    crm_held: int
    example_user: str


def run_demo(folder: Path, people: int, seed: int, say: Callable[[str], None]) -> DemoReport:
    """Run the whole demo in a folder of its own, from nothing.

    Raises RunError when the folder holds something that is not a demo.
    """
    project = _fresh_project(folder)
    until = utc_now().replace(minute=0, second=0, microsecond=0)
    say(f"1/6 generating the events of {people:,} people")
    generate_store(folder / "events", until=until, people=people, seed=seed, files_per_source=FILES)
    catalogue = load_catalogue(project)
    say(f"2/6 compiling {len(catalogue.traits)} traits and {len(catalogue.audiences)} audiences")
    write_files(project, generated_files(project, compile_catalogue(catalogue)))
    with receive() as crm:
        before = os.environ.get(CRM_URL)
        os.environ[CRM_URL] = crm.url
        try:
            say("3/6 loading the history and building")
            _load(project, slice(None, -1))
            _build(project, _newest(project))
            say("4/6 syncing two audiences")
            first = _sync(project)
            say("5/6 loading what came in since and building the change")
            _load(project, slice(-1, None))
            _build(project, until)
            say("6/6 syncing the change")
            second = _sync(project)
        finally:
            os.environ.pop(CRM_URL)
            if before is not None:
                os.environ[CRM_URL] = before
        return _report(project, people, (first, second), crm)


def _fresh_project(folder: Path) -> Project:
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARK).is_file():
            raise RunError(
                "folder-not-empty",
                f"{folder} is not empty and is not a demo",
                help="name another folder: cdp demo my-demo",
            )
        shutil.rmtree(folder)
    create_project(folder)
    (folder / MARK).write_text("Made by 'cdp demo'; a new demo replaces this folder.\n")
    return find_project(folder)


def _load(project: Project, which: slice) -> None:
    sources = load_catalogue(project).sources
    with open_warehouse(project) as warehouse:
        for source in SOURCES:
            files = sorted((project.folder / "events" / source).glob("*.ndjson.gz"))
            load_files(warehouse, project.raw_schema, sources[source], files[which])


def _newest(project: Project) -> datetime:
    """The receipt of the newest event: the moment that the first run stands at."""
    with open_warehouse(project, read_only=True) as warehouse:
        newest = warehouse.value(f"select max(received_at) from {project.raw_schema}.events")  # noqa: S608 (a schema's name)
    assert isinstance(newest, datetime)
    return newest


def _build(project: Project, as_of: datetime) -> None:
    moment = as_of.strftime("%Y-%m-%d %H:%M:%S")
    run_dbt(project, "build", ["--quiet", "--vars", f'{{"cdp_as_of": "{moment}"}}'])
    with open_warehouse(project) as warehouse:
        publish(project, warehouse)


def _sync(project: Project) -> tuple[SyncResult, ...]:
    catalogue = load_catalogue(project)
    results = tuple(run_sync(project, catalogue, name) for name in sorted(catalogue.syncs))
    for result in results:
        if result.error is not None:
            raise result.error
    return results


def _report(
    project: Project, people: int, syncs: tuple[tuple[SyncResult, ...], ...], crm: Receiver
) -> DemoReport:
    raw = project.raw_schema
    with open_warehouse(project, read_only=True) as warehouse:
        return DemoReport(
            folder=project.folder,
            people=people,
            deliveries=warehouse.value(f"select count(*) from {raw}.events"),  # noqa: S608 (a schema's name)
            rejected=tuple(
                warehouse.rows(
                    f"select reason_code, count(*) from {raw}.rejected "  # noqa: S608 (a schema's name)
                    "group by reason_code order by 2 desc, 1"
                )
            ),
            events=warehouse.value(f"select count(*) from {project.schema('internal')}.stg_events"),  # noqa: S608 (a schema's name)
            quality=measure_quality(project, warehouse, project.folder / "events" / "truth.csv"),
            audiences=_audiences(project, warehouse),
            syncs=syncs,
            crm_rows=crm.rows,
            crm_requests=crm.requests,
            crm_held=len(crm.held),
            example_user=str(
                warehouse.value(
                    f"select min(p.user_id) from {project.schema('public')}.profiles as p "  # noqa: S608 (a schema's name)
                    f"inner join {project.schema('public')}.audience_memberships as m "
                    "using (canonical_profile_id) where m.audience_name = 'vip_customers'"
                )
            ),
        )


def _audiences(project: Project, warehouse: Warehouse) -> tuple[AudienceSize, ...]:
    public, internal = project.schema("public"), project.schema("internal")
    rows = warehouse.rows(
        f"""
        with latest as (
            select max(transitioned_at) as at from {public}.audience_transitions
        ),
        members as (
            select audience_name, count(*) as members
            from {public}.audience_memberships group by audience_name
        ),
        changes as (
            select
                t.audience_name,
                count(*) filter (where t.transition = 'entered') as entered,
                count(*) filter (where t.transition = 'exited') as exited
            from {public}.audience_transitions as t
            inner join latest on t.transitioned_at = latest.at
            group by t.audience_name
        )
        select
            d.audience_name,
            coalesce(m.members, 0),
            coalesce(c.entered, 0),
            coalesce(c.exited, 0)
        from {internal}.int_audiences__defined as d
        left join members as m on d.audience_name = m.audience_name
        left join changes as c on d.audience_name = c.audience_name
        order by d.audience_name
        """  # noqa: S608 (schema names)
    )
    return tuple(AudienceSize(*row) for row in rows)
