"""The rows that a sync sends, as a condition in SQL: its filter, and who consented."""

from __future__ import annotations

from dataclasses import replace

from sqlglot import exp

from cdp.errors import Problems
from cdp.sql.events import read_operand
from cdp.sql.predicates import all_of, any_of, literal, negated, operator_test
from cdp.syncs.check_filter import tested_type
from cdp.syncs.field_values import Values
from cdp.syncs.filters import Condition, Test
from cdp.syncs.origin import PROFILE_KEY
from cdp.syncs.spec import Sync

CONSENTS = "consent_status"


def passes(sync: Sync, condition: Condition, values: Values) -> exp.Expr:
    """Whether a row passes; null counts as no."""
    if isinstance(condition, Test):
        return _passes(sync, condition, values)
    parts = [passes(sync, part, values) for part in condition.parts]
    if condition.how == "not":
        return negated(parts[0])
    return all_of(parts) if condition.how == "all" else any_of(parts)


def _passes(sync: Sync, test: Test, values: Values) -> exp.Expr:
    kind = tested_type(sync, test, values.traits)
    # Checked before: reading it again finds no problem.
    operand = read_operand(test.operator, kind, test.value, "", Problems())
    assert operand is not None
    subject = values.of(replace(test.field, type=kind))
    # No operator of filters counts from a moment.
    return operator_test(test.operator.name, subject, kind, operand, exp.null(), values.dialect)


def consented(sync: Sync, dialect: str) -> exp.Select:
    """The profiles that granted every category that a sync asks for, and did not take it back."""
    column = exp.column(PROFILE_KEY, table=CONSENTS)
    names = [literal(one.category, dialect) for one in sync.consent]
    status = exp.column("status", table=CONSENTS).eq(exp.Literal.string("granted"))
    wanted = exp.In(this=exp.column("category", table=CONSENTS), expressions=names)
    # One row a profile and category.
    every = exp.Count(this=column.copy()).eq(exp.Literal.number(len(names)))
    return exp.select(column).from_(CONSENTS).where(status, wanted).group_by(column).having(every)
