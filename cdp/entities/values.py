"""One value of a rule in SQL: how a trait's part is read, normalised and judged.

The reasons that drop a value are those of identifiers (`cdp.identity.values`), with the
placeholders that `identity.yml` blocks for all types. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sqlglot import exp

from cdp.errors import Location
from cdp.identity.spec import LONGEST_VALUE, IdentifierType, IdentityRules, Limit
from cdp.sql.json import json_text

_SPACES = r"[ \t\n\r]+"


def judged_by(rules: IdentityRules) -> IdentifierType:
    """The judgement of a value of no type: what is blocked for all types, and Segment's length."""
    return IdentifierType(
        name="",
        priority=0,
        places=(),
        external_ids=False,
        when=(),
        normalize=("trim",),
        default_country="",
        pattern="",
        length=LONGEST_VALUE,
        blocked_values=rules.blocked_values,
        blocked_patterns=rules.blocked_patterns,
        limit=Limit(1),
        shared=None,
        location=Location(Path("identity.yml")),
    )


def part(table: str, keys: Sequence[str], steps: Sequence[str], dialect: str) -> exp.Expr:
    """The text below `keys` of a trait's value, normalised; null where there is none.

    The table has `trait_value` and, for keys, the same as JSON in `trait_object`.
    """
    value: exp.Expr = exp.column("trait_value", table)
    if keys:
        value = json_text(exp.column("trait_object", table), keys, dialect)
    if "spaces" in steps:
        every = [exp.Literal.string("g")] if dialect in ("duckdb", "postgres") else []
        value = exp.Anonymous(
            this="regexp_replace",
            expressions=[value, exp.Literal.string(_SPACES), exp.Literal.string(" "), *every],
        )
    if "trim" in steps:
        value = exp.func("trim", value)
    if "lower" in steps:
        value = exp.func("lower", value)
    return exp.func("nullif", value, exp.Literal.string(""))
