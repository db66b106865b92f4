"""Consent, places in an order and shares by hash as predicates over the tables of a profile.

Owns what `top`, `sample` and `split` mean in SQL. The places are computed by `ranking_table`,
consents by `consent_rows`.
"""

from __future__ import annotations

from decimal import Decimal

from sqlglot import exp

from cdp.audiences.conditions import Consent, Sample, Split, Top
from cdp.audiences.plan import CONDITIONS, OF, RANKINGS, AudiencePlan
from cdp.sql.engines import share_hash
from cdp.sql.predicates import all_of, is_missing

_PROFILE = "canonical_profile_id"
# The hash has 32 bits.
_HASHES = 2**32
_WHOLE = Decimal(100)


def selected(
    condition: Consent | Top | Sample | Split, plan: AudiencePlan, table: str, dialect: str
) -> exp.Expr:
    """A condition as a test of a profile's row. `table` holds all profiles."""
    if isinstance(condition, Consent):
        said = exp.column(plan.consents[condition.category], CONDITIONS)
        if condition.status == "unknown":
            return is_missing(said)
        return said if condition.status == "granted" else exp.Not(this=said)
    if isinstance(condition, Sample):
        return _hashed(condition, table, dialect)
    if isinstance(condition, Top):
        name = plan.rankings[condition.ranking]
        if condition.percent is None:
            count = exp.Literal.number(condition.count)
            return exp.LTE(this=exp.column(name, RANKINGS), expression=count)
        return _between(name, Decimal(0), condition.percent)
    if condition.ranking is None:
        return _hashed(condition.share, table, dialect)
    name = plan.rankings[condition.ranking]
    return _between(name, condition.share.start, condition.share.end)


def _between(name: str, start: Decimal, end: Decimal) -> exp.Expr:
    """Whether a place lies in a share of all: those before it are that many percent of them.

    In whole numbers, which every engine multiplies exactly.
    """
    scale = 10 ** max(0, *(-int(one.normalize().as_tuple().exponent) for one in (start, end)))
    place = exp.paren(exp.Sub(this=exp.column(name, RANKINGS), expression=exp.Literal.number(1)))
    before = exp.Mul(this=place, expression=exp.Literal.number(100 * scale))
    of = exp.column(name + OF, RANKINGS)

    def share(percent: Decimal) -> exp.Expr:
        return exp.Mul(this=exp.Literal.number(int(percent * scale)), expression=of.copy())

    tests: list[exp.Expr] = [exp.LT(this=before, expression=share(end))]
    if start:
        tests.insert(0, exp.GTE(this=before.copy(), expression=share(start)))
    return all_of(tests)


def _hashed(sample: Sample, table: str, dialect: str) -> exp.Expr:
    """Whether the hash of a profile's id lies in a share of all hashes."""
    hashed = share_hash(sample.name, exp.column(_PROFILE, table), dialect)
    tests: list[exp.Expr] = []
    if sample.start:
        tests.append(exp.GTE(this=hashed, expression=_hash_at(sample.start)))
    if sample.end < _WHOLE:
        tests.append(exp.LT(this=hashed.copy(), expression=_hash_at(sample.end)))
    return all_of(tests) if tests else exp.true()


def _hash_at(percent: Decimal) -> exp.Expr:
    return exp.Literal.string(f"{int(percent * _HASHES / _WHOLE):08x}")
