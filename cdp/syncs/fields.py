"""What a sync's row is made of: the fields, read from YAML into frozen specs.

Owns the reading of `fields`. Whether the traits, columns and identifiers exist is
checked with the catalogue in `cdp.syncs.check`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from cdp.errors import Location, place_of, suggest
from cdp.sql.types import BOOLEAN, DECIMAL, INTEGER, JSON, LIST, STRING
from cdp.sql.values import read_path
from cdp.syncs.templates import Reference, read_template
from cdp.yamlfile import NAME, Node, Scalar, Section

JSON_KINDS = {"property": "properties", "context": "context"}
"""Values inside a document of an event, and the column that the document is in."""
TYPED = ("column", *JSON_KINDS)
NESTED = ("object", "array")
FIELD_KINDS = ("identifier", "trait", "column", "constant", "template", *NESTED, *JSON_KINDS)
COMPOSED = ("template", *NESTED)
WHEN_NULL = ("send", "skip")
DEEPEST = 10
STRATEGIES = ("last", "first", "all")
TYPES = ("string", "integer", "decimal", "float", "boolean", "timestamp")
IDENTIFIER_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?\Z")
# Words that no engine takes as an unquoted column name, and the names that a run adds.
_SQL_WORDS = (
    "sync_key sync_load_id "
    "key operation all and any array as asc between by case cast check column constraint "
    "create cross current_date current_timestamp default delete desc distinct drop else end "
    "except exists false fetch for foreign from full grant group having in inner insert "
    "intersect into is join lateral left like limit natural not null offset on or order outer "
    "primary references right row rows select set some table then to true union unique update "
    "user using values when where window with"
)
RESERVED_FIELDS = frozenset(_SQL_WORDS.split())
# Names inside an object are texts of a document, not of columns.
_MEMBER_NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_$ .-]{0,99}\Z")


@dataclass(frozen=True)
class Field:
    """One mapped field: the name at the destination and where its value comes from.

    `type` is what a `column` is cast to or a `property` is read as, empty for what a column
    is known to be, else text; `strategy` chooses among several identifiers of one type;
    `sent_as` is the destination's own name for it, if that is another; `parts` are those
    of a template, `members` those of an object (by name) or an array; `when_null` is
    `skip` where nothing is sent instead of a null.
    """

    name: str
    kind: str
    value: Scalar
    location: Location
    strategy: str = "last"
    type: str = "string"
    sent_as: str = ""
    parts: tuple[str | Part, ...] = ()
    members: tuple[Field, ...] = ()
    when_null: str = ""


@dataclass(frozen=True)
class Part:
    """A value in a template: the simple field that it is, and the text where it is missing.

    Without such a text the whole template is missing where the part is.
    """

    field: Field
    default: str | None
    location: Location


def sources(field: Field) -> Iterator[Field]:
    """The simple fields that a field takes its value from: itself, or those that it is made of."""
    if field.kind not in COMPOSED:
        yield field
    for part in field.parts:
        if isinstance(part, Part):
            yield part.field
    for member in field.members:
        yield from sources(member)


def templates(field: Field) -> Iterator[Field]:
    """The templates that a field is, or has in it."""
    if field.kind == "template":
        yield field
    for member in field.members:
        yield from templates(member)


def column_type(field: Field, traits: Mapping[str, Any]) -> str:
    """The type of a field's column in the desired state."""
    if field.kind in TYPED:
        return field.type
    if field.kind in NESTED:
        return JSON
    if field.kind == "trait":
        kind = str(traits[str(field.value)].type)
        return LIST if kind == "list" else kind
    return _constant_type(field.value) if field.kind == "constant" else STRING


def _constant_type(value: Scalar) -> str:
    if isinstance(value, bool):
        return BOOLEAN
    if isinstance(value, int):
        return INTEGER
    return DECIMAL if isinstance(value, Decimal) else STRING


def read_fields(section: Section) -> tuple[Field, ...]:
    """The fields of a sync; mistakes are added to its problems."""
    entries = list(section.mapping("fields", required=True))
    simple: dict[str, Field] = {}
    found: dict[str, Field | None] = {}
    for name, node, place in entries:
        _check_name(name, place, section)
        found[name] = None
        if not _is_composed(node):
            found[name] = _field(f"field '{name}'", name, node, place, section, {})
            simple |= {name: field} if (field := found[name]) is not None else {}
    for name, node, place in entries:
        if _is_composed(node):
            found[name] = _field(f"field '{name}'", name, node, place, section, simple)
    return tuple(field for field in found.values() if field is not None)


def _check_name(name: str, place: Location, section: Section) -> None:
    if not NAME.match(name) or len(name) > 60 or name in RESERVED_FIELDS:
        section.problems.add(
            "invalid-name",
            f"{section.what} has a field {name!r}",
            place,
            "use lower-case letters, digits and '_', starting with a letter, at most 60 "
            "characters, and no word of SQL",
        )


def _is_composed(node: Node) -> bool:
    return isinstance(node.value, dict) and any(kind in node.value for kind in COMPOSED)


def _field(
    shown: str,
    name: str,
    node: Node,
    place: Location,
    section: Section,
    simple: Mapping[str, Field],
    depth: int = 0,
) -> Field | None:
    """One field, or a member at a `depth`; `simple` are those that a template may name."""
    one = Section(node, f"{shown} of {section.what}", section.problems)
    if not isinstance(node.value, dict):
        return None
    given = [kind for kind in FIELD_KINDS if kind in one]
    if len(given) != 1:
        near = suggest(next(iter(one.keys()), ""), FIELD_KINDS)
        kinds = ", ".join(f"'{kind}'" for kind in FIELD_KINDS[:-1])
        section.problems.add(
            "ambiguous-field",
            f"{one.what} must have exactly one of {kinds} and '{FIELD_KINDS[-1]}'",
            place,
            near if not given else f"keep one of {', '.join(given)}",
        )
        return None
    kind = given[0]
    members = _members(one, kind, simple, depth + 1) if kind in NESTED else ()
    parts = tuple(_parts(one, simple)) if kind == "template" else ()
    value = read_source(one, kind)
    strategy = one.choice("strategy", STRATEGIES, default="last") if kind == "identifier" else ""
    type_ = one.choice("type", TYPES, default="string") if kind in TYPED else "string"
    sent_as = "" if depth else one.text("as")
    when_null = "" if kind in (*NESTED, "constant") else one.choice("when_null", WHEN_NULL)
    one.finish()
    return Field(
        name,
        kind,
        value,
        one.place(kind),
        strategy or "last",
        type_,
        sent_as,
        parts,
        members,
        when_null,
    )


def _members(one: Section, kind: str, simple: Mapping[str, Field], depth: int) -> tuple[Field, ...]:
    """The members of an object or an array, each a field in its own right."""
    place = one.place(kind)
    if depth > DEEPEST:
        one.node(kind)
        one.problems.add(
            "too-deep",
            f"{one.what} is nested more than {DEEPEST} deep",
            place,
            "make a column of the inner part in a model of yours",
        )
        return ()
    if kind == "array":
        entries = [(str(n), item, item.location) for n, item in enumerate(one.items(kind), 1)]
    else:
        entries = list(one.mapping(kind))
    for name, _, where in entries:
        if kind == "object" and not _MEMBER_NAME.match(name):
            one.problems.add(
                "invalid-name",
                f"{one.what} has a member {name!r}",
                where,
                "use letters, digits, '_', '$', '-', '.' and spaces, at most 100 characters",
            )
    node = one.node(kind)
    if node is not None and node.value in ((), {}):
        one.problems.add(
            "empty-list", f"'{kind}' of {one.what} is empty", place, "give it at least one member"
        )
    found = [
        _field(f"member '{name}'", name, node, where, one, simple, depth)
        for name, node, where in entries
    ]
    return tuple(field for field in found if field is not None)


def _parts(one: Section, simple: Mapping[str, Field]) -> Iterator[str | Part]:
    """The parts of a template, each name the field that it stands for."""
    for part in read_template(one):
        if isinstance(part, str):
            yield part
            continue
        place = place_of(part.written, one.place("template"))
        if part.kind == "field" and part.name not in simple:
            _note_unknown(part, place, one, simple)
        elif part.kind == "field":
            yield Part(simple[part.name], part.default, place)
        else:
            kind = "" if part.kind == "column" else STRING
            made = Field(part.name, part.kind, part.name, place, type=kind)
            yield Part(made, part.default, place)


def _note_unknown(
    part: Reference, place: Location, one: Section, simple: Mapping[str, Field]
) -> None:
    near = suggest(part.name, simple)
    name = part.name.replace(".", "_")
    one.problems.add(
        "unknown-part",
        f"the template of {one.what} has '{part.written}' in it, and no field of that name with "
        "a value of its own is mapped",
        place,
        near
        if near.startswith("did")
        else f"write {{column.{name}}}, {{trait.{name}}} or {{identifier.{name}}}, or map a field "
        f"'{name}'",
    )


def read_source(one: Section, kind: str) -> Scalar:
    """What a kind of field names; empty, with a problem noted, where that cannot be."""
    if kind == "constant":
        return _constant(one)
    if kind == "template":
        return one.text(kind)
    if kind in NESTED:
        return None
    if kind in JSON_KINDS:
        return _path(one, kind)
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


def _path(one: Section, kind: str) -> str:
    text, node = one.text(kind), one.node(kind)
    is_plain = text and node and read_path(text, one.what, node, one.problems)
    return text if is_plain else ""


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
