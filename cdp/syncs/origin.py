"""Where a sync's rows come from: `from` of a definition, read into a frozen spec.

Owns the origins, the columns that each has, the key of its rows and the table that they are
in. Whether a named audience or entity exists is checked with the catalogue in
`cdp.syncs.check`; the rows themselves are selected in `cdp.syncs.compile`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from cdp.errors import Location
from cdp.sql.types import TIMESTAMP
from cdp.sql.values import check_text, read_value
from cdp.yamlfile import Section

ORIGINS = ("audience", "profiles", "model", "entities", "events")
LATER = "memberships"
PROFILE_KEY = "canonical_profile_id"
ACCOUNT = "account"
"""The entity that needs no definition: group calls give it."""
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
ACCOUNT_COLUMNS = {
    "account_id": "string",
    "group_id": "string",
    "first_seen_at": "timestamp",
    "last_seen_at": "timestamp",
    "member_count": "integer",
}
EVENT_COLUMNS = {
    "event_id": "string",
    "source": "string",
    "message_id": "string",
    "type": "string",
    "event_name": "string",
    "page_name": "string",
    "page_category": "string",
    PROFILE_KEY: "string",
    "user_id": "string",
    "anonymous_id": "string",
    "group_id": "string",
    "occurred_at": "timestamp",
    "received_at": "timestamp",
    "sent_at": "timestamp",
    "properties": "string",
    "traits": "string",
    "context": "string",
}
ALL, NOW = "all", "now"
ENTITY_COLUMNS = {"entity_id": "string", "member_count": "integer", "first_seen_at": "timestamp"}


@dataclass(frozen=True)
class Origin:
    """Where a sync's rows come from; `name` is empty for `profiles` and `events`.

    `events` names those that are sent, none meaning all; of events `since` is a moment in
    UTC from which they must have occurred, `all`, or `now` for what is loaded after the
    first run.
    """

    kind: str
    name: str
    location: Location
    events: tuple[str, ...] = ()
    since: datetime | str = ""

    @property
    def is_events(self) -> bool:
        return self.kind == "events"

    @property
    def is_account(self) -> bool:
        return (self.kind, self.name) == ("entities", ACCOUNT)

    @property
    def key(self) -> str:
        """The column that identifies a row, which is a sync's key unless it says otherwise."""
        if self.kind == "entities":
            return "account_id" if self.is_account else "entity_id"
        return "event_id" if self.is_events else PROFILE_KEY

    @property
    def model(self) -> str:
        """The dbt model that the rows are read from."""
        if self.kind == "entities":
            return "accounts" if self.is_account else f"entity__{self.name}"
        if self.kind == "audience":
            return f"audience__{self.name}"
        if self.is_events:
            return "stg_events"
        return self.name if self.kind == "model" else "profiles"

    @property
    def columns(self) -> Mapping[str, str] | None:
        """The columns with their types; None where only the warehouse knows them."""
        if self.kind == "entities":
            return ACCOUNT_COLUMNS if self.is_account else ENTITY_COLUMNS
        if self.kind == "audience":
            return {PROFILE_KEY: "string"}
        if self.is_events:
            return EVENT_COLUMNS
        return PROFILE_COLUMNS if self.kind == "profiles" else None

    @property
    def level(self) -> str:
        """Whose traits a row can have: 'profile', 'account', or '' for nobody's."""
        if self.kind == "entities":
            return "account" if self.is_account else ""
        return "profile"

    @property
    def shown(self) -> str:
        """The origin in a user's words, as the subject of a sentence."""
        if self.kind == "entities":
            return f"entity '{self.name}'"
        return f"{self.kind} '{self.name}'" if self.name else self.kind


def read_origin(section: Section) -> Origin:
    """`from` of a sync; mistakes are added to the section's problems."""
    source = section.section("from", f"'from' of {section.what}", required=True)
    if source is None:
        return Origin("profiles", "", section.location)
    given = [origin for origin in ORIGINS if origin in source]
    _check_given(section, source, given)
    # Of an origin that could not be read nothing is known, as of a model.
    kind = given[0] if given else "model"
    place = source.place(kind)
    name = ""
    for origin in ORIGINS:
        source.node(origin)
    if kind == "events":
        return _events(source, place)
    if kind != "profiles":
        name = source.name(kind, required=bool(given))
    elif given and not source.boolean("profiles", default=True):
        section.problems.add(
            "unknown-value",
            f"'profiles' of {section.what} can only be true",
            place,
            "write 'profiles: true', or name an audience or a model",
        )
    source.finish()
    return Origin(kind, name, place)


def _events(source: Section, place: Location) -> Origin:
    node, names = source.node("events"), source.texts("events", required=True)
    for item in node.value if node is not None and isinstance(node.value, tuple) else (node,):
        if item is not None and isinstance(item.value, str):
            check_text(item.value, source.what, item, source.problems)
    is_all = node is not None and node.value == ALL
    since = _since(source)
    source.finish()
    return Origin("events", "", place, () if is_all else names, since)


def _since(source: Section) -> datetime | str:
    node = source.node("since")
    if node is None:
        source.problems.add(
            "missing-since",
            f"{source.what} does not say from when events are sent",
            source.location,
            "add 'since: now' (what is loaded after the first run), a date such as "
            "'since: 2026-05-01' (what occurred from then on), or 'since: all'",
        )
        return NOW
    if node.value in (ALL, NOW):
        return str(node.value)
    found = read_value(TIMESTAMP, node, f"'since' of {source.what}", source.problems)
    return found if isinstance(found, datetime) else NOW


def _check_given(section: Section, source: Section, given: list[str]) -> None:
    if LATER in source:
        source.node(LATER)
        section.problems.add(
            "not-yet",
            f"'from' of {section.what} names '{LATER}', which cannot be synced yet",
            source.place(LATER),
            "sync an audience, or a model of yours over 'entity_members' or 'account_memberships'",
        )
    elif len(given) > 1 or (not given and not source.keys()):
        section.problems.add(
            "ambiguous-source",
            f"'from' of {section.what} must name one source",
            source.location,
            "write one of 'audience: <name>', 'profiles: true', 'model: <name>', "
            "'entities: <name>' and 'events: <name>'",
        )
