"""Tables other than events that traits are computed from: a dbt model or a warehouse table.

Owns how a definition names one: the relation, the column that says whose a row is, the
column that says when. Which types of identifiers exist is checked with all definitions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from cdp.errors import Location, Problems
from cdp.sql.names import RESERVED
from cdp.yamlfile import Node, Section

PROFILE_ID = "canonical_profile_id"
# A column of ours may be one of theirs too: a model over profiles has it.
_OURS = {PROFILE_ID, "as_of"}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


@dataclass(frozen=True)
class Table:
    """Rows of a dbt model, or else of a table of a schema, each of one person.

    `identifier` is a type of identity.yml, or canonical_profile_id, and `column` holds its
    values; `occurred_at` is the column that says when, or empty: then the rows have no time.
    """

    model: str
    schema: str
    table: str
    identifier: str
    column: str
    occurred_at: str
    location: Location = field(compare=False)

    @property
    def name(self) -> str:
        """The model, or the table, by its own name."""
        return self.model or self.table

    @property
    def jinja(self) -> str:
        """What dbt reads it as."""
        if self.model:
            return "{{ ref('" + self.model + "') }}"
        named = f"database=target.database, schema='{self.schema}', identifier='{self.table}'"
        return "{{ api.Relation.create(" + named + ") }}"

    def __str__(self) -> str:
        return self.model or f"{self.schema}.{self.table}"


def is_of_table(section: Section) -> bool:
    """Whether a definition is over a table, not over events."""
    return "model" in section or "table" in section


def read_table(section: Section, problems: Problems) -> Table | None:
    """The table of a definition; None when a problem was noted."""
    before = len(problems.found)
    model = _name(section, "model") if "model" in section else ""
    relation = section.section("table", f"the table of {section.what}")
    schema = _name(relation, "schema") if relation else ""
    table = _name(relation, "name") if relation else ""
    if relation is not None:
        relation.finish()
    if "model" in section and relation is not None:
        problems.add(
            "conflicting-keys",
            f"{section.what} has both 'model' and 'table'",
            section.place("table"),
            "name the dbt model, or the table as {schema: ..., name: ...}",
        )
    identifier, column = _read_identifier(section, problems)
    moment = section.node("occurred_at")
    occurred_at = read_column(moment, section, problems) if moment is not None else ""
    if len(problems.found) > before:
        return None
    place = section.place("identifier")
    return Table(model, schema, table, identifier, column, occurred_at, place)


def read_column(node: Node, section: Section, problems: Problems) -> str:
    """The name of a column; empty, with a problem noted, when it is none."""
    text = node.value if isinstance(node.value, str) else ""
    if not _NAME.match(text):
        problems.add(
            "invalid-column",
            f"{section.what} reads the column {text!r}"
            if text
            else f"{section.what} reads {node.kind} as a column",
            node.location,
            "use a column with letters, digits and '_'; a dbt model can name it so",
        )
        return ""
    if text.lower() in RESERVED - _OURS:
        problems.add(
            "reserved-name",
            f"{section.what} reads the column '{text}', whose name SQL uses itself",
            node.location,
            "read a dbt model that names it otherwise",
        )
        return ""
    return text


def _read_identifier(section: Section, problems: Problems) -> tuple[str, str]:
    """`{user_id: customer_no}`, or the name of a column with profile ids."""
    node = section.node("identifier", required=True)
    if node is None:
        return "", ""
    if isinstance(node.value, str) and node.value == PROFILE_ID:
        return PROFILE_ID, PROFILE_ID
    entries = list(section.mapping("identifier"))
    if len(entries) == 1:
        kind, column, _ = entries[0]
        return kind, read_column(column, section, problems)
    if isinstance(node.value, dict):
        problems.add(
            "invalid-identifier",
            f"{section.what} has {len(entries)} identifiers",
            node.location,
            "name one type and its column, such as {user_id: customer_no}",
        )
    return "", ""


def _name(section: Section, key: str) -> str:
    text = section.text(key, required=True)
    if text and not _NAME.match(text):
        section.problems.add(
            "invalid-name",
            f"{section.what} has the {key} {text!r}",
            section.place(key),
            "use letters, digits and '_', starting with a letter",
        )
        return ""
    return text
