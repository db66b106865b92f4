"""Whether what the syncs name exists. Reads the catalogue; adds problems; nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from cdp.errors import Problems, suggest
from cdp.syncs.check_fields import check_fields
from cdp.syncs.check_filter import check_consent, check_filter
from cdp.syncs.check_target import check_notified, check_target
from cdp.syncs.origin import ACCOUNT
from cdp.syncs.spec import Sync


class Definitions(Protocol):
    """The part of the catalogue that syncs refer to; all mappings are by name."""

    @property
    def identity(self) -> Any: ...
    @property
    def traits(self) -> Mapping[str, Any]: ...
    @property
    def audiences(self) -> Mapping[str, Any]: ...
    @property
    def entities(self) -> Mapping[str, Any]: ...
    @property
    def destinations(self) -> Mapping[str, Any]: ...
    @property
    def syncs(self) -> Mapping[str, Sync]: ...


def check_syncs(catalogue: Definitions, problems: Problems) -> None:
    """Adds a problem for each name in a sync that nothing defines."""
    for sync in catalogue.syncs.values():
        _check_sync(sync, catalogue, problems)


def _check_sync(sync: Sync, catalogue: Definitions, problems: Problems) -> None:
    _check_origin(sync, catalogue, problems)
    if sync.destination and sync.destination not in catalogue.destinations:
        problems.add(
            "unknown-destination",
            f"sync '{sync.name}' writes to destination '{sync.destination}', which is not defined",
            sync.destination_location,
            suggest(sync.destination, catalogue.destinations),
        )
    elif sync.destination:
        check_target(sync, catalogue.destinations[sync.destination], problems)
    _check_alert(sync, catalogue, problems)
    check_fields(sync, catalogue, problems)
    check_filter(sync, catalogue.traits, problems)
    check_consent(sync, problems)


def _check_origin(sync: Sync, catalogue: Definitions, problems: Problems) -> None:
    origin = sync.origin
    if origin.kind == "audience" and origin.name and origin.name not in catalogue.audiences:
        problems.add(
            "unknown-audience",
            f"sync '{sync.name}' sends audience '{origin.name}', which is not defined",
            origin.location,
            suggest(origin.name, catalogue.audiences),
        )
    if origin.is_events:
        _check_events(sync, problems)
    known = [ACCOUNT, *catalogue.entities]
    if origin.kind == "entities" and origin.name and origin.name not in known:
        problems.add(
            "unknown-entity",
            f"sync '{sync.name}' sends entity '{origin.name}', which is not defined",
            origin.location,
            suggest(origin.name, known),
        )


def _check_events(sync: Sync, problems: Problems) -> None:
    """An event is sent once whoever it belongs to, so nothing but its id is its key."""
    key = next((field for field in sync.fields if field.name == sync.key), None)
    if key is not None and (key.kind, key.value) != ("column", sync.origin.key):
        problems.add(
            "unstable-key",
            f"sync '{sync.name}' sends events by '{sync.key}', which two of them may share",
            sync.key_location or sync.location,
            f"leave 'key' out, or map it from the event's id: '{sync.key}: "
            f"{{column: {sync.origin.key}}}'",
        )


def _check_alert(sync: Sync, catalogue: Definitions, problems: Problems) -> None:
    told = sync.alert.notify if sync.alert else ""
    if told in catalogue.destinations:
        check_notified(sync, catalogue.destinations[told], problems)
    elif told:
        problems.add(
            "unknown-destination",
            f"the alert of sync '{sync.name}' tells destination '{told}', which is not defined",
            sync.alert.notify_location if sync.alert else None,
            suggest(told, catalogue.destinations),
        )
