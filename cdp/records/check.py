"""Record sources against the other definitions: names, and the types of their identifiers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cdp.errors import Problems, suggest
from cdp.identity.spec import IdentityRules
from cdp.records.spec import RecordSource


def check_record_sources(
    found: Sequence[RecordSource],
    rules: IdentityRules,
    event_sources: Iterable[str],
    problems: Problems,
) -> None:
    """Identifiers must be types of `identity.yml`, and a name must be one source's alone."""
    types = [kind.name for kind in rules.types]
    names = dict.fromkeys(event_sources, "a source of events")
    for source in found:
        if source.name in names:
            problems.add(
                "duplicate-name",
                f"record source '{source.name}' is also {names[source.name]}",
                source.location,
                "rename one of the two: evidence is named by its source",
            )
        if source.name:
            names[source.name] = "another record source"
        for kind, place in source.places:
            if kind not in types:
                problems.add(
                    "unknown-identifier",
                    f"record source '{source.name}' gives '{kind}', "
                    "which is not a type of identifier",
                    place,
                    suggest(kind, types),
                )
