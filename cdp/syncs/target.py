"""What a sync asks of its destination: the object there, its options, names, and how rows end.

Owns the step from a sync's definition and a destination's manifest to the
`Target` of the driver. Checked definitions only; sends nothing.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from cdp.destinations.delivery import Target
from cdp.destinations.manifest.settings import with_defaults
from cdp.destinations.spec import Destination
from cdp.syncs.spec import Sync


def target_of(sync: Sync, destination: Destination) -> Target:
    """What the driver needs to know of the sync."""
    found = destination.manifest.object(sync.object)
    return Target(
        sync.object,
        with_defaults(found.options if found else {}, _given(sync)),
        sync.key,
        {field.name: field.sent_as for field in sync.fields if field.sent_as},
        frozenset(_skipped(sync)),
        sync.mode,
    )


def removes(sync: Sync, destination: Destination) -> bool:
    """Whether rows that leave the source are removed from the destination."""
    found = destination.manifest.object(sync.object)
    if found is not None and (found.appends or not found.removes(sync.mode)):
        return False
    if sync.origin.is_events:
        return False
    return sync.on_leave != "nothing"


def appends(destination: Destination, sync: Sync) -> bool:
    """Whether rows that were acknowledged are never sent again."""
    found = destination.manifest.object(sync.object)
    is_added_once = sync.mode == "insert" or sync.origin.is_events
    return is_added_once or (found is not None and found.appends)


def mapping_of(sync: Sync, destination: Destination) -> str:
    """What the sent rows depend on besides their columns; empty where it is only these."""
    found = destination.manifest.object(sync.object)
    parts: dict[str, Any] = {
        "object": sync.object,
        "options": _given(sync),
        "sent_as": {field.name: field.sent_as for field in sync.fields if field.sent_as},
        "skipped": _skipped(sync),
        "version": found.version if found and found.version > 1 else None,
    }
    said = {name: value for name, value in parts.items() if value}
    return "|" + json.dumps(said, sort_keys=True) if said else ""


def _skipped(sync: Sync) -> list[str]:
    return sorted(field.name for field in sync.fields if field.when_null == "skip")


def _given(sync: Sync) -> dict[str, Any]:
    return {
        option.name: str(option.value) if isinstance(option.value, Decimal) else option.value
        for option in sync.options
    }
