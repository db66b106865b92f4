"""The operators of conditions: which types each takes, its value, and what it means.

Owns the one published table of semantics (docs/operators.md is printed from it). The
vocabulary is Segment's: 20 operators on traits and 16 on event properties, in snake
case (its Engage documentation). SQL for them is made in `predicates`.
"""

from __future__ import annotations

from dataclasses import dataclass

from cdp.sql.types import BOOLEAN, LIST, NUMBERS, STRING, TIMESTAMP, TYPES

# What stands behind the operator's colon.
SAME = "one value"
SEVERAL = "a list of values"
TEXT = "text"
TEXTS = "a list of texts"
MOMENT = "a timestamp"
LENGTH = "a duration"
YES_NO = "true or false"
# The key that a filter of a list's elements starts with.
ELEMENTS = "elements"


@dataclass(frozen=True)
class Operator:
    """One operator. `when_missing` is its result where the trait or property has no value.

    `lacking` are the dialects that cannot do it: a definition that uses it there is refused.
    """

    name: str
    takes: str
    types: tuple[str, ...]
    when_missing: bool | None
    meaning: str
    on_properties: bool = True
    lacking: tuple[str, ...] = ()


_TEXTUAL = (STRING, LIST)
_EQUAL = (*NUMBERS, STRING, BOOLEAN)
_TABLE = (
    Operator("equals", SAME, _EQUAL, False, "is that value; text is compared with its case"),
    Operator("not_equals", SAME, _EQUAL, True, "the opposite of equals"),
    Operator("less_than", SAME, NUMBERS, False, "is smaller"),
    Operator("greater_than", SAME, NUMBERS, False, "is greater"),
    Operator("less_than_or_equal", SAME, NUMBERS, False, "is smaller or the same"),
    Operator("greater_than_or_equal", SAME, NUMBERS, False, "is greater or the same"),
    Operator("one_of", SEVERAL, (*NUMBERS, STRING), False, "is one of the values"),
    Operator("contains", TEXT, _TEXTUAL, False, "has that text in it; a list has that element"),
    Operator("not_contains", TEXT, _TEXTUAL, True, "the opposite of contains"),
    Operator("contains_one_of", TEXTS, _TEXTUAL, False, "contains at least one of the texts"),
    Operator("starts_with", TEXT, (STRING,), False, "begins with that text"),
    Operator("ends_with", TEXT, (STRING,), False, "ends with that text"),
    Operator("exists", YES_NO, TYPES, None, "true: has a value; false: has none"),
    Operator("before", MOMENT, (TIMESTAMP,), False, "is earlier than that moment"),
    Operator("after", MOMENT, (TIMESTAMP,), False, "is later than that moment"),
    Operator("within_last", LENGTH, (TIMESTAMP,), False, "in [as_of - duration, as_of)", False),
    Operator("within_next", LENGTH, (TIMESTAMP,), False, "in [as_of, as_of + duration)", False),
    Operator("before_last", LENGTH, (TIMESTAMP,), False, "before as_of - duration", False),
    Operator("after_next", LENGTH, (TIMESTAMP,), False, "at as_of + duration or later", False),
)
OPERATORS = {operator.name: operator for operator in _TABLE}
PROPERTY_OPERATORS = {name: one for name, one in OPERATORS.items() if one.on_properties}
# The dialects that cannot look at the elements of a list: none.
_WITHOUT_ELEMENTS: tuple[str, ...] = ()


def lacking(name: str) -> tuple[str, ...]:
    """The dialects that cannot do an operator, or look at elements."""
    return _WITHOUT_ELEMENTS if name == ELEMENTS else OPERATORS[name].lacking
