"""Whether what the syncs name exists. Reads the catalogue; adds problems; nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from cdp.errors import Location, Problems, suggest
from cdp.syncs.check_target import check_notified, check_target
from cdp.syncs.spec import PROFILE_KEY, Sync

PROFILE_COLUMNS = {
    PROFILE_KEY: "string",
    "is_anonymous": "boolean",
    "first_seen_at": "timestamp",
    "last_seen_at": "timestamp",
    "event_count": "integer",
    "identifier_count": "integer",
    "user_id": "string",
    "email": "string",
}


class Definitions(Protocol):
    """The part of the catalogue that syncs refer to; all mappings are by name."""

    @property
    def identity(self) -> Any: ...
    @property
    def traits(self) -> Mapping[str, Any]: ...
    @property
    def audiences(self) -> Mapping[str, Any]: ...
    @property
    def destinations(self) -> Mapping[str, Any]: ...
    @property
    def syncs(self) -> Mapping[str, Sync]: ...


def check_syncs(catalogue: Definitions, problems: Problems) -> None:
    """Adds a problem for each name in a sync that nothing defines."""
    for sync in catalogue.syncs.values():
        _check_sync(sync, catalogue, problems)


def _check_sync(sync: Sync, catalogue: Definitions, problems: Problems) -> None:
    origin = sync.origin
    if origin.kind == "audience" and origin.name and origin.name not in catalogue.audiences:
        problems.add(
            "unknown-audience",
            f"sync '{sync.name}' sends audience '{origin.name}', which is not defined",
            origin.location,
            suggest(origin.name, catalogue.audiences),
        )
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
    for field in sync.fields:
        if field.kind == "trait" and field.value and field.value not in catalogue.traits:
            problems.add(
                "unknown-trait",
                f"sync '{sync.name}' uses trait '{field.value}', which is not defined",
                field.location,
                suggest(str(field.value), catalogue.traits),
            )
        elif field.kind == "trait" and catalogue.traits[str(field.value)].level != "profile":
            problems.add(
                "wrong-level",
                f"sync '{sync.name}' uses trait '{field.value}', which is of accounts",
                field.location,
                "use a trait of profiles, or a sync of the model 'account_computed_traits'",
            )
        if field.strategy == "all" and field.name != sync.key:
            problems.add(
                "all-needs-key",
                f"sync '{sync.name}' maps every '{field.value}' of a profile to '{field.name}', "
                "which is not its key",
                field.location,
                f"write 'key: {field.name}', so that each is a row of its own, or choose one with "
                "'strategy: last'",
            )
        if field.kind == "identifier" and field.value:
            _check_identifier(sync, str(field.value), field.location, catalogue, problems)
        if field.kind == "column" and field.value:
            _check_column(sync, str(field.value), field.location, problems)


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


def _check_identifier(
    sync: Sync, name: str, location: Location, catalogue: Definitions, problems: Problems
) -> None:
    known = [one.name for one in catalogue.identity.types]
    if name not in known:
        problems.add(
            "unknown-identifier",
            f"sync '{sync.name}' uses identifier '{name}', which identity.yml does not define",
            location,
            suggest(name, known),
        )


def _check_column(sync: Sync, column: str, location: Location, problems: Problems) -> None:
    if sync.origin.kind == "model":
        return
    known = PROFILE_COLUMNS if sync.origin.kind == "profiles" else {PROFILE_KEY: "string"}
    if column not in known:
        problems.add(
            "unknown-column",
            f"sync '{sync.name}' maps column '{column}', which "
            f"{sync.origin.kind} '{sync.origin.name}' does not have"
            if sync.origin.name
            else f"sync '{sync.name}' maps column '{column}', which profiles do not have",
            location,
            suggest(column, known),
        )
