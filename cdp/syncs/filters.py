"""Which rows of its source a sync sends: `filter`, read into a frozen tree of tests.

Owns the reading. The operators are those of `where` (docs/operators.md); whether one fits
is checked when all definitions are known, in `check_filter`, and SQL is made in `row_filter`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from cdp.sql.events import read_operator
from cdp.sql.operators import PROPERTY_OPERATORS, Operator
from cdp.syncs.fields import COMPOSED, DEEPEST, FIELD_KINDS, TYPED, TYPES, Field, read_source
from cdp.yamlfile import Node, Section

TESTED = tuple(kind for kind in FIELD_KINDS if kind not in (*COMPOSED, "constant"))
GROUPS = ("all", "any", "not")


@dataclass(frozen=True)
class Test:
    """A value of the row passes an operator. The field's type is '' where it is not said."""

    field: Field
    operator: Operator
    value: Node


@dataclass(frozen=True)
class Group:
    """All parts are true, or any; of `not` there is one, which is not true."""

    how: Literal["all", "any", "not"]
    parts: tuple[Condition, ...]


Condition = Test | Group


def tests(condition: Condition | None) -> Iterator[Test]:
    """The tests at the ends of the tree."""
    if isinstance(condition, Test):
        yield condition
    elif condition is not None:
        for part in condition.parts:
            yield from tests(part)


def read_filter(section: Section) -> Condition | None:
    """`filter` of a sync: one condition, or a list of which all must be true."""
    node = section.node("filter")
    if node is None:
        return None
    if isinstance(node.value, tuple):
        return _group("all", section.items("filter", required=True), section, 1)
    return _condition(node, section, 1)


def _group(
    how: Literal["all", "any", "not"], nodes: tuple[Node, ...], section: Section, depth: int
) -> Group | None:
    parts = [_condition(node, section, depth) for node in nodes]
    whole = tuple(part for part in parts if part is not None)
    return Group(how, whole) if whole and len(whole) == len(parts) else None


def _condition(node: Node, section: Section, depth: int) -> Condition | None:
    one = Section(node, f"the filter of {section.what}", section.problems)
    if not isinstance(node.value, dict):
        return None
    if depth > DEEPEST:
        section.problems.add(
            "too-deep",
            f"{one.what} is nested more than {DEEPEST} deep",
            node.location,
            "test a column of a model of yours",
        )
        return None
    given = [kind for kind in (*TESTED, *GROUPS) if kind in one]
    if len(given) != 1:
        first = next(iter(one.keys()), "")
        section.problems.add(
            "ambiguous-filter",
            f"a condition in {one.what} must have exactly one of "
            + ", ".join(f"'{kind}'" for kind in TESTED)
            + ", 'all', 'any' and 'not'",
            node.location,
            f"keep one of {', '.join(given)}" if given else f"'{first}' is none of them",
        )
        return None
    if given[0] in GROUPS:
        return _read_group(one, given[0], section, depth)
    return _read_test(one, given[0])


def _read_group(one: Section, how: str, section: Section, depth: int) -> Group | None:
    if how == "not":
        node = one.node("not")
        one.finish()
        return None if node is None else _group("not", (node,), section, depth + 1)
    nodes = one.items(how, required=True)
    one.finish()
    return _group("all" if how == "all" else "any", nodes, section, depth + 1)


def _read_test(one: Section, kind: str) -> Test | None:
    value = read_source(one, kind)
    type_ = one.choice("type", TYPES) if kind in TYPED else ""
    found = read_operator(one, PROPERTY_OPERATORS, one.problems)
    one.finish()
    if not value or found is None:
        return None
    name = value if isinstance(value, str) else ""
    return Test(Field(name, kind, value, one.place(kind), type=type_), *found)
