"""When a sync is to run: `schedule`, read into a frozen spec, and the moments that it means.

Owns no clock and starts nothing: something else calls `cdp sync run --due` every few
minutes. All moments are UTC without a zone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from cdp.errors import Location
from cdp.sql.windows import Duration, read_duration
from cdp.yamlfile import Section

_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])\Z")
UTC = "UTC"


@dataclass(frozen=True)
class Schedule:
    """`every` so many minutes after the last start, or daily `at` a time of a `zone`'s clocks."""

    every: timedelta | None
    at: time | None
    zone: str
    location: Location

    def due_after(self, started_at: datetime) -> datetime:
        """When a sync is due whose last good run began then.

        A time that clocks skip counts by the offset before; of one that they repeat, the first.
        """
        if self.every is not None:
            return started_at + self.every
        assert self.at is not None
        zone = _zone(self.zone)
        started = started_at.replace(tzinfo=timezone.utc)
        day = started.astimezone(zone).date()
        while True:
            due = datetime.combine(day, self.at, tzinfo=zone).astimezone(timezone.utc)
            if due > started:
                return due.replace(tzinfo=None)
            day += timedelta(days=1)


def read_schedule(section: Section) -> Schedule | None:
    """`schedule` of a sync, or None where it has none."""
    one = section.section("schedule", f"'schedule' of {section.what}")
    if one is None:
        return None
    every, at = _every(one), _at(one)
    zone = one.text("zone", default=UTC)
    if ("every" in one) == ("at" in one):
        one.problems.add(
            "ambiguous-schedule",
            f"{one.what} must have either 'every' or 'at'",
            one.location,
            "write 'every: 6 hours', or 'at: \"06:00\"' with a 'zone'",
        )
    if "zone" in one and not ("at" in one and _is_zone(zone)):
        one.problems.add(
            "invalid-zone",
            f"{one.what} has the zone '{zone}'"
            + ("" if "at" in one else ", and no time of a day that it could be about"),
            one.place("zone"),
            "write a name such as Europe/Vienna beside 'at'",
        )
        zone = UTC
    one.finish()
    return Schedule(every, at, zone, one.location) if every or at is not None else None


def _every(one: Section) -> timedelta | None:
    node = one.node("every")
    found = read_duration(node, f"'every' of {one.what}", one.problems) if node else None
    if found is None:
        return None
    if found.months:
        _note_months(one, found)
        return None
    return timedelta(minutes=found.minutes)


def _note_months(one: Section, found: Duration) -> None:
    one.problems.add(
        "invalid-duration",
        f"'every' of {one.what} has the duration '{found}', which is not always as long",
        one.place("every"),
        "write minutes, hours, days or weeks",
    )


def _at(one: Section) -> time | None:
    text = one.text("at")
    found = _TIME.match(text)
    if text and found is None:
        one.problems.add(
            "invalid-time",
            f"'at' of {one.what} is '{text}'",
            one.place("at"),
            'write hours and minutes in quotes, such as "06:00"',
        )
    return time(int(found[1]), int(found[2])) if found else None


def _is_zone(name: str) -> bool:
    try:
        _zone(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def _zone(name: str) -> tzinfo:
    """Without the zone database, UTC is known all the same."""
    return timezone.utc if name == UTC else ZoneInfo(name)
