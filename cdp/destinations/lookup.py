"""Finding a destination's ids of rows before they are written.

Owns which rows must be asked for, how many at once, and what a missing one
becomes. Ids that the ledger already has are not asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from cdp.destinations.delivery import ACCEPTED, REJECTED, Outcome, Refused
from cdp.destinations.manifest.objects import Lookup
from cdp.destinations.manifest.request import Request
from cdp.destinations.reply import parse_body
from cdp.destinations.rows import Row
from cdp.destinations.template import look_up

Ask = Callable[[Request, list[Row]], httpx.Response | Outcome]


@dataclass
class Found:
    """Positions of rows whose id is known, of those to be created, and settled outcomes."""

    known: list[int] = field(default_factory=list)
    missing: list[int] = field(default_factory=list)
    settled: dict[int, Outcome] = field(default_factory=dict)


def find_ids(lookup: Lookup, rows: list[Row], ask: Ask) -> Found | Outcome | Refused:
    """Fill `remote_id` of the rows.

    An Outcome when the destination did not answer; Refused when it refused the question.
    """
    wanted = [index for index, row in enumerate(rows) if not row["remote_id"]]
    for first in range(0, len(wanted), lookup.max_items):
        part = [rows[index] for index in wanted[first : first + lookup.max_items]]
        reply = ask(lookup.request, part)
        if isinstance(reply, Outcome):
            return reply
        if reply.status_code == 404:
            continue
        if not 200 <= reply.status_code < 300:
            return Refused(f"http_{reply.status_code}", "the look-up was refused")
        _take(lookup, part, parse_body(reply))
    return _sorted(lookup, rows)


def _take(lookup: Lookup, rows: list[Row], body: Any) -> None:
    entries = look_up(body, lookup.list)
    if isinstance(entries, Mapping) and not lookup.match:
        ids = {str(key).casefold(): look_up(one, lookup.take) for key, one in entries.items()}
    elif isinstance(entries, list) and lookup.match:
        ids = {
            str(look_up(one, lookup.match)).casefold(): look_up(one, lookup.take) for one in entries
        }
    elif isinstance(entries, list) and len(rows) == 1:
        first = entries[0] if entries else None
        ids = {str(rows[0]["key"]).casefold(): look_up(first, lookup.take)}
    else:
        return
    for row in rows:
        found = ids.get(str(row["key"]).casefold())
        row["remote_id"] = None if found is None else str(found)


def _sorted(lookup: Lookup, rows: list[Row]) -> Found:
    found = Found()
    for index, row in enumerate(rows):
        if row["remote_id"]:
            found.known.append(index)
        elif lookup.if_missing == "create":
            found.missing.append(index)
        elif lookup.if_missing == "accept":
            found.settled[index] = Outcome(ACCEPTED, "absent")
        else:
            found.settled[index] = Outcome(REJECTED, "not_found", "the destination has no such row")
    return found
