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
JSON = "json"
"""A document of JSON: of columns that are sent, never of traits."""

NUMBERS = (DECIMAL, INTEGER, FLOAT)
SCALARS = (DECIMAL, INTEGER, FLOAT, STRING, BOOLEAN, TIMESTAMP)
TYPES = (*SCALARS, LIST)

# A decimal has 6 digits behind the point (design, decision 7). One that is read has at most 20
# before it, so that a sum, which has room for 32, cannot overflow below 10^12 rows: a few absurd
# events would otherwise stop every build.
DECIMAL_PLACES = 6
DECIMAL_DIGITS = 20
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
        JSON: "an object or a list",
    }[kind]
