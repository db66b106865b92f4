"""`record_sources.yml`: tables other than events whose rows say who somebody is.

Owns reading the file into `RecordSource`s. A record source is a dbt model or a table of the
warehouse with a row for each thing that knows a person: a contact, an offline order, an
exported event. That its identifiers are types of `identity.yml` is `check`'s business; what
it becomes in SQL, `compile`'s.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from cdp.errors import Location, Problems
from cdp.sql.values import check_text
from cdp.yamlfile import Node, Section, read_yaml

FILE = "record_sources.yml"
UNITS = ("seconds", "milliseconds", "microseconds")
"""What a number of time counts, from 1970 on."""
_COLUMN = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*(\.[A-Za-z_][A-Za-z0-9_$]*)*\Z")
_MODEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
# A star: BigQuery reads the daily tables of an export under one name, `events_*`.
_TABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_$-]*\*?\Z")


@dataclass(frozen=True)
class Relation:
    """What is read: a dbt model, or else a table of a schema (of a database, where named)."""

    model: str = ""
    database: str = ""
    schema: str = ""
    table: str = ""


@dataclass(frozen=True)
class RecordSource:
    """One record source. Columns are names, with dots into structs: `device.advertising_id`.

    `key` is unique together; without `occurred_at` its records have no time. `identifiers`
    are (type, columns), `traits` (trait, column).
    """

    name: str
    relation: Relation
    key: tuple[str, ...]
    occurred_at: str
    unit: str
    identifiers: tuple[tuple[str, tuple[str, ...]], ...]
    traits: tuple[tuple[str, str], ...]
    location: Location
    places: tuple[tuple[str, Location], ...]
    """Where each identifier's type stands, for messages."""


def read_record_sources(path: Path, problems: Problems) -> tuple[RecordSource, ...]:
    """The record sources of a file; mistakes are added to `problems`."""
    root = read_yaml(path, problems)
    if root is None:
        return ()
    section = Section(root, FILE, problems)
    entries = section.sections("record_sources", "record source", required=True)
    found = [_read_source(entry) for entry in entries]
    section.finish()
    return tuple(found)


def listed_names(kind: str, count: int) -> tuple[str, ...]:
    """What a record's values of a type are called: the type, numbered from the second on."""
    return tuple(kind if number == 1 else f"{kind} {number}" for number in range(1, count + 1))


def _read_source(section: Section) -> RecordSource:
    name = section.name("name")
    section.what = f"record source '{name}'"
    occurred_at = _column(section, section.node("occurred_at"), "occurred_at")
    entries = list(section.mapping("identifiers", required=True))
    source = RecordSource(
        name=name,
        relation=_read_relation(section),
        key=_columns(section, section.node("key", required=True), "key"),
        occurred_at=occurred_at,
        unit=_read_unit(section, occurred_at),
        identifiers=tuple(
            (kind, _columns(section, node, "identifiers")) for kind, node, _ in entries
        ),
        traits=_read_traits(section),
        location=section.location,
        places=tuple((kind, place) for kind, _, place in entries),
    )
    if "identifiers" in section and not entries:
        section.problems.add(
            "empty-mapping",
            f"'identifiers' of {section.what} is empty",
            section.place("identifiers"),
            "name at least one, as 'type: column'",
        )
    section.finish()
    return source


def _read_relation(section: Section) -> Relation:
    model, table = section.node("model"), section.section("table", f"table of {section.what}")
    if (model is None) == (table is None):
        section.problems.add(
            "conflicting-keys" if model else "missing-key",
            f"{section.what} has {'both' if model else 'neither'} 'model' "
            f"{'and' if model else 'nor'} 'table'",
            section.place("table") if model else section.location,
            "name the dbt model, or the table as {schema: ..., name: ...}",
        )
    if model is not None:
        return Relation(model=_name(section, "model", _MODEL))
    if table is None:
        return Relation()
    relation = Relation(
        database=_name(table, "database", _TABLE, required=False),
        schema=_name(table, "schema", _TABLE),
        table=_name(table, "name", _TABLE),
    )
    table.finish()
    return relation


def _name(section: Section, key: str, pattern: re.Pattern[str], *, required: bool = True) -> str:
    text = section.text(key, required=required)
    if not text or pattern.match(text):
        return text
    section.problems.add(
        "invalid-name",
        f"{section.what} has the {key} {text!r}",
        section.place(key),
        "use letters, digits and '_', starting with a letter",
    )
    return ""


def _read_unit(section: Section, occurred_at: str) -> str:
    unit = section.choice("unit", UNITS)
    if unit and not occurred_at:
        section.problems.add(
            "useless-setting",
            f"{section.what} has a unit but no occurred_at",
            section.place("unit"),
            "add 'occurred_at', or remove this line",
        )
    return unit


def _read_traits(section: Section) -> tuple[tuple[str, str], ...]:
    found = []
    for trait, node, _ in section.mapping("traits"):
        if check_text(trait, section.what, node, section.problems):
            found.append((trait, _column(section, node, "traits")))
    return tuple(found)


def _columns(section: Section, node: Node | None, key: str) -> tuple[str, ...]:
    """A column, or a list of columns."""
    nodes = node.value if node and isinstance(node.value, tuple) else (node,)
    if not nodes:
        section.problems.add(
            "empty-list",
            f"'{key}' of {section.what} is empty",
            node.location if node else section.location,
            "list at least one column",
        )
    return tuple(dict.fromkeys(name for one in nodes if (name := _column(section, one, key))))


def _column(section: Section, node: Node | None, key: str) -> str:
    if node is None:
        return ""
    if not isinstance(node.value, str):
        section.wrong(key, node, "the name of a column")
        return ""
    if not _COLUMN.match(node.value):
        section.problems.add(
            "invalid-column",
            f"'{key}' of {section.what} has {node.value!r}, which is not the name of a column",
            node.location,
            "write a column's name, with dots into structs; "
            "whatever has to be computed, compute in a dbt model",
        )
        return ""
    return node.value
