"""Filters of events: a test of one property, or of the elements of a list, and its value.

Owns what `where` may say and what stands behind an operator: a value, a trait of the same
profile, or a property of an earlier step of a sequence. Which trait there is, and its
type, is known to nobody here; SQL is made in `predicates` and `elements`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cdp.errors import Location, Problems, suggest
from cdp.sql.operators import (
    ELEMENTS,
    LENGTH,
    MOMENT,
    PROPERTY_OPERATORS,
    SAME,
    SEVERAL,
    TEXT,
    TEXTS,
    YES_NO,
    Operator,
)
from cdp.sql.tables import read_column
from cdp.sql.types import BOOLEAN, DECIMAL, INTEGER, LIST, SCALARS, STRING, TIMESTAMP
from cdp.sql.values import Value, read_path, read_value
from cdp.sql.windows import Duration, read_duration
from cdp.yamlfile import Node, Section

COUNTS = {
    "at_least": "greater_than_or_equal",
    "at_most": "less_than_or_equal",
    "exactly": "equals",
}
"""How a number of events or elements is compared: the operator of numbers that each is."""


@dataclass(frozen=True)
class Property:
    """A leaf of an event's properties, read as one type."""

    path: tuple[str, ...]
    type: str

    @property
    def dotted(self) -> str:
        return ".".join(self.path)


@dataclass(frozen=True)
class TraitValue:
    """The value of a trait of the same profile."""

    name: str
    location: Location = field(compare=False, repr=False)


@dataclass(frozen=True)
class StepValue:
    """The value of a property of the event that an earlier step, counted from 0, found."""

    step: int
    property: Property


Operand = Value | Duration | tuple[Value, ...] | TraitValue | StepValue


@dataclass(frozen=True)
class Filter:
    """A test of one property of an event."""

    property: Property
    operator: str
    value: Operand


@dataclass(frozen=True)
class Elements(Property):
    """The elements of a list of objects that pass all filters: how many, or whether `every` does.

    It is read from an event as a property is: a whole number, 0 where there is no list; or true
    where the list has elements and each passes. The filters' paths start at the element.
    """

    filters: tuple[Filter, ...] = ()
    every: bool = False
    location: Location | None = field(default=None, compare=False, repr=False)

    @property
    def dotted(self) -> str:
        return f"{super().dotted}.$"


@dataclass(frozen=True)
class References:
    """What a value may refer to: traits; steps of a sequence by name, with their places."""

    traits: bool = False
    steps: Mapping[str, int] = field(default_factory=dict)


NOTHING = References()


def read_filters(
    section: Section, key: str, problems: Problems, references: References = NOTHING
) -> tuple[Filter, ...]:
    """The filters of a section's `where`. `key` is what names a subject: property or column."""
    filters = []
    for part in section.sections("where", f"a filter of {section.what}"):
        if ELEMENTS in part and key == "property":
            one = _read_elements(part, problems)
        else:
            one = _read_filter(part, key, problems, references)
        filters += [one] if one is not None else []
    # One meaning, one form: the order of filters and a filter written twice change nothing.
    return tuple(sorted(dict.fromkeys(filters), key=repr))


def read_operator(
    section: Section, operators: Mapping[str, Operator], problems: Problems
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
    if operator.takes == LENGTH:
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


def read_counts(section: Section, problems: Problems, minimum: int = 0) -> tuple[str, int]:
    """(`at_least`, `at_most` or `exactly`, how many); without any it is at least one."""
    given = [name for name in COUNTS if name in section]
    counts = {name: section.integer(name, default=1, minimum=minimum) for name in COUNTS}
    if len(given) > 1:
        problems.add(
            "two-operators",
            f"{section.what} has the operators '{given[0]}' and '{given[1]}'",
            section.place(given[1]),
            "keep one; write a second condition for the other",
        )
    chosen = given[0] if given else "at_least"
    return chosen, counts[chosen]


def read_trait_value(
    operator: Operator, node: Node, what: str, problems: Problems
) -> TraitValue | None:
    """`{trait: name}` in the place of a value; None, with a problem noted, when it cannot be."""
    section = Section(node, f"'{operator.name}' of {what}", problems)
    name = section.text("trait", required=True)
    section.finish()
    return TraitValue(name, section.place("trait")) if name and _refers(operator, section) else None


def _refers(operator: Operator, section: Section) -> bool:
    """Whether an operator's value may be a reference; a problem is noted when not."""
    if operator.takes in (SAME, TEXT, MOMENT):
        return True
    section.problems.add(
        "reference-not-allowed",
        f"{section.what} refers to another value, but takes {operator.takes}",
        section.location,
        f"write {operator.takes} there",
    )
    return False


def _read_filter(
    section: Section, key: str, problems: Problems, references: References
) -> Filter | None:
    section.node(key, required=True)
    path = read_subject(section, key, problems)
    found = read_operator(section, PROPERTY_OPERATORS, problems)
    section.finish()
    if found is None or path is None:
        return None
    operator, value_node = found
    if isinstance(value_node.value, dict):
        return _read_reference(operator, path, value_node, section, references)
    kind = kind_of_value(operator, value_node)
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


def _read_reference(
    operator: Operator, path: tuple[str, ...], node: Node, section: Section, allowed: References
) -> Filter | None:
    """A filter whose value is a trait or a property of an earlier step."""
    keys = node.value if isinstance(node.value, dict) else {}
    if "trait" in keys and allowed.traits:
        value = read_trait_value(operator, node, section.what, section.problems)
        # Its type is that of the trait, which is filled in when all traits are known.
        return None if value is None else Filter(Property(path, ""), operator.name, value)
    if "step" in keys and allowed.steps:
        return _read_step_value(operator, path, node, section, allowed.steps)
    what = "an earlier step" if "step" in keys else "a trait" if "trait" in keys else "a mapping"
    possible = [
        *(["{trait: name}"] if allowed.traits else []),
        *(["{step: name, property: path}"] if allowed.steps else []),
    ]
    section.problems.add(
        "reference-not-allowed",
        f"'{operator.name}' of {section.what} has {what} in the place of a value",
        node.location,
        "write a value" + (f", or {' or '.join(possible)}" if possible else ""),
    )
    return None


def _read_step_value(
    operator: Operator,
    path: tuple[str, ...],
    node: Node,
    section: Section,
    steps: Mapping[str, int],
) -> Filter | None:
    inner = Section(node, f"'{operator.name}' of {section.what}", section.problems)
    step = read_step(inner.node("step", required=True), inner, steps)
    other = read_subject(inner, "property", section.problems)
    inner.node("property", required=True)
    kind = inner.choice("type", SCALARS, default=_reference_kind(operator))
    inner.finish()
    if step is None or other is None or not _refers(operator, inner):
        return None
    if kind not in operator.types:
        section.problems.add(
            "wrong-operator-type",
            f"{inner.what} compares values of type '{kind}'",
            inner.place("type"),
            f"use {' or '.join(one for one in operator.types if one in SCALARS)}",
        )
        return None
    return Filter(Property(path, kind), operator.name, StepValue(step, Property(other, kind)))


def read_step(node: Node | None, section: Section, steps: Mapping[str, int]) -> int | None:
    """The step that a node names, or counts from 1; None, with a problem noted, when none is."""
    if node is None:
        return None
    name = str(node.value) if isinstance(node.value, (str, int)) else ""
    if name in steps:
        return steps[name]
    section.problems.add(
        "unknown-step",
        f"{section.what} refers to step '{name or node.kind}', which is no earlier step that "
        "finds an event",
        node.location,
        suggest(name, steps),
    )
    return None


def _reference_kind(operator: Operator) -> str:
    if operator.takes == MOMENT:
        return TIMESTAMP
    return STRING if STRING in operator.types else DECIMAL


def _read_elements(section: Section, problems: Problems) -> Filter | None:
    """`{elements: products, where: [...]}`: how many elements of a list pass all filters."""
    path = read_subject(section, ELEMENTS, problems)
    filters = read_filters(section, "property", problems)
    every = section.boolean("every")
    comparison, count = read_counts(section, problems)
    counted = any(name in section for name in COUNTS)
    section.finish()
    if every and (counted or not filters):
        problems.add(
            "conflicting-keys",
            f"{section.what} has 'every' "
            + ("and a number of elements" if counted else "without 'where'"),
            section.place("every"),
            "keep one of them" if counted else "say in 'where' what every element must pass",
        )
        return None
    inner = [one.property for one in filters if isinstance(one.property, Elements)]
    if inner:
        problems.add(
            "nested-elements",
            f"{section.what} looks at the elements of a list inside a list",
            inner[0].location,
            "test the leaves of the elements; nested lists belong into a dbt model",
        )
        return None
    if path is None:
        return None
    kind = BOOLEAN if every else INTEGER
    subject = Elements(path, kind, filters, every, section.location)
    if every:
        return Filter(subject, "equals", True)
    return Filter(subject, COUNTS[comparison], count)


def kind_of_value(operator: Operator, node: Node) -> str:
    """The type that a property is read as: the operator's, else that of the value."""
    if operator.takes in (TEXT, TEXTS, YES_NO):
        return STRING
    if operator.takes == MOMENT:
        return TIMESTAMP
    first = node.value[0] if isinstance(node.value, tuple) and node.value else node
    if isinstance(first.value, bool):
        return BOOLEAN
    return STRING if isinstance(first.value, (str, type(None))) else DECIMAL
