"""Whether what the fields of a sync name exists, and fits. Adds problems; nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from cdp.errors import Location, Problems, suggest
from cdp.sql.types import describe
from cdp.sql.written import WITHOUT_TEXT
from cdp.syncs.fields import JSON_KINDS, NESTED, Field, Part, column_type, templates
from cdp.syncs.origin import ACCOUNT
from cdp.syncs.spec import Sync

_SOURCES = {
    "profile": "an audience or 'profiles: true'",
    "account": f"'entities: {ACCOUNT}'",
}


class Definitions(Protocol):
    """The part of the catalogue that fields refer to."""

    @property
    def identity(self) -> Any: ...
    @property
    def traits(self) -> Mapping[str, Any]: ...


def check_fields(sync: Sync, catalogue: Definitions, problems: Problems) -> None:
    """Adds a problem for each name in a field that nothing defines."""
    for one in sync.sources:
        _check_source(sync, one, catalogue, problems)
    for field in sync.fields:
        for template in templates(field):
            for part in template.parts:
                if isinstance(part, Part):
                    _check_part(sync, template, part, catalogue, problems)
        if field.name == sync.key and field.kind in NESTED:
            problems.add(
                "nested-key",
                f"the key '{sync.key}' of sync '{sync.name}' is an {field.kind}",
                sync.key_location or sync.location,
                "make a field with one value the key",
            )


def _check_source(sync: Sync, one: Field, catalogue: Definitions, problems: Problems) -> None:
    """A simple field: a value of its own."""
    name = str(one.value)
    if one.kind == "trait" and name:
        _check_trait(sync, one, catalogue, problems)
    if one.kind == "identifier" and name:
        _check_identifier(sync, name, one.location, catalogue, problems)
    if one.kind in JSON_KINDS and not sync.origin.is_events:
        problems.add(
            "wrong-level",
            f"sync '{sync.name}' maps {one.kind} '{name}', which is of events, and {_is_not(sync)}",
            one.location,
            "use a trait, or a sync of events ('from: {events: ...}')",
        )
    if one.kind == "column" and name:
        _check_column(sync, name, one.location, problems)
    if one.strategy == "all" and one.name != sync.key:
        problems.add(
            "all-needs-key",
            f"sync '{sync.name}' maps every '{name}' of a profile to '{one.name}', "
            "which is not its key",
            one.location,
            f"write 'key: {one.name}', so that each is a row of its own, or choose one with "
            "'strategy: last'",
        )


def _check_part(
    sync: Sync, field: Field, part: Part, catalogue: Definitions, problems: Problems
) -> None:
    source = part.field
    if source.kind == "trait" and str(source.value) not in catalogue.traits:
        return
    kind = column_type(source, catalogue.traits)
    if kind in WITHOUT_TEXT:
        problems.add(
            "no-text",
            f"the template of field '{field.name}' of sync '{sync.name}' has {describe(kind)} of "
            f"type '{kind}' in it ('{source.value}'), which engines write in different ways",
            part.location,
            "use a value of another type, such as decimal",
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
            f"sync '{sync.name}' uses column '{column}', which {sync.origin.shown} {has}",
            location,
            suggest(column, known),
        )
