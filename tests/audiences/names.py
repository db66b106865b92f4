"""Stable ids for the names that tests give profiles, events and identifiers."""

from __future__ import annotations

from uuid import NAMESPACE_URL, UUID, uuid5


def identifier(name: str) -> UUID:
    """A stable UUID for a name."""
    return uuid5(NAMESPACE_URL, name)
