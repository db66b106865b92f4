"""Schedules: when a sync is due, what a scheduler's call runs, and mistakes."""

from __future__ import annotations

import json
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cdp.cli import cli
from cdp.errors import Location
from cdp.syncs.schedule import Schedule

from .harness import Server, Shop
from .test_definitions import GOOD, problems_of

PLACE = Location(Path("customers.yml"))


def test_a_period_counts_from_the_last_start() -> None:
    schedule = Schedule(timedelta(hours=6), None, "UTC", PLACE)
    assert schedule.due_after(datetime(2026, 11, 23, 22, 5)) == datetime(2026, 11, 24, 4, 5)


@pytest.mark.parametrize(
    ("at", "started", "due"),
    [
        # 06:00 in Vienna is 05:00 UTC in winter and 04:00 in summer.
        ("06:00", "2026-11-23T04:59", "2026-11-23T05:00"),
        ("06:00", "2026-11-23T05:00", "2026-11-24T05:00"),
        ("06:00", "2026-03-28T06:00", "2026-03-29T04:00"),
        ("06:00", "2026-10-24T06:00", "2026-10-25T05:00"),
        # The day in Vienna has begun, the day in UTC has not.
        ("00:30", "2026-11-22T23:15", "2026-11-22T23:30"),
        # Clocks skip this time on this day; on another they show it twice.
        ("02:30", "2026-03-28T12:00", "2026-03-29T01:30"),
        ("02:30", "2026-10-24T12:00", "2026-10-25T00:30"),
        ("02:30", "2026-10-25T00:30", "2026-10-26T01:30"),
    ],
)
def test_a_time_of_day_is_that_of_the_zones_clocks(at: str, started: str, due: str) -> None:
    schedule = Schedule(None, time.fromisoformat(at), "Europe/Vienna", PLACE)
    assert schedule.due_after(datetime.fromisoformat(started)) == datetime.fromisoformat(due)


def test_utc_needs_no_database_of_zones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cdp.syncs.schedule.ZoneInfo", None)
    schedule = Schedule(None, time(6), "UTC", PLACE)
    assert schedule.due_after(datetime(2026, 1, 1, 7)) == datetime(2026, 1, 2, 6)


def invoke(shop: Shop, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["sync", *arguments, "--project-dir", str(shop.folder)])


def rows(result: Result, *names: str) -> list[list[Any]]:
    return [[json.loads(line)[one] for one in names] for line in result.stdout.splitlines()]


def test_a_scheduler_runs_what_is_due(shop: Shop, server: Server) -> None:
    shop.sync("hourly", more="schedule: {every: 1 hour}")
    shop.sync("daily", more="schedule: {every: 1 day}")
    for name in ("hourly", "daily", "customers"):
        shop.desire({"a": "a@x"}, name)
    statuses = rows(invoke(shop, "status"), "sync", "due")
    assert statuses == [["customers", None], ["daily", "now"], ["hourly", "now"]]
    # What never ran is due; what has no schedule never is.
    assert rows(invoke(shop, "run", "--due"), "sync", "sent") == [["daily", 1], ["hourly", 1]]
    again = invoke(shop, "run", "--due")
    assert (again.exit_code, again.stdout, again.stderr) == (0, "", "no sync is due\n")
    # Two hours pass, and the hourly one fails: it stays due.
    shop.rows("update main_ops.sync_runs set started_at = started_at - interval 2 hour")
    server.always = lambda body: 401
    shop.desire({"a": "b@x"}, "hourly")
    failed = invoke(shop, "run", "--due")
    assert (failed.exit_code, rows(failed, "sync")) == (1, [["hourly"]])
    server.always = None
    assert rows(invoke(shop, "run", "--due", "daily"), "sync") == []
    assert rows(invoke(shop, "run", "--due"), "sync", "accepted") == [["hourly", 1]]
    (started,) = shop.rows(
        "select max(started_at) from main_ops.sync_runs where sync_name = 'hourly'"
    )[0]
    due = f"{started + timedelta(hours=1):%Y-%m-%d %H:%M:%S}"
    assert rows(invoke(shop, "status", "hourly"), "due") == [[due]]


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (
            "{every: 6h}",
            (
                "error[invalid-duration]: 'every' of 'schedule' of sync 'customers' has the "
                "duration '6h'\n"
                "  --> syncs/customers.yml:7:19\n"
                "   7 | schedule: {every: 6h}\n"
                "help: write a number and a unit: minutes, hours, days, weeks, months, quarters "
                "or years, such as '90 days'"
            ),
        ),
        (
            "{every: 1 month}",
            (
                "error[invalid-duration]: 'every' of 'schedule' of sync 'customers' has the "
                "duration '1 month', which is not always as long\n"
                "  --> syncs/customers.yml:7:19\n"
                "   7 | schedule: {every: 1 month}\n"
                "help: write minutes, hours, days or weeks"
            ),
        ),
        (
            "{every: 1 day, at: '06:00'}",
            (
                "error[ambiguous-schedule]: 'schedule' of sync 'customers' must have either "
                "'every' or 'at'\n"
                "  --> syncs/customers.yml:7:11\n"
                "   7 | schedule: {every: 1 day, at: '06:00'}\n"
                "help: write 'every: 6 hours', or 'at: \"06:00\"' with a 'zone'"
            ),
        ),
        (
            "{at: '6 am'}",
            (
                "error[invalid-time]: 'at' of 'schedule' of sync 'customers' is '6 am'\n"
                "  --> syncs/customers.yml:7:16\n"
                "   7 | schedule: {at: '6 am'}\n"
                'help: write hours and minutes in quotes, such as "06:00"'
            ),
        ),
        (
            "{at: '06:00', zone: Europe/Wien}",
            (
                "error[invalid-zone]: 'schedule' of sync 'customers' has the zone 'Europe/Wien'\n"
                "  --> syncs/customers.yml:7:31\n"
                "   7 | schedule: {at: '06:00', zone: Europe/Wien}\n"
                "help: write a name such as Europe/Vienna beside 'at'"
            ),
        ),
        (
            "{every: 1 day, zone: Europe/Vienna}",
            (
                "error[invalid-zone]: 'schedule' of sync 'customers' has the zone "
                "'Europe/Vienna', and no time of a day that it could be about\n"
                "  --> syncs/customers.yml:7:32\n"
                "   7 | schedule: {every: 1 day, zone: Europe/Vienna}\n"
                "help: write a name such as Europe/Vienna beside 'at'"
            ),
        ),
    ],
)
def test_a_mistake_in_a_schedule_is_explained(shop: Shop, schedule: str, expected: str) -> None:
    path = shop.folder / "definitions" / "syncs" / "customers.yml"
    path.write_text(GOOD + f"schedule: {schedule}\n")
    assert problems_of(shop) == expected


@pytest.mark.parametrize("zone", ["../etc/passwd", "Europe", "x" * 300])
def test_a_zone_is_a_name_and_no_path(shop: Shop, zone: str) -> None:
    path = shop.folder / "definitions" / "syncs" / "customers.yml"
    path.write_text(GOOD + f"schedule: {{at: '06:00', zone: {zone}}}\n")
    assert problems_of(shop).startswith("error[invalid-zone]")
