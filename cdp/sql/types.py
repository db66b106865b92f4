"""The types that a value of a definition can have.

Owns the closed list of types and their limits. What an engine calls them is
`model.COLUMN_TYPES`. Does not read definitions and prints no SQL.
"""

from __future__ import annotations

DECIMAL = "decimal"
INTEGER = "integer"
FLOAT = "float"
STRING = "string"
BOOLEAN = "boolean"
TIMESTAMP = "timestamp"
LIST = "string_list"

NUMBERS = (DECIMAL, INTEGER, FLOAT)
SCALARS = (DECIMAL, INTEGER, FLOAT, STRING, BOOLEAN, TIMESTAMP)
TYPES = (*SCALARS, LIST)

# A decimal has 6 digits behind the point and at most 32 before it (design, decision 7).
DECIMAL_PLACES = 6
DECIMAL_DIGITS = 32
# Whole numbers that JSON and every engine keep exactly.
GREATEST_INTEGER = 2**53 - 1


def describe(kind: str) -> str:
    """A type in a user's words, with its article."""
    return {
        DECIMAL: "a number",
        INTEGER: "a whole number",
        FLOAT: "a number",
        STRING: "text",
        BOOLEAN: "true or false",
        TIMESTAMP: "a timestamp",
        LIST: "a list of texts",
    }[kind]
