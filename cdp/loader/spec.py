"""The sources that events come from, as `definitions/sources.yml` declares them.

Owns the YAML of sources and of the mapping from a table's columns to messages.
Does not read event files.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cdp.errors import Location, Problems, RunError, suggest
from cdp.yamlfile import Node, Section, read_yaml

CALL_TYPES = ("identify", "track", "page", "screen", "group", "alias")
VALUE_TYPES = ("string", "integer", "number", "boolean", "timestamp")
WHITESPACE = "whitespace"
_TEXT_FIELDS = {
    "event": "event",
    "message_id": "messageId",
    "user_id": "userId",
    "anonymous_id": "anonymousId",
    "group_id": "groupId",
    "previous_id": "previousId",
    "name": "name",
    "category": "category",
}
_TIME_FIELDS = {"timestamp": "timestamp", "sent_at": "sentAt", "received_at": "receivedAt"}
_OBJECT_FIELDS = {"properties": "properties", "traits": "traits", "context": "context"}


@dataclass(frozen=True)
class Value:
    """A constant (`text`), or a column with the type of its values and a time format."""

    text: str | None = None
    column: str | None = None
    type: str = "string"
    format: str | None = None


@dataclass(frozen=True)
class Table:
    """How rows of a CSV or Parquet file become messages.

    `fields` maps a message's path (`('userId',)`, `('properties', 'revenue')`) to its value.
    """

    type: str
    fields: tuple[tuple[tuple[str, ...], Value], ...]
    delimiter: str = ","
    header: bool = True
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source:
    """A place that events come from; `table` for sources whose files are tables."""

    name: str
    location: Location
    description: str = ""
    table: Table | None = None


def read_sources(path: Path, problems: Problems) -> dict[str, Source]:
    """The sources of a file by name; mistakes go to `problems`."""
    root = read_yaml(path, problems)
    if root is None:
        return {}
    section = Section(root, "sources.yml", problems)
    sources: dict[str, Source] = {}
    for one in section.sections("sources", "a source", required=True):
        source = _read_source(one, problems)
        if source.name in sources:
            problems.add(
                "duplicate-name",
                f"the source '{source.name}' is defined twice",
                one.place("name"),
                f"rename one of the two; the first is on line {sources[source.name].location.line}",
            )
        elif source.name:
            sources[source.name] = source
    section.finish()
    return sources


def find_source(path: Path, name: str) -> Source:
    """The source with a name.

    Raises DefinitionError when the file is wrong, RunError when it has no such source.
    """
    problems = Problems()
    sources = read_sources(path, problems)
    problems.raise_if_any()
    if name not in sources:
        raise RunError(
            "unknown-source",
            f"there is no source '{name}'",
            location=Location(path),
            help=suggest(name, sources),
        )
    return sources[name]


def _read_source(section: Section, problems: Problems) -> Source:
    name = section.name("name")
    section.what = f"source '{name}'" if name else section.what
    description = section.text("description")
    table = section.section("table", f"the table of {section.what}")
    source = Source(
        name,
        section.place("name"),
        description,
        _read_table(table, problems) if table else None,
    )
    section.finish()
    return source


def _read_table(section: Section, problems: Problems) -> Table:
    delimiter = section.text("delimiter", default=",") if "delimiter" in section else ","
    if len(delimiter) != 1 and delimiter != WHITESPACE:
        problems.add(
            "unknown-value",
            f"{delimiter!r} is not a valid delimiter of {section.what}",
            section.place("delimiter"),
            f"use one character, or '{WHITESPACE}'",
        )
    header = section.boolean("header", default=True)
    columns = section.texts("columns", required=not header)
    message = section.section("message", f"the message of {section.what}", required=True)
    section.finish()
    if message is None:
        return Table("track", ())
    kind, fields = _read_message(message, columns, problems)
    return Table(kind, fields, delimiter, header, columns)


def _read_message(
    section: Section, columns: tuple[str, ...], problems: Problems
) -> tuple[str, tuple[tuple[tuple[str, ...], Value], ...]]:
    kind = section.choice("type", CALL_TYPES, required=True, default="track")
    reader = _ValueReader(columns, problems)
    fields: list[tuple[tuple[str, ...], Value]] = []
    for key, target in _TEXT_FIELDS.items():
        node = section.node(key)
        if node is not None:
            fields.append(((target,), reader.read(node, f"'{key}' of {section.what}", ("string",))))
    for key, target in _TIME_FIELDS.items():
        node = section.node(key)
        if node is not None:
            what = f"'{key}' of {section.what}"
            fields.append(((target,), reader.read(node, what, ("timestamp",))))
    for key, target in _OBJECT_FIELDS.items():
        for name, node, _ in section.mapping(key):
            what = f"'{name}' in '{key}' of {section.what}"
            fields.append(((target, *name.split(".")), reader.read(node, what, VALUE_TYPES)))
    section.finish()
    return kind, tuple(fields)


class _ValueReader:
    """Reads constants and `{column: ...}` values, of the types that a place allows."""

    def __init__(self, columns: tuple[str, ...], problems: Problems) -> None:
        self.columns = columns
        self.problems = problems

    def read(self, node: Node, what: str, types: tuple[str, ...]) -> Value:
        if isinstance(node.value, str):
            return Value(text=node.value)
        section = Section(node, what, self.problems)
        if not isinstance(node.value, dict):
            return Value(text="")
        column = section.text("column", required=True)
        if column and self.columns and column not in self.columns:
            self.problems.add(
                "unknown-column",
                f"{what} reads the column '{column}', which is not in 'columns'",
                section.place("column"),
                suggest(column, self.columns),
            )
        kind = types[0]
        if len(types) > 1:
            kind = section.choice("type", types, default="string")
        form = section.text("format") or None if kind == "timestamp" else None
        section.finish()
        return Value(column=column, type=kind, format=form)
