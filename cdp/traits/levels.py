"""Whose a trait is: a profile's or an account's, and the tables of each.

Owns the two levels. An account's events are all events of all its members, whatever
account each event names, as in Segment's account-level traits.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp


@dataclass(frozen=True)
class Level:
    """`key` names one of `table`; `traits` holds its traits, `features` is computed."""

    name: str
    key: str
    table: str
    traits: str
    features: str
    calls: str

    def column(self, table: str) -> exp.Column:
        """The key as a column of a table."""
        return exp.column(self.key, table)


PROFILE = Level(
    "profile",
    "canonical_profile_id",
    "profiles",
    "user_traits",
    "int_features",
    "identify calls",
)
ACCOUNT = Level(
    "account",
    "account_id",
    "accounts",
    "account_traits",
    "int_account_features",
    "group calls",
)
MEMBERS = "account_memberships"
