"""Where rows come from: mistakes in `from`, and in fields that the origin does not have."""

from __future__ import annotations

import pytest

from .harness import Shop
from .test_definitions import problems_of

TRAITS = """\
traits:
  - {name: seats, description: D., account_trait: seats, type: integer}
  - {name: plan, description: D., profile_trait: plan}
"""
HOUSEHOLD = """\
name: household
description: D.
members: profiles
joined_by: [{traits: address}]
"""
HEAD = "name: customers\ndescription: C.\ndestination: hook\n"


@pytest.fixture
def define(shop: Shop) -> Shop:
    for folder, name, text in (
        ("traits", "some", TRAITS),
        ("entities", "household", HOUSEHOLD),
    ):
        (shop.folder / "definitions" / folder).mkdir()
        (shop.folder / "definitions" / folder / f"{name}.yml").write_text(text)
    return shop


def mistakes(shop: Shop, more: str) -> str:
    (shop.folder / "definitions" / "syncs" / "customers.yml").write_text(HEAD + more)
    return problems_of(shop)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (
            "from: {entities: houshold}\nfields: {m: {column: member_count}}\n",
            (
                "error[unknown-entity]: sync 'customers' sends entity 'houshold', which is not "
                "defined\n"
                "  --> syncs/customers.yml:4:18\n"
                "   4 | from: {entities: houshold}\n"
                "help: did you mean 'household'?"
            ),
        ),
        (
            "from: {memberships: household}\nfields: {m: {column: member_count}}\n",
            (
                "error[not-yet]: 'from' of sync 'customers' names 'memberships', which cannot be "
                "synced yet\n"
                "  --> syncs/customers.yml:4:21\n"
                "   4 | from: {memberships: household}\n"
                "help: sync an audience, or a model of yours over 'entity_members' or "
                "'account_memberships'"
            ),
        ),
        (
            "from: {entities: household}\nfields: {name: {column: group_id}}\n",
            (
                "error[unknown-column]: sync 'customers' maps column 'group_id', which entity "
                "'household' does not have\n"
                "  --> syncs/customers.yml:5:25\n"
                "   5 | fields: {name: {column: group_id}}\n"
                "help: one of 'entity_id', 'first_seen_at', 'member_count'"
            ),
        ),
        (
            "from: {entities: account}\nfields: {plan: {trait: plan}}\n",
            (
                "error[wrong-level]: sync 'customers' uses trait 'plan', which is of profiles, and "
                "entity 'account' is not\n"
                "  --> syncs/customers.yml:5:24\n"
                "   5 | fields: {plan: {trait: plan}}\n"
                "help: use a trait of accounts, or another source: an audience or 'profiles: true'"
            ),
        ),
        (
            "from: {profiles: true}\nfields: {seats: {trait: seats}}\n",
            (
                "error[wrong-level]: sync 'customers' uses trait 'seats', which is of accounts, "
                "and profiles are not\n"
                "  --> syncs/customers.yml:5:25\n"
                "   5 | fields: {seats: {trait: seats}}\n"
                "help: use a trait of profiles, or another source: 'entities: account'"
            ),
        ),
        (
            "from: {entities: household}\nfields: {seats: {trait: seats}}\n",
            (
                "error[wrong-level]: sync 'customers' uses trait 'seats', which is of accounts, "
                "and entity 'household' is not\n"
                "  --> syncs/customers.yml:5:25\n"
                "   5 | fields: {seats: {trait: seats}}\n"
                "help: leave it out: entity 'household' has no traits, only columns"
            ),
        ),
        (
            "from: {entities: account}\nfields: {email: {identifier: email}}\n",
            (
                "error[wrong-level]: sync 'customers' uses identifier 'email', which is of "
                "profiles, and entity 'account' is not\n"
                "  --> syncs/customers.yml:5:30\n"
                "   5 | fields: {email: {identifier: email}}\n"
                "help: leave it out, or sync a model that says which member's it is"
            ),
        ),
    ],
)
def test_a_mistake_in_an_origin_says_what_to_write(define: Shop, more: str, expected: str) -> None:
    assert mistakes(define, more) == expected


def test_an_entity_is_identified_by_its_own_id(define: Shop) -> None:
    path = define.folder / "definitions" / "syncs" / "customers.yml"
    for entity, key in (("account", "account_id"), ("household", "entity_id")):
        path.write_text(
            HEAD + f"from: {{entities: {entity}}}\nfields: {{m: {{column: member_count}}}}\n"
        )
        assert define.catalogue.syncs["customers"].key == key
