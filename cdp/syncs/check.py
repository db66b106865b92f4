"""Whether what the syncs name exists. Reads the catalogue; adds problems; nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from cdp.errors import Location, Problems, suggest
from cdp.syncs.check_target import check_notified, check_target
from cdp.syncs.fields import Field
from cdp.syncs.origin import ACCOUNT
from cdp.syncs.spec import Sync

_SOURCES = {
    "profile": "an audience or 'profiles: true'",
    "account": f"'entities: {ACCOUNT}'",
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
    for field in sync.fields:
        if field.kind == "trait" and field.value:
            _check_trait(sync, field, catalogue, problems)
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


def _check_origin(sync: Sync, catalogue: Definitions, problems: Problems) -> None:
    origin = sync.origin
    if origin.kind == "audience" and origin.name and origin.name not in catalogue.audiences:
        problems.add(
            "unknown-audience",
            f"sync '{sync.name}' sends audience '{origin.name}', which is not defined",
            origin.location,
            suggest(origin.name, catalogue.audiences),
        )
    known = [ACCOUNT, *catalogue.entities]
    if origin.kind == "entities" and origin.name and origin.name not in known:
        problems.add(
            "unknown-entity",
            f"sync '{sync.name}' sends entity '{origin.name}', which is not defined",
            origin.location,
            suggest(origin.name, known),
        )


def _check_trait(sync: Sync, field: Field, catalogue: Definitions, problems: Problems) -> None:
    trait = catalogue.traits.get(str(field.value))
    if trait is None:
        problems.add(
            "unknown-trait",
            f"sync '{sync.name}' uses trait '{field.value}', which is not defined",
            field.location,
            suggest(str(field.value), catalogue.traits),
        )
    elif trait.level != sync.origin.level:
        problems.add(
            "wrong-level",
            f"sync '{sync.name}' uses trait '{field.value}', which is of {trait.level}s, "
            f"and {_is_not(sync)}",
            field.location,
            f"use a trait of {sync.origin.level}s, or another source: " + _SOURCES[trait.level]
            if sync.origin.level
            else f"leave it out: {sync.origin.shown} has no traits, only columns",
        )


def _is_not(sync: Sync) -> str:
    return f"{sync.origin.shown} {'is' if sync.origin.name else 'are'} not"


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
    if sync.origin.level != "profile":
        problems.add(
            "wrong-level",
            f"sync '{sync.name}' uses identifier '{name}', which is of profiles, and "
            f"{_is_not(sync)}",
            location,
            "leave it out, or sync a model that says which member's it is",
        )
        return
    known = [one.name for one in catalogue.identity.types]
    if name not in known:
        problems.add(
            "unknown-identifier",
            f"sync '{sync.name}' uses identifier '{name}', which identity.yml does not define",
            location,
            suggest(name, known),
        )


def _check_column(sync: Sync, column: str, location: Location, problems: Problems) -> None:
    known = sync.origin.columns
    if known is not None and column not in known:
        has = "does not have" if sync.origin.name else "do not have"
        problems.add(
            "unknown-column",
            f"sync '{sync.name}' maps column '{column}', which {sync.origin.shown} {has}",
            location,
            suggest(column, known),
        )
