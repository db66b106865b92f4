"""What a sync's row is made of: the fields, read from YAML into frozen specs.

Owns the reading of `fields`. Whether the traits, columns and identifiers exist is
checked with the catalogue in `cdp.syncs.check`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from cdp.errors import Location, suggest
from cdp.yamlfile import NAME, Node, Scalar, Section

FIELD_KINDS = ("identifier", "trait", "column", "constant")
STRATEGIES = ("last", "first", "all")
TYPES = ("string", "integer", "decimal", "float", "boolean", "timestamp")
IDENTIFIER_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?\Z")
# Words that no engine takes as an unquoted column name, and the names that a run adds.
_SQL_WORDS = (
    "sync_key key operation all and any array as asc between by case cast check column constraint "
    "create cross current_date current_timestamp default delete desc distinct drop else end "
    "except exists false fetch for foreign from full grant group having in inner insert "
    "intersect into is join lateral left like limit natural not null offset on or order outer "
    "primary references right row rows select set some table then to true union unique update "
    "user using values when where window with"
)
RESERVED_FIELDS = frozenset(_SQL_WORDS.split())


@dataclass(frozen=True)
class Field:
    """One mapped field: the name at the destination and where its value comes from.

    `type` is what a `column` is cast to; `strategy` chooses among several
    identifiers of one type; `sent_as` is the destination's own name for it, if
    that is another.
    """

    name: str
    kind: str
    value: Scalar
    location: Location
    strategy: str = "last"
    type: str = "string"
    sent_as: str = ""


def read_fields(section: Section) -> tuple[Field, ...]:
    """The fields of a sync; mistakes are added to its problems."""
    found: list[Field] = []
    for name, node, place in section.mapping("fields", required=True):
        if not NAME.match(name) or len(name) > 60 or name in RESERVED_FIELDS:
            section.problems.add(
                "invalid-name",
                f"{section.what} has a field {name!r}",
                place,
                "use lower-case letters, digits and '_', starting with a letter, at most 60 "
                "characters, and no word of SQL",
            )
        field = _field(name, node, place, section)
        if field is not None:
            found.append(field)
    return tuple(found)


def _field(name: str, node: Node, place: Location, section: Section) -> Field | None:
    one = Section(node, f"field '{name}' of {section.what}", section.problems)
    if not isinstance(node.value, dict):
        return None
    given = [kind for kind in FIELD_KINDS if kind in one]
    if len(given) != 1:
        near = suggest(next(iter(one.keys()), ""), FIELD_KINDS)
        section.problems.add(
            "ambiguous-field",
            f"{one.what} must have exactly one of 'identifier', 'trait', 'column' and 'constant'",
            place,
            near if not given else f"keep one of {', '.join(given)}",
        )
        return None
    kind = given[0]
    value = _field_value(one, kind)
    strategy = one.choice("strategy", STRATEGIES, default="last") if kind == "identifier" else ""
    type_ = one.choice("type", TYPES, default="string") if kind == "column" else "string"
    sent_as = one.text("as")
    one.finish()
    return Field(name, kind, value, one.place(kind), strategy or "last", type_, sent_as)


def _field_value(one: Section, kind: str) -> Scalar:
    if kind == "constant":
        return _constant(one)
    if kind != "identifier":
        return one.name(kind)
    text = one.text("identifier")
    if text and not IDENTIFIER_NAME.match(text):
        one.problems.add(
            "invalid-name",
            f"{one.what} has the identifier {text!r}",
            one.place("identifier"),
            "write a type of identity.yml, such as email",
        )
        return ""
    return text


def _constant(one: Section) -> Scalar:
    node = one.node("constant")
    if node is None or isinstance(node.value, (dict, tuple)):
        if node is not None:
            one.wrong("constant", node, "text, a number or true or false")
        return None
    if node.value is None:
        one.wrong("constant", node, "text, a number or true or false")
    if isinstance(node.value, str) and any(mark in node.value for mark in ("{%", "{{", "{#")):
        one.problems.add(
            "template-in-text",
            f"{one.what} has a constant with template marks in it",
            node.location,
            "constants are sent as they are; leave out '{{', '{%' and '{#'",
        )
    return node.value
