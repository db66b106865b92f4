"""Values of definitions: read from YAML with their type, or refused with a reason.

Owns what text, numbers, moments and property paths a definition may hold. What is
let through here is safe to stand in generated SQL as a literal; `literals` makes it one.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import Decimal

from cdp.errors import Problems
from cdp.sql.types import (
    BOOLEAN,
    DECIMAL,
    DECIMAL_PLACES,
    FLOAT,
    GREATEST_INTEGER,
    INTEGER,
    NUMBERS,
    STRING,
    TIMESTAMP,
    describe,
)
from cdp.yamlfile import Node, Section

Value = str | int | Decimal | bool | datetime
LONGEST_TEXT = 1_000
LONGEST_PATH = 10
# A literal must survive two printers: dbt's Jinja, whose raw block ends at `endraw`, and
# the indentation of the generated file, which would change a text with a line break in it.
_UNSAFE = re.compile(r"endraw|[\x00-\x1f\x7f\u2028\u2029]")
# Characters that some engine gives a meaning inside a JSON path.
_PATH_PART = re.compile(r"[^\"'`\\\[\]$*?{}@\x00-\x1f]+\Z")
_MOMENT = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})"
    r"(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?\s*(Z|[+-](?:0\d|1[0-5]):?[0-5]\d)?)?\Z",
    re.ASCII,
)


def check_text(text: str, what: str, node: Node, problems: Problems) -> bool:
    """Whether a text may stand in generated SQL; a problem is noted when it may not."""
    if len(text) > LONGEST_TEXT:
        problems.add(
            "text-too-long",
            f"{what} has a text of {len(text)} characters",
            node.location,
            f"use at most {LONGEST_TEXT} characters",
        )
        return False
    if _UNSAFE.search(text):
        problems.add(
            "unsafe-text",
            f"{what} has a text that cannot stand in a generated model",
            node.location,
            "leave out line breaks, control characters and the word 'endraw'",
        )
        return False
    return True


def read_description(section: Section, problems: Problems) -> str:
    """The required description, without Jinja: dbt would run it."""
    text = section.text("description", required=True)
    if any(mark in text for mark in ("{{", "{%", "{#")):
        problems.add(
            "unsafe-text",
            f"the description of {section.what} has '{{{{', '{{%' or '{{#' in it",
            section.place("description"),
            "leave them out: dbt would read them as a template",
        )
    return text.strip()


def read_path(text: str, what: str, node: Node, problems: Problems) -> tuple[str, ...] | None:
    """`a.b` as ("a", "b"); None, with a problem noted, when a part is not a plain key."""
    parts = tuple(text.split("."))
    plain = all(_PATH_PART.match(part) and not part.isdigit() for part in parts)
    if plain and len(parts) <= LONGEST_PATH and len(text) <= LONGEST_TEXT:
        return parts if check_text(text, what, node, problems) else None
    problems.add(
        "invalid-path",
        f"{what} has the property path {text!r}",
        node.location,
        "write names with dots between them, such as 'shipping.city', "
        "without quotes, brackets or array positions",
    )
    return None


def read_value(kind: str, node: Node, what: str, problems: Problems) -> Value | None:
    """The node's value as the given type; None, with a problem noted, when it is not one."""
    value = node.value
    if kind == STRING and isinstance(value, str):
        return value if check_text(value, what, node, problems) else None
    if kind == BOOLEAN and isinstance(value, bool):
        return value
    if kind == TIMESTAMP and isinstance(value, str):
        return _read_moment(value, what, node, problems)
    if kind in NUMBERS and isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        return _read_number(kind, value, what, node, problems)
    example = {STRING: "put it in quotes", TIMESTAMP: "write it as 2026-05-01 or in ISO form"}
    problems.add(
        "wrong-type",
        f"{what} must be {describe(kind)}, not {node.kind}",
        node.location,
        example.get(kind, f"write {describe(kind)}"),
    )
    return None


def parse_moment(text: str) -> datetime | None:
    """ISO text as naive UTC; a date is its midnight, a time without a zone is UTC."""
    found = _MOMENT.match(text.strip())
    if found is None:
        return None
    *numbers, fraction, zone = found.groups()
    year, month, day, hour, minute, second = (int(part or 0) for part in numbers)
    microsecond = int((fraction or "").ljust(6, "0"))
    try:
        local = datetime(year, month, day, hour, minute, second, microsecond)
        return local - _offset(zone)
    except (ValueError, OverflowError):
        return None


def _offset(zone: str | None) -> timedelta:
    if zone is None or zone == "Z":
        return timedelta()
    digits = zone[1:].replace(":", "")
    size = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return -size if zone[0] == "-" else size


def _read_moment(text: str, what: str, node: Node, problems: Problems) -> datetime | None:
    moment = parse_moment(text)
    if moment is None:
        problems.add(
            "invalid-timestamp",
            f"{what} has the timestamp {text!r}",
            node.location,
            "write a date (2026-05-01) or a time in ISO form (2026-05-01T12:00:00Z)",
        )
    return moment


def _read_number(
    kind: str, value: int | Decimal, what: str, node: Node, problems: Problems
) -> int | Decimal | None:
    # Arithmetic would raise where an exponent is beyond its context; a copy does not compute.
    size = Decimal(value).copy_abs()
    fits = size <= GREATEST_INTEGER
    if kind == INTEGER:
        fits = fits and value == int(value)
    if kind == DECIMAL and fits:
        fits = Decimal(value) == round(Decimal(value), DECIMAL_PLACES)
    if fits or (kind == FLOAT and size < Decimal("1e300")):
        return int(value) if kind == INTEGER else value
    problems.add(
        "out-of-range",
        f"{what} has the number {value}",
        node.location,
        f"use {describe(kind)} of at most {GREATEST_INTEGER}"
        + (f" with at most {DECIMAL_PLACES} decimal places" if kind == DECIMAL else ""),
    )
    return None
