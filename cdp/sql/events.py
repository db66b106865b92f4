"""Which events a definition means: an event's name, its filters and its window.

Owns the reading of `event`/`did`, `where` and `window`, which traits and audiences
share. What is counted or summed over the events belongs to `features`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cdp.errors import Location, Problems, suggest
from cdp.sql.operators import (
    MOMENT,
    PROPERTY_OPERATORS,
    SEVERAL,
    TEXT,
    TEXTS,
    YES_NO,
    Operator,
)
from cdp.sql.tables import Table, read_column, read_table
from cdp.sql.types import BOOLEAN, DECIMAL, LIST, STRING, TIMESTAMP
from cdp.sql.values import Value, check_text, read_path, read_value
from cdp.sql.windows import Duration, Window, read_duration, read_window
from cdp.yamlfile import Node, Section

Operand = Value | Duration | tuple[Value, ...]


@dataclass(frozen=True, order=True)
class Property:
    """A leaf of an event's properties, read as one type."""

    path: tuple[str, ...]
    type: str

    @property
    def dotted(self) -> str:
        return ".".join(self.path)


@dataclass(frozen=True)
class Filter:
    """A test of one property of an event."""

    property: Property
    operator: str
    value: Operand


@dataclass(frozen=True)
class EventQuery:
    """Events of one name that pass all filters, inside a window (None: all time).

    Over a `table` its rows are meant in the place of events, and `event` is `table_key`.
    """

    event: str
    filters: tuple[Filter, ...] = ()
    window: Window | None = None
    location: Location | None = field(default=None, compare=False)
    table: Table | None = None

    @property
    def shown(self) -> str:
        """What is read, in a user's words."""
        return f"'{self.event}'" if self.table is None else str(self.table)


def table_key(table: Table) -> str:
    """A name for a table's rows that no event can have: names hold no control characters."""
    return f"\x1f{table.model}.{table.schema}.{table.table}.{table.identifier}.{table.column}." + (
        table.occurred_at
    )


def read_event_query(section: Section, key: str, problems: Problems) -> EventQuery:
    """The event named under `key`, and `where` and `window` of the same section."""
    event = section.text(key, required=True)
    node = section.node(key)
    if node is not None and event:
        check_text(event, section.what, node, problems)
    filters = _read_filters(section, "property", problems)
    return EventQuery(event, filters, read_window(section, problems), section.location)


def read_table_query(section: Section, problems: Problems) -> EventQuery | None:
    """The rows of the table that a section names, with its `where` and `window`."""
    table = read_table(section, problems)
    filters = _read_filters(section, "column", problems)
    window = read_window(section, problems)
    if table is None:
        return None
    if window is not None and not table.occurred_at:
        problems.add(
            "missing-time",
            f"{section.what} has a window, but its rows have no time",
            section.place("window"),
            "name the column that says when with 'occurred_at', or leave 'window' out",
        )
    return EventQuery(table_key(table), filters, window, section.location, table)


def _read_filters(section: Section, key: str, problems: Problems) -> tuple[Filter, ...]:
    filters = [
        one
        for part in section.sections("where", f"a filter of {section.what}")
        if (one := _read_filter(part, key, problems)) is not None
    ]
    # One meaning, one form: the order of filters and a filter written twice change nothing.
    return tuple(sorted(dict.fromkeys(filters), key=repr))


def read_operator(
    section: Section, operators: dict[str, Operator], problems: Problems
) -> tuple[Operator, Node] | None:
    """The one operator of a condition and its value; a problem is noted for none or two."""
    found = [(operators[key], node) for key in operators if (node := section.node(key)) is not None]
    if len(found) == 1:
        return found[0]
    if found:
        problems.add(
            "two-operators",
            f"{section.what} has the operators "
            + " and ".join(f"'{operator.name}'" for operator, _ in found),
            found[1][1].location,
            "keep one; write a second condition for the other",
        )
        return None
    named = set(section.keys())
    unknown = named - {"trait", "property", "column"}
    # An unknown key is reported by itself, with the nearest operator.
    if not unknown:
        problems.add(
            "missing-operator",
            f"{section.what} has no operator",
            section.location,
            suggest("", operators),
        )
    return None


def read_operand(
    operator: Operator, kind: str, node: Node, what: str, problems: Problems
) -> Operand | None:
    """The value behind an operator, for a subject of type `kind`."""
    name = f"'{operator.name}' of {what}"
    if operator.takes == "a duration":
        return read_duration(node, name, problems)
    element = {TEXT: STRING, TEXTS: STRING, MOMENT: TIMESTAMP, YES_NO: BOOLEAN}.get(
        operator.takes, STRING if kind == LIST else kind
    )
    if operator.takes not in (SEVERAL, TEXTS):
        return read_value(element, node, name, problems)
    if not isinstance(node.value, tuple) or not node.value:
        problems.add(
            "wrong-type" if not isinstance(node.value, tuple) else "empty-list",
            f"{name} must be a list of values",
            node.location,
            "write it as [one, two]",
        )
        return None
    values = [read_value(element, item, name, problems) for item in node.value]
    return tuple(dict.fromkeys(value for value in values if value is not None))


def read_subject(section: Section, key: str, problems: Problems) -> tuple[str, ...] | None:
    """The property that a key names, or the column; None for none, or with a problem noted."""
    node = section.node(key)
    if node is None:
        return None
    if key == "column":
        column = read_column(node, section, problems)
        return (column,) if column else None
    text = section.text(key)
    return read_path(text, section.what, node, problems) if text else None


def _read_filter(section: Section, key: str, problems: Problems) -> Filter | None:
    section.node(key, required=True)
    path = read_subject(section, key, problems)
    found = read_operator(section, PROPERTY_OPERATORS, problems)
    section.finish()
    if found is None or path is None:
        return None
    operator, value_node = found
    kind = _kind(operator, value_node)
    if kind not in operator.types:
        problems.add(
            "wrong-operator-type",
            f"'{operator.name}' of {section.what} cannot be used with {value_node.kind}",
            value_node.location,
            "use a number, or 'before' and 'after' for moments",
        )
        return None
    operand = read_operand(operator, kind, value_node, section.what, problems)
    return None if operand is None else Filter(Property(path, kind), operator.name, operand)


def _kind(operator: Operator, node: Node) -> str:
    """The type that a property is read as: the operator's, else that of the value."""
    if operator.takes in (TEXT, TEXTS, YES_NO):
        return STRING
    if operator.takes == MOMENT:
        return TIMESTAMP
    first = node.value[0] if isinstance(node.value, tuple) and node.value else node
    if isinstance(first.value, bool):
        return BOOLEAN
    return STRING if isinstance(first.value, (str, type(None))) else DECIMAL
