"""Why two identifiers are one profile, or why they are not.

Owns the evidence: the links of one profile, the messages behind a path, and what stands
between two profiles. Read-only. Which events join identifiers is decided by the models in
`models/identity`; this module only reads what they decided. Values appear in its results,
because somebody asked for them by name, and never in its errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from cdp.errors import RunError
from cdp.identity import explain_queries as queries
from cdp.identity.paths import bridges, cheapest_path, neighbours
from cdp.project import Project
from cdp.warehouse import Warehouse

MOST_LINKS = 1_000_000
"""Links that are read into memory: a million take about half a gigabyte and half a minute."""
MOST_COMPARED = 5_000
"""Identifiers of a profile that are compared with another profile's for look-alikes."""
ON_ONE_EVENT = "on one event"
KEPT_APART = "on one event, kept apart"
OTHER_TYPE = "same value, another type"
OTHER_SPELLING = "same but for case, spaces and signs"
_TABLES = {
    "public": ("identity_graph", "identity_decisions", "identity_overrides"),
    "internal": (
        "int_identity__event_identifiers",
        "int_identity__edges",
        "int_identity__evidence",
        "int_identity__links",
    ),
}


@dataclass(frozen=True)
class Identifier:
    """An identifier of the graph; `key` is its identifier_id, `profile` where it belongs."""

    key: str
    type: str
    value: str
    profile: str


@dataclass(frozen=True)
class Hop:
    """One step between two identifiers, and the earliest message that is its evidence.

    `events` is how many carry both; `is_bridge` that nothing else would keep them together.
    An override is evidence too, with its override_id as the message. A hop without a message
    is a look-alike.
    """

    one: Identifier
    other: Identifier
    rule: str
    source: str | None = None
    message_id: str | None = None
    occurred_at: datetime | None = None
    events: int = 0
    is_bridge: bool = False


@dataclass(frozen=True)
class Explanation:
    """The hops from the first identifier to the second.

    Of two profiles, `is_chain` says that the hops are a chain of events that the rules cut;
    otherwise they are look-alikes, each for itself, that no rule joins.
    """

    one: Identifier
    other: Identifier
    hops: tuple[Hop, ...]
    is_chain: bool

    @property
    def is_one_profile(self) -> bool:
        return self.one.profile == self.other.profile


def explain(
    project: Project, warehouse: Warehouse, one: str, other: str, *, most_links: int = MOST_LINKS
) -> Explanation:
    """The cheapest evidence between two identifiers (fewest hops, then the most events).

    Each is a value, `type:value`, or an identifier_id. Every chain between the two passes
    every bridge among the hops.

    Raises RunError when the tables are not built, an identifier is unknown or ambiguous, or
    a profile has more than `most_links` links.
    """
    _check_built(project, warehouse)
    reader = _Reader(project, warehouse, most_links)
    start, end = reader.find(one, "first"), reader.find(other, "second")
    if start.profile == end.profile:
        return Explanation(start, end, tuple(reader.inside(start, end)), True)
    chain = reader.across(start, end)
    if chain is not None:
        return Explanation(start, end, tuple(chain), True)
    return Explanation(start, end, tuple(reader.look_alikes(start, end)), False)


def _check_built(project: Project, warehouse: Warehouse) -> None:
    for layer, tables in _TABLES.items():
        for table in tables:
            if not warehouse.exists(project.schema(layer), table):
                raise RunError(
                    "identity-not-built",
                    f"the identity tables do not exist yet: {table} is missing",
                    help="run 'cdp build' first",
                )


class _Reader:
    """The queries of one explanation."""

    def __init__(self, project: Project, warehouse: Warehouse, most_links: int) -> None:
        self.names = {layer: project.schema(layer) for layer in ("public", "internal")}
        self.warehouse = warehouse
        self.most_links = most_links

    def find(self, text: str, place: str) -> Identifier:
        """The identifier that a person wrote."""
        wanted = text.strip()
        found = self._rows(queries.FIND, [wanted] * 7)
        exact = [row for row in found if row[4]] or found
        if not exact:
            raise self._unknown(wanted, place)
        if len(exact) > 1:
            types = ", ".join(sorted({row[1] for row in exact}))
            raise RunError(
                "ambiguous-identifier",
                f"the {place} identifier is a value of {len(exact)} identifiers ({types})",
                help="write it as type:value",
            )
        return Identifier(*exact[0][:4])

    def inside(self, start: Identifier, end: Identifier) -> list[Hop]:
        """The path inside of one profile."""
        if start == end:
            return []
        graph = neighbours(
            self._limited(queries.LINKS, [start.profile, start.profile], "the profile has")
        )
        path = cheapest_path(graph, start.key, end.key)
        if path is None:
            return [Hop(start, end, "joined by a rule, without an event")]
        cut = bridges(graph, start.key)
        steps = [(a, b, frozenset((a, b)) in cut) for a, b in pairwise(path)]
        return self._hops(steps, ON_ONE_EVENT)

    def across(self, start: Identifier, end: Identifier) -> list[Hop] | None:
        """The chain of events that would join two profiles, had the rules let it; else None.

        Searched among the links that leave a profile: without rules that cut there is none.
        """
        crossings: dict[tuple[str, str], tuple[str, str, int]] = {}
        profiles = []
        for one, other, events, here, there in self._limited(
            queries.CROSSINGS, [], "between profiles there are"
        ):
            profiles.append((here, there, events))
            for key, ends in (((here, there), (one, other)), ((there, here), (other, one))):
                if key not in crossings or events > crossings[key][2]:
                    crossings[key] = (*ends, events)
        path = cheapest_path(neighbours(profiles), start.profile, end.profile)
        if path is None:
            return None
        hops: list[Hop] = []
        at = start
        for here, there in pairwise(path):
            leaving, entering, _ = crossings[here, there]
            rule = self._why_apart(leaving, entering)
            crossed = self._hops([(leaving, entering, False)], rule)
            hops += [*self.inside(at, crossed[0].one), *crossed]
            at = crossed[0].other
        return hops + self.inside(at, end)

    def _why_apart(self, one: str, other: str) -> str:
        """The decision that kept two identifiers of one event apart."""
        found = self._rows(queries.DECISION, [one, other, one, other])
        return f"{KEPT_APART}: {found[0][0]}" if found else KEPT_APART

    def look_alikes(self, start: Identifier, end: Identifier) -> list[Hop]:
        """Pairs of identifiers that look like one: a link that the rules might have seen."""
        rows = self._rows(
            queries.LOOK_ALIKES, [start.profile, MOST_COMPARED, end.profile, MOST_COMPARED]
        )
        return [
            Hop(
                Identifier(row[0], row[1], row[2], start.profile),
                Identifier(row[3], row[4], row[5], end.profile),
                OTHER_TYPE if row[2] == row[5] else OTHER_SPELLING,
            )
            for row in rows
        ]

    def _hops(self, steps: Sequence[tuple[str, str, bool]], rule: str) -> list[Hop]:
        keys = sorted({key for step in steps for key in step[:2]})
        people = {row[0]: Identifier(*row) for row in self._rows(queries.IDENTIFIERS, [keys])}
        hops = []
        for one, other, cut in steps:
            found = self._rows(queries.EVIDENCE, [one, other] * 3)
            source, message_id, at, events, link = found[0] if found else (*[None] * 3, 0, None)
            said = (link or rule) if found else "joined by a rule, without an event"
            hops.append(Hop(people[one], people[other], said, source, message_id, at, events, cut))
        return hops

    def _limited(self, sql: str, parameters: list[Any], where: str) -> list[Any]:
        """Links as rows, up to the limit."""
        rows = self._rows(sql + "limit ?", [*parameters, self.most_links + 1])
        if len(rows) > self.most_links:
            raise RunError(
                "too-many-links",
                f"{where} more than {self.most_links:,} links",
                help="'cdp identity hubs' names what holds it together; block that first",
            )
        return rows

    def _unknown(self, wanted: str, place: str) -> RunError:
        sent = self._rows(queries.SENT, [wanted] * 7)[0][0]
        return RunError(
            "unknown-identifier",
            f"the {place} identifier is not in identity_graph"
            + (f", though events carry it ({sent:,})" if sent else ""),
            help="the rules in identity.yml removed it, as a blocked value for example"
            if sent
            else "write a value as it stands in user_identifiers, or type:value",
        )

    def _rows(self, sql: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
        return self.warehouse.rows(self._named(sql), parameters)

    def _named(self, sql: str) -> str:
        return sql.replace("{public}", self.names["public"]).replace(
            "{internal}", self.names["internal"]
        )
