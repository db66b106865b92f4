"""The page of `cdp sync report`: how syncs are, their last runs, and why rows failed.

Owns the page (`report_page.html.j2`), which needs nothing from elsewhere: no script,
no font, no address. What it shows comes from `cdp.syncs.status` and `sync_runs`.
Reads only; whatever a destination said is text and never markup.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cdp.clock import utc_now
from cdp.project import Project
from cdp.syncs.alerts import Broken, broken_alerts
from cdp.syncs.spec import Sync
from cdp.syncs.status import Failure, SyncStatus, sync_failures, sync_status
from cdp.syncs.tables import is_current, table
from cdp.warehouse import Warehouse

MOST_RUNS = 30
_COLOURS = {"done": "good", "failed": "bad", "guarded": "bad", "lost": "bad", "sending": ""}


@dataclass(frozen=True)
class Run:
    """One run; `open` are rows without an answer, or in a job that is not done."""

    state: str
    problem: str | None
    started_at: datetime
    seconds: float | None
    desired: int | None
    added: int | None
    changed: int | None
    removed: int | None
    accepted: int
    rejected: int
    open: int
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    latency_p99_ms: float | None


@dataclass(frozen=True)
class Reported:
    """What the page says of a sync; the latest run comes first."""

    status: SyncStatus
    description: str
    alerts: Sequence[Broken]
    failures: Sequence[Failure]
    runs: Sequence[Run]

    @property
    def most_sent(self) -> int:
        """The longest bar."""
        return max((run.accepted + run.rejected + run.open for run in self.runs), default=0)


def report_page(warehouse: Warehouse, project: Project, syncs: Sequence[Sync]) -> str:
    """The page of these syncs, as HTML."""
    reported = [
        Reported(
            status,
            sync.description,
            broken_alerts(warehouse, project, [sync]),
            sync_failures(warehouse, project, [sync]),
            _runs(warehouse, project, sync),
        )
        for sync, status in zip(syncs, sync_status(warehouse, project, syncs), strict=True)
    ]
    return _page(project.name, reported)


def _runs(warehouse: Warehouse, project: Project, sync: Sync) -> list[Run]:
    if not is_current(warehouse, project):
        return []
    rows = warehouse.rows(
        "select state, problem, started_at, "  # noqa: S608
        "epoch_ms(finished_at - started_at) / 1000, desired, added, changed, removed, "
        "coalesce(accepted, 0), coalesce(rejected, 0), "
        "coalesce(retry, 0) + coalesce(unknown, 0) + coalesce(staged, 0), "
        "latency_p50_ms, latency_p95_ms, latency_p99_ms "
        f"from {table(project, 'sync_runs')} where sync_name = ? and destination_name = ? "
        "order by started_at desc, run_id desc limit ?",
        [sync.name, sync.destination, MOST_RUNS],
    )
    return [Run(*row) for row in rows]


def _page(title: str, syncs: Sequence[Reported]) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("cdp.syncs", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "moment": lambda value: f"{value:%Y-%m-%d %H:%M}" if value else "",
        "count": lambda value: "" if value is None else f"{value:,}",
        "ms": lambda value: "" if value is None else f"{value:,.0f}",
        "seconds": lambda value: "" if value is None else f"{value:,.1f}",
        "share": _share,
        "colour": lambda state: _COLOURS.get(state, "doubt") if state else "",
    }
    page = environment.get_template("report_page.html.j2")
    return page.render(title=title, syncs=syncs, made_at=utc_now())


def _share(part: int, whole: int) -> Any:
    return round(100 * part / whole, 2) if whole else 0
