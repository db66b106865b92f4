"""Generated calls on profiles that merge: who said what of whom, and as messages.

A case is a person with a user id and some devices. Its identifiers carry the case's number,
so that many cases share a build. Moments are few, so that calls fall on the same one. Calls
that are no identify calls speak of traits too, in their context, and must not be heard.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

from cdp.project import Project
from tests.identity.oracle import START, Event, resolve
from tests.profiles.oracle import Update
from tests.projects import load

SOURCES = ("crm", "kiosk", "till", "web")
TRAITS = ("plain", "first.seen", "it's often", "trusted", "list of", "Größe")
VALUES: tuple[Any, ...] = (None, "a", "b", "Ä", "B", 7, True, ["a", {"b": 1}], {"city": "Oslo"}, "")
Told = Mapping[tuple[UUID, str], list[Update]]
"""What was said by profile and trait."""


@dataclass(frozen=True)
class Call:
    """A call of a source: its event for the identity oracle, and the traits that it carries."""

    type: str
    source: str
    message_id: str
    event: Event
    traits: Mapping[str, Any]


def generate_calls(random: Random, number: int) -> list[Call]:
    """The calls of one case; the same message id may come from several sources."""
    sent: dict[str, int] = defaultdict(int)
    calls = []
    for _ in range(random.randrange(1, 20)):
        source = random.choice(SOURCES)
        identifiers = {"anonymous_id": f"a{number}x{random.randrange(3)}"}
        if random.random() < 0.5:
            identifiers["user_id"] = f"u{number}"
        at = START + timedelta(minutes=random.randrange(12))
        names = random.sample(TRAITS, random.randrange(len(TRAITS) + 1))
        traits = {name: random.choice(VALUES) for name in names}
        kind = "identify" if random.random() < 0.9 else "track"
        calls.append(Call(kind, source, f"{number}-{sent[source]}", Event(at, identifiers), traits))
        sent[source] += 1
    return calls


def told(calls: Iterable[Call]) -> Told:
    """What the calls say, by the profile that the identity oracle gives each to."""
    known = list(calls)
    profiles = resolve(call.event for call in known)
    found: dict[tuple[UUID, str], list[Update]] = defaultdict(list)
    for call in known:
        profile = profiles["anonymous_id", call.event.identifiers["anonymous_id"]]
        for name, value in call.traits.items() if call.type == "identify" else ():
            update = Update(call.event.at, call.source, call.message_id, _text(value))
            found[profile, name].append(update)
    return found


def declare_sources(project: Project) -> None:
    """The sources of the calls, and no others."""
    names = "".join(f"  - name: {name}\n" for name in SOURCES)
    (project.definitions / "sources.yml").write_text("sources:\n" + names)


def load_calls(project: Project, folder: Path, calls: Iterable[Call]) -> None:
    """Load the calls, a file a source."""
    lines: dict[str, list[str]] = defaultdict(list)
    for call in calls:
        lines[call.source].append(json.dumps(_message(call)))
    folder.mkdir()
    for source, found in lines.items():
        file = folder / f"{source}.ndjson"
        file.write_text("\n".join(found) + "\n", encoding="utf-8")
        load(project, source, [file])


def _message(call: Call) -> dict[str, Any]:
    time = call.event.at.isoformat() + "Z"
    traits = dict(call.traits)
    return {
        "type": call.type,
        "event": "Seen" if call.type == "track" else None,
        "messageId": call.message_id,
        "userId": call.event.identifiers.get("user_id"),
        "anonymousId": call.event.identifiers["anonymous_id"],
        "traits": traits if call.type == "identify" else None,
        "context": {"traits": traits},
        "timestamp": time,
        "receivedAt": time,
    }


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"))
