"""Alerts of syncs: which limits are broken now, and telling whoever should know.

Owns the four alerts and `sync_alerts`. `failed`: the last run failed, or a guard
stopped it. `rejected`: too large a share of the rows is refused or invalid.
`no_success`: no run was done for too long. `size`: the rows that should be there
differ too much from the mean of the runs before. Texts name syncs and numbers,
never rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from cdp.catalogue import Catalogue
from cdp.clock import utc_now
from cdp.destinations.delivery import ACCEPTED, UPSERT, Batch, OutgoingRow, Refused, Stop, Target
from cdp.destinations.drivers import open_driver
from cdp.errors import RunError
from cdp.project import Project
from cdp.syncs.limits import Alert
from cdp.syncs.plan import check_live
from cdp.syncs.spec import Sync
from cdp.syncs.tables import ensure_tables, is_current, table
from cdp.warehouse import LOCK_WAIT_S, Warehouse, open_warehouse

RUNS_OF_A_MEAN = 5
OVER = "over"


@dataclass(frozen=True)
class Broken:
    """A limit that a sync breaks."""

    sync: str
    alert: str
    text: str


@dataclass(frozen=True)
class News:
    """What somebody is to be told: that a limit is broken, or that it is `over`."""

    sync: str
    alert: str
    what: str
    text: str
    began_at: datetime


def broken_alerts(warehouse: Warehouse, project: Project, syncs: Sequence[Sync]) -> list[Broken]:
    """The limits that these syncs break now. A sync that never ran breaks none. Reading only."""
    if not is_current(warehouse, project):
        return []
    found = []
    for sync in syncs:
        if sync.alert is not None:
            texts = _texts(warehouse, project, sync, sync.alert)
            found += [Broken(sync.name, name, text) for name, text in texts.items() if text]
    return found


def tell(
    project: Project,
    catalogue: Catalogue,
    syncs: Sequence[Sync],
    lock_wait_s: float = LOCK_WAIT_S,
) -> tuple[list[Broken], list[News]]:
    """Tell what is new or over, once each; what is broken now, and what was told.

    A process that dies between telling and writing it down tells again. Raises
    RunError when a destination does not take the message; it is told the next time.
    """
    with open_warehouse(project, lock_wait_s=lock_wait_s) as warehouse:
        ensure_tables(warehouse, project)
        broken = broken_alerts(warehouse, project, syncs)
        news = _news(warehouse, project, broken, [sync.name for sync in syncs])
    for one in news:
        alert = catalogue.syncs[one.sync].alert
        is_told = alert is not None and bool(alert.notify)
        if alert is not None and is_told:
            _send(project, catalogue, alert, one)
        with open_warehouse(project, lock_wait_s=lock_wait_s) as warehouse:
            _write(warehouse, project, one, is_told)
    return broken, news


def _texts(warehouse: Warehouse, project: Project, sync: Sync, alert: Alert) -> dict[str, str]:
    runs = warehouse.rows(
        "select state, problem, started_at, finished_at, desired "  # noqa: S608
        f"from {table(project, 'sync_runs')} where sync_name = ? and destination_name = ? "
        "and state not in ('planning', 'sending') order by started_at desc, run_id desc",
        [sync.name, sync.destination],
    )
    if not runs:
        return {}
    state, problem = runs[0][:2]
    return {
        "failed": f"the last run {_ended(state)}: {problem}"
        if state in ("failed", "guarded", "lost")
        else "",
        "rejected": _rejected(warehouse, project, sync, alert.max_rejected_ratio),
        "no_success": _no_success(runs, alert.max_hours_without_success),
        "size": _size([row[4] for row in runs if row[4] is not None], alert.max_size_change_ratio),
    }


def _ended(state: str) -> str:
    return {"guarded": "was stopped by a guard", "lost": "died without a trace"}.get(state, state)


def _rejected(warehouse: Warehouse, project: Project, sync: Sync, most: Decimal | None) -> str:
    if most is None:
        return ""
    bad, good = warehouse.rows(
        "select (select coalesce(sum(f.row_count), 0) "  # noqa: S608
        f"from {table(project, 'sync_failures')} as f where f.sync_name = ? "
        "and f.destination_name = ? and f.outcome in ('rejected', 'invalid')), "
        f"(select count(*) from {table(project, 'sync_ledger')} as l where l.sync_name = ? "
        "and l.destination_name = ? and l.remote_state <> 'absent' "
        "and l.last_outcome <> 'rejected')",
        [sync.name, sync.destination] * 2,
    )[0]
    total = int(bad) + int(good)
    if not total or bad <= most * total:
        return ""
    return f"{int(bad):,} of {total:,} rows are rejected or invalid ({_percent(bad, total)})"


def _no_success(runs: list[tuple[Any, ...]], most_hours: int | None) -> str:
    if most_hours is None:
        return ""
    done = [row[3] for row in runs if row[0] == "done"]
    since = done[0] if done else runs[-1][2]
    hours = (utc_now() - since).total_seconds() / 3_600
    if hours <= most_hours:
        return ""
    return f"no run was done for {int(hours):,} hours"


def _size(sizes: list[int], most: Decimal | None) -> str:
    before = sizes[1 : RUNS_OF_A_MEAN + 1]
    if most is None or not before:
        return ""
    mean = Decimal(sum(before)) / len(before)
    if abs(sizes[0] - mean) <= most * mean:
        return ""
    return f"{sizes[0]:,} rows should be there, and {round(mean):,} in the runs before"


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f}%"


def _news(
    warehouse: Warehouse, project: Project, broken: list[Broken], names: list[str]
) -> list[News]:
    known = {
        (sync, alert): (text, began_at)
        for sync, alert, text, began_at in warehouse.rows(
            "select sync_name, alert, text, began_at "  # noqa: S608
            f"from {table(project, 'sync_alerts')} where ended_at is null"
        )
    }
    now, present = utc_now(), {(one.sync, one.alert) for one in broken}
    fresh = [
        News(one.sync, one.alert, "broken", one.text, now)
        for one in broken
        if (one.sync, one.alert) not in known
    ]
    over = [
        News(sync, alert, OVER, text, began_at)
        for (sync, alert), (text, began_at) in sorted(known.items())
        if (sync, alert) not in present and sync in names
    ]
    return fresh + over


def _write(warehouse: Warehouse, project: Project, one: News, is_told: bool) -> None:
    alerts, now = table(project, "sync_alerts"), utc_now()
    if one.what == OVER:
        warehouse.execute(
            f"update {alerts} set ended_at = ? "  # noqa: S608
            "where sync_name = ? and alert = ? and ended_at is null",
            [now, one.sync, one.alert],
        )
    else:
        warehouse.execute(
            f"insert into {alerts} (sync_name, alert, text, began_at, told_at) "  # noqa: S608
            "values (?, ?, ?, ?, ?)",
            [one.sync, one.alert, one.text, one.began_at, now if is_told else None],
        )


def _send(project: Project, catalogue: Catalogue, alert: Alert, one: News) -> None:
    destination = catalogue.destinations[alert.notify]
    check_live(project, destination)
    found = destination.manifest.object("")
    word = "is over" if one.what == OVER else "alert"
    fields = {
        "text": f"cdp sync {one.sync} {word} ({one.alert}): {one.text}",
        "sync": one.sync,
        "alert": one.alert,
        "state": one.what,
        **dict(alert.notify_fields),
    }
    if found is not None and found.unknown_fields != "send":
        fields = {name: value for name, value in fields.items() if name in found.fields}
    key = f"{one.sync}:{one.alert}:{one.what}:{one.began_at:%Y%m%dT%H%M%S%f}"
    batch = Batch("sync_alerts", key, 1, [OutgoingRow(UPSERT, key, fields)], key)
    try:
        target = Target(found.name if found else "", {}, "alert_id")
        with closing(open_driver(destination, project.folder, target=target)) as driver:
            reply = driver.send(batch)
    except Stop as stop:
        raise RunError(stop.slug, stop.message, help=stop.help) from None
    if isinstance(reply, Refused) or reply[0].state != ACCEPTED:
        raise RunError(
            "not-notified",
            f"destination '{alert.notify}' did not take the alert of sync '{one.sync}'",
            help="check it with 'cdp destination test'; the next 'cdp sync alerts --notify' "
            "tells it again",
        )
