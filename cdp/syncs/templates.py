"""Texts with values in them: `{first_name} {last_name}`, parsed and never run.

Owns the syntax: what stands between braces is the name of a field of the sync, or
`column.`, `trait.`, `identifier.`, `property.` or `context.` and a name, and after a `|`
the text for a missing value. There is nothing else: no functions, no conditions, no
loops. What a name means is the fields', and SQL is made in `field_values`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from cdp.sql.values import check_text
from cdp.yamlfile import Section

DOCUMENTS = ("property", "context")
REFERRED = ("column", "trait", "identifier", *DOCUMENTS)
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*){0,2}\Z")
_PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*){0,4}\Z")


@dataclass(frozen=True)
class Reference:
    """What stands between two braces: a `kind` of value (`field`, or one of REFERRED), its
    name, the text where it is missing (None: then the whole is), and how it was written."""

    kind: str
    name: str
    default: str | None
    written: str


def read_template(one: Section) -> tuple[str | Reference, ...]:
    """Texts and references in their order; mistakes are noted, and nothing is returned then."""
    text, node = one.text("template"), one.node("template")
    if not text or node is None or not check_text(text, one.what, node, one.problems):
        return ()
    parts = _parts(text)
    if any(isinstance(part, Reference) for part in parts) and _is_whole(parts):
        return parts
    one.problems.add(
        "invalid-template",
        f"{one.what} has the template {text!r}, which cannot be read",
        node.location,
        "write names of fields, {column.name}, {trait.name} or {identifier.name}, each in one "
        "pair of braces, such as '{first_name} {last_name|}'; a text without any is a constant",
    )
    return ()


def _parts(text: str) -> tuple[str | Reference, ...]:
    parts: list[str | Reference] = []
    last = 0
    for match in _PLACEHOLDER.finditer(text):
        parts += [text[last : match.start()], _reference(match)]
        last = match.end()
    parts.append(text[last:])
    return tuple(part for part in parts if part != "")


def _is_whole(parts: tuple[str | Reference, ...]) -> bool:
    """Whether every brace belongs to a reference that names something."""
    return all(
        (_PATH if part.kind in DOCUMENTS else _NAME).match(part.name)
        if isinstance(part, Reference)
        else not {"{", "}"} & set(part)
        for part in parts
    )


def _reference(match: re.Match[str]) -> Reference:
    name, bar, default = match[1].partition("|")
    kind, _, rest = name.strip().partition(".")
    if not rest or kind not in REFERRED:
        kind, rest = "field", name.strip()
    return Reference(kind, rest, default if bar else None, match[0])
