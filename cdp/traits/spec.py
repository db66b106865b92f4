"""Computed traits: `definitions/traits/<file>.yml` read into frozen values.

Owns the closed language of a trait and the types that its aggregates allow. Checks
that need other files (a name used twice) belong to the catalogue.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from cdp.errors import Location, Problems
from cdp.sql.events import (
    EventQuery,
    Property,
    read_event_query,
    read_subject,
    read_table_query,
)
from cdp.sql.names import RESERVED
from cdp.sql.tables import is_of_table
from cdp.sql.types import LIST, SCALARS, STRING
from cdp.sql.values import Value, check_text, read_path, read_value
from cdp.traits.aggregates import AGGREGATES, COUNTS, NAMES, Option, read_option
from cdp.yamlfile import Node, Section, read_yaml

LONGEST_FILE_NAME = 45
LEVELS = ("profile", "account")
ELIGIBLE = ("all", "known", "anonymous")
_JINJA = re.compile(r"\{[{%#]")


@dataclass(frozen=True)
class EventTrait:
    """An aggregate over events. `property` is None for those that read none."""

    query: EventQuery
    aggregate: str
    property: Property | None
    option: Option = None


@dataclass(frozen=True)
class ProfileTrait:
    """The latest value of a trait of identify calls; of accounts, one of group calls."""

    name: str


@dataclass(frozen=True)
class FormulaTrait:
    """An expression over other traits."""

    text: str
    location: Location = field(compare=False)


Origin = EventTrait | ProfileTrait | FormulaTrait


@dataclass(frozen=True)
class Trait:
    """One computed trait. `file` is the stem of its definition file.

    Profiles that are not `eligible` have no value: all, known or anonymous ones may be.
    The type of a formula that declares none is "" until `check.checked_traits` infers it.
    """

    name: str
    description: str
    type: str
    origin: Origin
    default: Value | None
    default_node: Node | None = field(compare=False)
    eligible: str
    file: str
    location: Location = field(compare=False)
    level: str = "profile"


def read_traits(path: Path, problems: Problems) -> list[Trait]:
    """The traits of one file; broken ones are left out, with a problem noted for each."""
    root = read_yaml(path, problems)
    if root is None:
        return []
    check_file_name(path, problems)
    section = Section(root, path.name, problems)
    items = section.items("traits", required=True)
    section.finish()
    traits = [_read_trait(item, path.stem, problems) for item in items]
    return [trait for trait in traits if trait is not None]


def check_file_name(path: Path, problems: Problems) -> None:
    """Notes a problem when a file's name cannot be part of a table's name."""
    if len(path.stem) > LONGEST_FILE_NAME or not re.fullmatch(r"[a-z][a-z0-9_]*", path.stem):
        problems.add(
            "invalid-name",
            f"the file name {path.name!r} cannot name a model",
            Location(path),
            "use lower-case letters, digits and '_', starting with a letter, "
            f"at most {LONGEST_FILE_NAME} characters before .yml",
        )


def read_description(section: Section, problems: Problems) -> str:
    """The required description, without Jinja: dbt would run it."""
    text = section.text("description", required=True)
    if _JINJA.search(text):
        problems.add(
            "unsafe-text",
            f"the description of {section.what} has '{{{{', '{{%' or '{{#' in it",
            section.place("description"),
            "leave them out: dbt would read them as a template",
        )
    return text.strip()


def _read_trait(node: Node, file: str, problems: Problems) -> Trait | None:
    before = len(problems.found)
    section = Section(node, "a trait", problems)
    name = section.name("name")
    section.what = f"trait '{name}'" if name else "a trait"
    if name in RESERVED:
        problems.add(
            "reserved-name",
            f"{section.what} has a name that SQL or a table of cdp uses itself",
            section.place("name"),
            "choose another name, such as one with two words",
        )
    description = read_description(section, problems)
    origin, kind = _read_origin(section, problems)
    default_node = section.node("default")
    eligible = section.choice("eligible", ELIGIBLE, default="all")
    level = section.choice("level", LEVELS, default=_implied_level(section))
    if level != "account" and "account_trait" in section:
        problems.add(
            "wrong-level",
            f"{section.what} reads a trait of accounts and is of level '{level}'",
            section.place("level"),
            "leave 'level' out",
        )
    if level == "account" and "profile_trait" in section:
        problems.add(
            "wrong-level",
            f"{section.what} is of accounts and reads a trait of profiles",
            section.place("profile_trait"),
            "read a trait of group calls with 'account_trait'",
        )
    if level == "account" and eligible != "all":
        problems.add(
            "wrong-level",
            f"{section.what} is of accounts, which are neither known nor anonymous",
            section.place("eligible"),
            "leave 'eligible' out",
        )
    section.finish()
    if origin is None or len(problems.found) > before:
        return None
    default = read_default(default_node, kind, origin, section.what, problems) if kind else None
    place = section.place("name")
    return Trait(
        name, description, kind, origin, default, default_node, eligible, file, place, level
    )


def _implied_level(section: Section) -> str:
    return "account" if "account_trait" in section else "profile"


def _read_origin(section: Section, problems: Problems) -> tuple[Origin | None, str]:
    if "formula" in section:
        return _read_formula(section, problems)
    for key in ("profile_trait", "account_trait"):
        if key in section:
            return _read_profile_trait(section, key, problems)
    return _read_event_trait(section, problems)


def _read_formula(section: Section, problems: Problems) -> tuple[FormulaTrait | None, str]:
    text = section.text("formula")
    node = section.node("formula")
    kind = section.choice("type", SCALARS)
    if node is None or not text or not check_text(text, section.what, node, problems):
        return None, kind
    return FormulaTrait(text, node.location), kind


def _read_profile_trait(
    section: Section, key: str, problems: Problems
) -> tuple[ProfileTrait | None, str]:
    text = section.text(key)
    node = section.node(key)
    kind = section.choice("type", SCALARS, default=STRING)
    path = read_path(text, section.what, node, problems) if node is not None and text else None
    if path is not None and len(path) > 1:
        problems.add(
            "invalid-path",
            f"{section.what} reads the nested {key.replace('_', ' ')} {text!r}",
            section.place(key),
            "name a trait of the first level",
        )
    return (ProfileTrait(text) if path is not None else None), kind


def _read_event_trait(section: Section, problems: Problems) -> tuple[EventTrait | None, str]:
    of_table = is_of_table(section)
    query = (
        read_table_query(section, problems)
        if of_table
        else read_event_query(section, "event", problems)
    )
    named = section.choice("aggregate", NAMES, required=True)
    aggregate, option = read_option(named, section, problems)
    kinds = AGGREGATES[aggregate].types if aggregate else (STRING,)
    kind = section.choice("type", (*SCALARS, LIST), default=kinds[0])
    if kind not in kinds:
        problems.add(
            "wrong-aggregate-type",
            f"{section.what} has the aggregate '{named}', which cannot be of type '{kind}'",
            section.place("type"),
            "use " + " or ".join(f"'{one}'" for one in kinds),
        )
    subject = "column" if of_table else "property"
    prop = _read_property(section, subject, aggregate, kind, problems)
    if query is None or not aggregate:
        return None, kind
    _check_time(query, aggregate, section, problems)
    return EventTrait(query, aggregate, prop, option), kind


def _read_property(
    section: Section, key: str, aggregate: str, kind: str, problems: Problems
) -> Property | None:
    reads = AGGREGATES[aggregate].reads if aggregate else None
    node = section.node(key, required=reads is not None)
    path = read_subject(section, key, problems)
    if node is None or path is None:
        return None
    if aggregate and reads is None:
        problems.add(
            "needless-property",
            f"{section.what} has the aggregate '{aggregate}', which reads no {key}",
            node.location,
            f"leave '{key}' out, or count its values with 'unique_count'",
        )
    return Property(path, reads or kind)


def _check_time(query: EventQuery, aggregate: str, section: Section, problems: Problems) -> None:
    table = query.table
    if table is not None and not table.occurred_at and AGGREGATES[aggregate].needs_time:
        problems.add(
            "missing-time",
            f"{section.what} has the aggregate '{aggregate}', but its rows have no time",
            section.place("aggregate"),
            "name the column that says when with 'occurred_at'",
        )


def read_default(
    node: Node | None, kind: str, origin: Origin, what: str, problems: Problems
) -> Value | None:
    """The default as a value of the trait's type; a problem is noted when it is not one."""
    if node is None:
        return None
    counts = isinstance(origin, EventTrait) and origin.aggregate in COUNTS
    if counts or kind == LIST:
        problems.add(
            "needless-default",
            f"{what} has a default, which would never be used"
            if counts
            else f"{what} has a default, which a list cannot have",
            node.location,
            "leave 'default' out; without events " + ("it is 0" if counts else "there is no list"),
        )
        return None
    return read_value(kind, node, f"the default of {what}", problems)
