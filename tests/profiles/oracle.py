"""What a profile's traits are and were, in plain Python, written from docs/definitions.md.

Knows nothing of SQL: it tells one call after another, in the one order, and asks after
each what the trait is now.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Update:
    """What one call says of one trait; None removes it. `value` is the text of the JSON leaf."""

    at: datetime
    source: str
    message_id: str
    value: str | None

    @property
    def order(self) -> tuple[datetime, bool, bytes, bytes, bytes]:
        """The order is total: no two calls of a source have the same message id."""
        texts = (self.value or "", self.message_id, self.source)
        value, message, source = (text.encode() for text in texts)
        return self.at, self.value is not None, value, message, source


@dataclass(frozen=True)
class Rule:
    """Which value is kept; `sources` for source_priority."""

    keep: str
    sources: tuple[str, ...] = ()


@dataclass(frozen=True)
class Change:
    """A trait's value from a call on, and until when."""

    number: int
    value: str | None
    previous: str | None
    cause: Update
    until: datetime | None
    is_current: bool


def present(rule: Rule, updates: Iterable[Update]) -> Update | None:
    """The call that gave the value that the trait has after all of them."""
    return [given for _, given in _told(rule, updates)][-1]


def history(rule: Rule, updates: Iterable[Update]) -> list[Change]:
    """Every change of the trait, the first one first."""
    found: list[tuple[str | None, str | None, Update]] = []
    value: str | None = None
    for cause, given in _told(rule, updates):
        following = given.value if given else None
        if following != value:
            found.append((following, value, cause))
            value = following
    ends = [*(cause.at for *_, cause in found), None][1:]
    return [
        Change(number, value, previous, cause, ends[number - 1], number == len(found))
        for number, (value, previous, cause) in enumerate(found, start=1)
    ]


def _told(rule: Rule, updates: Iterable[Update]) -> Iterator[tuple[Update, Update | None]]:
    """Each call, and the call that then gives the trait its value."""
    heard: list[Update] = []
    for update in sorted(updates, key=lambda one: one.order):
        heard.append(update)
        yield update, _kept(rule, heard)


def _kept(rule: Rule, heard: Sequence[Update]) -> Update | None:
    if rule.keep == "source_priority":
        return _of_the_first_source(rule.sources, heard)
    removals = [place for place, one in enumerate(heard) if one.value is None]
    standing = heard[removals[-1] + 1 :] if removals else heard
    if not standing:
        return None
    if rule.keep == "first":
        return standing[0]
    if rule.keep == "most_frequent":
        values = [one.value for one in standing]
        place = max(range(len(values)), key=lambda one: (values.count(values[one]), one))
        return standing[place]
    return standing[-1]


def _of_the_first_source(sources: tuple[str, ...], heard: Sequence[Update]) -> Update | None:
    groups = [{source} for source in sources]
    groups.append({one.source for one in heard} - set(sources))
    for group in groups:
        said = [one for one in heard if one.source in group]
        if said and said[-1].value is not None:
            return said[-1]
    return None
