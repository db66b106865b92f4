"""The examples of the merge rule, as events and the profiles that they must end in.

From Segment's documentation of identity resolution: the Profiles Sync case (A), the
priority case (B), merge protection (C), the flow chart (D); E, F, H, I and J are the
same rule worked by hand. Example G, where the documentation is silent, is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.identity.replay import Limit, Node, Seen

START = datetime(2026, 1, 1)
EVER = {"user_id": Limit(1), "email": Limit(5), "anonymous_id": Limit(5)}
_TYPES = {"u": "user_id", "e": "email", "a": "anonymous_id"}


@dataclass(frozen=True)
class Example:
    """A name, events a day apart, limits, and the profiles as sets of identifiers."""

    name: str
    events: tuple[Seen, ...]
    profiles: tuple[frozenset[Node], ...]
    limits: Mapping[str, Limit]


def _nodes(text: str) -> tuple[Node, ...]:
    """`u1 e:jane a2` as identifiers: the first letter is the type."""
    return tuple((_TYPES[one[0]], one) for one in text.split())


def _example(
    name: str,
    events: str,
    profiles: str,
    limits: Mapping[str, Limit] = EVER,
    days: tuple[int, ...] = (),
) -> Example:
    texts = [one.strip() for one in events.split("|")]
    moments = days or tuple(range(len(texts)))
    return Example(
        name,
        tuple(
            Seen(START + timedelta(days=day), f"m{number}", _nodes(text))
            for number, (day, text) in enumerate(zip(moments, texts, strict=True))
        ),
        tuple(frozenset(_nodes(one)) for one in profiles.split("|")),
        limits,
    )


EXAMPLES = (
    _example("A: anonymous, known, second device", "a1 | a1 ej | a2 | a2 ej", "a1 a2 ej"),
    _example(
        "B: another user id with a known e-mail", "u123 ejane | u456 ejane", "u123 ejane|u456"
    ),
    _example("C: a shared device", "u1 a1 | a1 | u2 a1 | a1", "u1 a1|u2"),
    _example("D: two profiles meet", "a1 | a3 u1 edemo | a1 u1 edemo | a5", "a1 a3 u1 edemo|a5"),
    _example("E: a conflict of three", "u1 | u2 e2 | a3 | u1 e2 a3", "u1|u2 e2|a3"),
    _example(
        "F: two user ids allowed, one e-mail",
        "ushop ej | uuid ej | uuid ek",
        "ushop uuid ej",
        {"user_id": Limit(2), "email": Limit(1), "anonymous_id": Limit(5)},
    ),
    _example(
        "H: a sliding week",
        "u1 a1 | u1 a2 | u1 a3 | u1 a4 | u1 a5 | u1 a6 | u1 a9",
        "u1 a1 a2 a3 a4 a5 a9",
        {"user_id": Limit(1), "email": Limit(5), "anonymous_id": Limit(5, days=7)},
        days=(1, 2, 3, 4, 5, 6, 9),
    ),
    _example("I: merges of merges", "a0 | a1 | a2 | a1 em | a2 em | a0 em", "a0 a1 a2 em"),
    _example("J: a blocked value", "a1", "a1"),
)
