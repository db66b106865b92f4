"""Names of generated tables and columns, made from names that people chose.

Owns snake-casing, lengths and what happens when two names become one. A name
depends on what it stands for, with a hash only where it would be cut or shared.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from typing import TypeVar

# PostgreSQL cuts identifiers at 63 characters.
LONGEST = 60
_HASH = 8
_EDGE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_OTHER = re.compile(r"[^a-z0-9]+")

# Words that some engine reserves, and columns that every table of ours has.
_RESERVED_WORDS = """
    all alter analyse analyze and anti any array as as_of asc asymmetric at authorization
    between binary both by canonical_profile_id case cast check collate collation column
    concurrently connect connection constraint contains create cross cube current
    current_catalog current_date current_role current_schema current_time current_timestamp
    current_user database default deferrable delete desc describe distinct do drop else end
    enum escape except exclude exists extract false fetch filter following for foreign
    freeze from full function glob grant group grouping groups having if ignore ilike in
    increment initially inner insert intersect interval into is isnull issue join lambda
    lateral leading left like limit localtime localtimestamp lookup map merge minus natural
    new no not notnull null nulls of offset on only or order organization outer over
    overlaps partition pivot placing preceding primary proto qualify range recursive
    references regexp respect returning revoke right rlike rollup row rows sample schema
    select semi session_user set show similar some start struct summarize symmetric system
    table tablesample then to trailing treat trigger true try_cast unbounded union unique
    unnest unpivot update user using values variadic verbose view when whenever where window
    with within
"""
RESERVED = frozenset(_RESERVED_WORDS.split())

T = TypeVar("T")


def slug(text: str) -> str:
    """Snake case of any text: `Order Completed` and `orderCompleted` are `order_completed`."""
    return _OTHER.sub("_", _EDGE.sub("_", text).lower()).strip("_")


def digest(text: str) -> str:
    """A short hash for names."""
    return hashlib.sha256(text.encode()).hexdigest()[:_HASH]


def fitted(name: str, longest: int = LONGEST) -> str:
    """The name, cut with a hash of the whole when it is too long."""
    if len(name) <= longest:
        return name
    return f"{name[: longest - _HASH - 1].rstrip('_')}_{digest(name)}"


def unique_names(
    wanted: Mapping[T, str], identity: Mapping[T, str], longest: int = LONGEST
) -> dict[T, str]:
    """A name for each thing: what it wants, with a hash of its identity where two want the same.

    `identity` must tell apart things that are different.
    """
    fit = {thing: fitted(name, longest) for thing, name in wanted.items()}
    shared = {name for name, count in Counter(fit.values()).items() if count > 1}
    cut = longest - _HASH - 1
    return {
        thing: f"{name[:cut]}_{digest(identity[thing])}" if name in shared or not name else name
        for thing, name in fit.items()
    }
