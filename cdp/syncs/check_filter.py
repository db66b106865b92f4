"""Whether the filter of a sync, and the consents that it asks for, fit its rows.

Adds problems; nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cdp.errors import Problems
from cdp.sql.events import read_operand
from cdp.sql.filters import kind_of_value
from cdp.sql.operators import PROPERTY_OPERATORS
from cdp.sql.types import STRING
from cdp.syncs.fields import TYPED, column_type
from cdp.syncs.filters import Test, tests
from cdp.syncs.spec import Sync


def tested_type(sync: Sync, test: Test, traits: Mapping[str, Any]) -> str:
    """The type that a test reads its value as: what is said or known, else the operand's."""
    if test.field.kind in TYPED:
        known = (sync.origin.columns or {}).get(str(test.field.value), "")
        known = known if test.field.kind == "column" else ""
        return test.field.type or known or kind_of_value(test.operator, test.value)
    return column_type(test.field, traits) if test.field.kind == "trait" else STRING


def check_filter(sync: Sync, traits: Mapping[str, Any], problems: Problems) -> None:
    """Adds a problem for each operator that does not fit what it tests, or its value."""
    for test in tests(sync.filter):
        if test.field.kind == "trait" and test.field.value not in traits:
            continue
        kind = tested_type(sync, test, traits)
        what = f"{test.field.kind} '{test.field.value}' in the filter of sync '{sync.name}'"
        if kind in test.operator.types:
            read_operand(test.operator, kind, test.value, what, problems)
            continue
        fitting = [name for name, one in PROPERTY_OPERATORS.items() if kind in one.types]
        problems.add(
            "wrong-operator-type",
            f"'{test.operator.name}' on {what}, which is of type '{kind}'",
            test.value.location,
            "use " + ", ".join(fitting),
        )


def check_consent(sync: Sync, problems: Problems) -> None:
    """Adds a problem where nobody whose rows are sent could have consented."""
    for one in sync.consent[:1]:
        if sync.origin.level != "profile":
            problems.add(
                "consent-without-profile",
                f"sync '{sync.name}' asks for consent to '{one.category}', and "
                f"{sync.origin.shown} has no profile that could give it",
                one.location,
                "sync an audience, profiles, or a model with the column 'canonical_profile_id'",
            )
