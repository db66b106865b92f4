"""All definitions of a project together, read and checked.

Owns where definition files are and that names are unique across files. What one file
may say belongs to each domain's `spec`; what refers to other definitions, to its
`check`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Protocol, TypeVar

from cdp.audiences.check import check_audiences
from cdp.audiences.references import resolved_audiences
from cdp.audiences.spec import Audience, read_audience
from cdp.destinations.spec import Destination, read_destinations
from cdp.entities.check import check_entities
from cdp.entities.spec import Entity, read_entity
from cdp.errors import Location, Problem, Problems
from cdp.identity.overrides import Override, check_overrides, read_overrides
from cdp.identity.spec import IdentityRules, read_identity
from cdp.loader.spec import Source, read_sources
from cdp.profiles.spec import TraitRules, check_trait_rules, read_trait_rules
from cdp.project import Project
from cdp.records.check import check_record_sources
from cdp.records.spec import FILE, RecordSource, read_record_sources
from cdp.support import check_dialects
from cdp.syncs.check import check_syncs
from cdp.syncs.spec import Sync, read_sync
from cdp.traits.check import check_tables, checked_traits
from cdp.traits.spec import Trait, read_traits
from cdp.yamlfile import read_yaml


class _Definition(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def location(self) -> Location: ...


_QUOTED = re.compile(r"'([^']*)'")
_T = TypeVar("_T")
_Named = TypeVar("_Named", bound=_Definition)


@dataclass(frozen=True)
class Catalogue:
    """Every definition by name; `definitions` is the folder that they were read from."""

    definitions: Path
    identity: IdentityRules
    overrides: tuple[Override, ...]
    record_sources: tuple[RecordSource, ...]
    sources: Mapping[str, Source]
    trait_rules: TraitRules
    traits: Mapping[str, Trait]
    audiences: Mapping[str, Audience]
    destinations: Mapping[str, Destination]
    syncs: Mapping[str, Sync]
    entities: Mapping[str, Entity]


def load_catalogue(project: Project) -> Catalogue:
    """Every definition of the project.

    Raises DefinitionError with all problems of all files.
    """
    problems = Problems()
    folder = project.definitions
    traits = [one for path in _files(folder / "traits") for one in read_traits(path, problems)]
    audiences = [read_audience(path, problems) for path in _files(folder / "audiences")]
    entities = [read_entity(path, problems) for path in _files(folder / "entities")]
    syncs = [read_sync(path, problems) for path in _files(folder / "syncs")]
    sources, destinations = folder / "sources.yml", folder / "destinations.yml"
    records = folder / FILE
    catalogue = Catalogue(
        definitions=folder,
        identity=read_identity(folder / "identity.yml", problems),
        overrides=read_overrides(folder / "identity_overrides.yml", problems),
        record_sources=read_record_sources(records, problems) if records.exists() else (),
        sources=_frozen(read_sources(sources, problems) if sources.exists() else {}),
        trait_rules=read_trait_rules(folder / "profile_traits.yml", problems),
        traits=_by_name("trait", traits, problems),
        audiences=_by_name("audience", audiences, problems),
        destinations=_frozen(
            read_destinations(destinations, problems) if destinations.exists() else {}
        ),
        syncs=_by_name("sync", syncs, problems),
        entities=_by_name("entity", entities, problems),
    )
    known = problems.found[:]
    catalogue = replace(catalogue, traits=_frozen(checked_traits(catalogue.traits, problems)))
    check_tables(catalogue.traits, catalogue.identity, problems)
    check_entities(catalogue, problems)
    check_record_sources(catalogue.record_sources, catalogue.identity, catalogue.sources, problems)
    check_overrides(catalogue.overrides, (one.name for one in catalogue.identity.types), problems)
    check_audiences(catalogue, problems)
    catalogue = replace(catalogue, audiences=_frozen(resolved_audiences(catalogue, problems)))
    check_dialects(catalogue, project, problems)
    check_syncs(catalogue, problems)
    if not any(one.location and one.location.path == sources for one in known):
        records_too = {*catalogue.sources, *(one.name for one in catalogue.record_sources)}
        check_trait_rules(catalogue.trait_rules, records_too, problems)
    if problems.found:
        problems.found[:] = [*known, *_not_about(_broken_names(catalogue), problems, len(known))]
    problems.raise_if_any()
    return catalogue


def _broken_names(catalogue: Catalogue) -> set[str]:
    """The traits, audiences and entities that are written down but could not be read."""
    folder = catalogue.definitions
    names = {path.stem for kind in ("audiences", "entities") for path in _files(folder / kind)}
    for path in _files(folder / "traits"):
        root = read_yaml(path, Problems())
        traits = root.value.get("traits") if root and isinstance(root.value, dict) else None
        for item in traits.value if traits and isinstance(traits.value, tuple) else ():
            name = item.value.get("name") if isinstance(item.value, dict) else None
            names.add(str(name.value) if name else "")
    return names - set(catalogue.traits) - set(catalogue.audiences) - set(catalogue.entities)


def _not_about(names: set[str], problems: Problems, start: int) -> list[Problem]:
    """The problems from `start` on, without those that name a broken definition as unknown.

    Its own problem is reported; that others use it is none. The first name of a message is
    that of the definition that it is about.
    """
    return [
        one
        for one in problems.found[start:]
        if not (one.slug.startswith("unknown-") and names & set(_QUOTED.findall(one.message)[1:]))
    ]


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.y*ml") if path.suffix in (".yml", ".yaml"))


def _frozen(found: Mapping[str, _T]) -> Mapping[str, _T]:
    return MappingProxyType(dict(found))


def _by_name(kind: str, found: Sequence[_Named | None], problems: Problems) -> Mapping[str, _Named]:
    """The definitions by name; a name used twice is a problem at its second use."""
    named: dict[str, _Named] = {}
    for one in found:
        if one is None:
            continue
        first = named.setdefault(one.name, one)
        if first is not one:
            problems.add(
                "duplicate-name",
                f"{kind} '{one.name}' is defined twice",
                one.location,
                f"rename one of the two; the first is at {first.location}",
            )
    return MappingProxyType(named)
