"""Which events a definition means: an event's name, its filters and its window.

Owns the reading of `event`/`did` and `window`, which traits and audiences share; `where` is
read by `filters`. What is counted or summed over the events belongs to `features`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cdp.errors import Location, Problems
from cdp.sql.filters import (
    NOTHING,
    Elements,
    Filter,
    Operand,
    Property,
    References,
    read_filters,
    read_operand,
    read_operator,
    read_subject,
)
from cdp.sql.tables import Table, read_table
from cdp.sql.values import check_text
from cdp.sql.windows import Window, read_window
from cdp.yamlfile import Section

__all__ = [
    "Elements",
    "EventQuery",
    "Filter",
    "Operand",
    "Property",
    "read_event_query",
    "read_operand",
    "read_operator",
    "read_subject",
    "read_table_query",
    "table_key",
]


@dataclass(frozen=True)
class EventQuery:
    """Events of one name that pass all filters, inside a window (None: all time).

    Over a `table` its rows are meant in the place of events, and `event` is `table_key`.
    """

    event: str
    filters: tuple[Filter, ...] = ()
    window: Window | None = None
    location: Location | None = field(default=None, compare=False, repr=False)
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


def read_event_query(
    section: Section,
    key: str,
    problems: Problems,
    references: References = NOTHING,
    *,
    with_window: bool = True,
) -> EventQuery:
    """The event named under `key`, and `where` and `window` of the same section."""
    event = section.text(key, required=True)
    node = section.node(key)
    if node is not None and event:
        check_text(event, section.what, node, problems)
    filters = read_filters(section, "property", problems, references)
    window = read_window(section, problems) if with_window else None
    return EventQuery(event, filters, window, section.location)


def read_table_query(section: Section, problems: Problems) -> EventQuery | None:
    """The rows of the table that a section names, with its `where` and `window`."""
    table = read_table(section, problems)
    filters = read_filters(section, "column", problems)
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
