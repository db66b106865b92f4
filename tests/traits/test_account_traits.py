"""Traits of accounts: all events of all members, whatever account an event names.

The oracle sees an account as one profile with its members' events.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from hypothesis import given, settings

from cdp.catalogue import Catalogue
from tests.audiences import stub_warehouse
from tests.audiences.oracle import Profile, World
from tests.audiences.strategies import AS_OF, Case
from tests.audiences.test_oracle import PROFILE, shown
from tests.definitions import catalogue_of, problems_of
from tests.traits.test_aggregates import all_traits, crowded

MEMBERS = {"acme": ("p0", "p1"), "solo": ("p1",), "empty": ()}
OF_ACCOUNTS = {"level": "account"}
OTHERS = [
    {"name": "industry", "description": "D.", "account_trait": "industry"},
    {"name": "seats", "description": "D.", "account_trait": "seats", "type": "integer"},
    {"name": "events", "description": "D.", "event": "Seen", "aggregate": "count", **OF_ACCOUNTS},
]


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    """Every aggregate of accounts, some of profiles, and a formula over both kinds of origin."""
    per_seat = {"name": "per_seat", "description": "D.", "formula": "events / seats"}
    traits = [one | OF_ACCOUNTS for one in all_traits()[::2]]
    of_profiles = [one | {"name": f"own_{number}"} for number, one in enumerate(all_traits()[:5])]
    every = [*traits, *of_profiles, *OTHERS, per_seat | OF_ACCOUNTS]
    text = yaml.safe_dump({"traits": every})
    return catalogue_of(tmp_path_factory.mktemp("accounts"), {"traits/some.yml": text})


def statements() -> list[str]:
    accounts = [(stub_warehouse.identifier(name), name) for name in MEMBERS]
    made = [
        "create table accounts (account_id uuid)",
        "create table account_memberships (canonical_profile_id uuid, account_id uuid)",
        "create table account_traits (account_id uuid, trait_name text, trait_value text)",
    ]
    for account, name in accounts:
        made.append(f"insert into accounts values ('{account}')")
        for member in MEMBERS[name]:
            values = f"'{stub_warehouse.identifier(member)}', '{account}'"
            made.append(f"insert into account_memberships values ({values})")
        made.append(f"insert into account_traits values ('{account}', 'seats', '{len(name)}')")
    return made


@settings(PROFILE, max_examples=6)
@given(case=crowded())
def test_an_account_has_the_events_of_its_members(catalogue: Catalogue, case: Case) -> None:
    world = World(case.profiles, case.events, AS_OF, catalogue.traits, {})
    with duckdb.connect() as connection:
        stub_warehouse.build(connection.execute, world, catalogue, "duckdb", statements())
        cursor = connection.execute("from account_computed_traits")
        names = [column[0] for column in cursor.description]
        rows = {row[0]: dict(zip(names, row, strict=True)) for row in cursor.fetchall()}
        own = connection.execute("from computed_traits")
        assert [column[0] for column in own.description][1:] == [f"own_{n}" for n in range(5)]
    assert len(rows) == len(MEMBERS)
    for account, members in MEMBERS.items():
        row = rows[stub_warehouse.identifier(account)]
        expected = expected_of(account, members, case, catalogue)
        assert {name: shown(row[name]) for name in expected} == expected
        assert (row["industry"], row["seats"]) == (None, len(account))
        assert shown(row["per_seat"]) == shown(row["events"] / len(account))


def expected_of(
    account: str, members: tuple[str, ...], case: Case, catalogue: Catalogue
) -> dict[str, Any]:
    events = [replace(one, profile=account) for one in case.events if one.profile in members]
    world = World([Profile(account, False, {})], events, AS_OF, catalogue.traits, {})
    aggregated = {one["name"] for one in all_traits()[::2]}
    return {
        name: shown(world.trait(account, one))
        for name, one in catalogue.traits.items()
        if name in aggregated
    }


LEVELS = """\
traits:
  - {name: seats, description: D., account_trait: seats, type: integer}
  - {name: orders, description: D., event: E, aggregate: count}
"""
WRONG = {
    "formula_of_two_levels": (
        LEVELS + '  - {name: share, description: D., formula: "orders / seats"}\n',
        "trait 'share' is of level 'profile' and uses trait 'seats', which is of level 'account'",
    ),
    "eligible": (
        LEVELS
        + "  - {name: a, description: D., event: E, aggregate: count, level: account, "
        + "eligible: known}\n",
        "trait 'a' is of accounts, which are neither known nor anonymous",
    ),
    "profile_trait": (
        LEVELS + "  - {name: a, description: D., profile_trait: plan, level: account}\n",
        "trait 'a' is of accounts and reads a trait of profiles",
    ),
    "account_trait": (
        LEVELS + "  - {name: a, description: D., account_trait: plan, level: profile}\n",
        "trait 'a' reads a trait of accounts and is of level 'profile'",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_levels_are_not_mixed(name: str, tmp_path: Path) -> None:
    text, expected = WRONG[name]
    found = problems_of(tmp_path, {"traits/a.yml": text})
    assert found.split("\n")[0] == f"error[wrong-level]: {expected}"


def test_an_audience_of_profiles_cannot_test_an_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    audience = "name: big\ndescription: D.\nwho: {trait: seats, greater_than: 5}\n"
    assert problems_of(tmp_path, {"traits/a.yml": LEVELS, "audiences/big.yml": audience}) == (
        "error[wrong-level]: audience 'big' uses trait 'seats', which is of accounts\n"
        "  --> definitions/audiences/big.yml:3:14\n"
        "   3 | who: {trait: seats, greater_than: 5}\n"
        "help: use a trait of profiles"
    )
