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
                "error[unknown-column]: sync 'customers' uses column 'group_id', which entity "
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
        (
            "from: {events: Seen}\nfields: {m: {property: a}}\n",
            (
                "error[missing-since]: 'from' of sync 'customers' does not say from when events "
                "are sent\n"
                "  --> syncs/customers.yml:4:7\n"
                "   4 | from: {events: Seen}\n"
                "help: add 'since: now' (what is loaded after the first run), a date such as "
                "'since: 2026-05-01' (what occurred from then on), or 'since: all'"
            ),
        ),
        (
            "from: {events: Seen, since: yesterday}\nfields: {m: {property: a}}\n",
            (
                "error[invalid-timestamp]: 'since' of 'from' of sync 'customers' has the timestamp "
                "'yesterday'\n"
                "  --> syncs/customers.yml:4:29\n"
                "   4 | from: {events: Seen, since: yesterday}\n"
                "help: write a date (2026-05-01) or a time in ISO form (2026-05-01T12:00:00Z)"
            ),
        ),
        (
            "from: {events: all, since: all}\nkey: m\nfields: {m: {property: a}}\n",
            (
                "error[unstable-key]: sync 'customers' sends events by 'm', which two of them "
                "may share\n"
                "  --> syncs/customers.yml:5:6\n"
                "   5 | key: m\n"
                "help: leave 'key' out, or map it from the event's id: 'm: {column: event_id}'"
            ),
        ),
        (
            "from: {events: all, since: all}\nmode: mirror\nfields: {m: {property: a}}\n",
            (
                "error[unsupported-mode]: sync 'customers' has the mode 'mirror', which Rows do "
                "not have for "
                "events\n"
                "  --> syncs/customers.yml:5:7\n"
                "   5 | mode: mirror\n"
                "help: one of 'append'"
            ),
        ),
        (
            "from: {events: all, since: all}\non_leave: remove\nfields: {m: {property: a}}\n",
            (
                "error[not-for-events]: sync 'customers' removes rows that leave, and events do "
                "not leave\n"
                "  --> syncs/customers.yml:4:16\n"
                "   4 | from: {events: all, since: all}\n"
                "help: leave out 'on_leave'"
            ),
        ),
        (
            "from: {profiles: true}\nfields: {m: {property: a.b}}\n",
            (
                "error[wrong-level]: sync 'customers' maps property 'a.b', which is of events, and "
                "profiles are not\n"
                "  --> syncs/customers.yml:5:24\n"
                "   5 | fields: {m: {property: a.b}}\n"
                "help: use a trait, or a sync of events ('from: {events: ...}')"
            ),
        ),
        (
            "from: {events: all, since: all}\nfields: {m: {property: 'a[0]'}}\n",
            (
                "error[invalid-path]: field 'm' of sync 'customers' has the property path 'a[0]'\n"
                "  --> syncs/customers.yml:5:24\n"
                "   5 | fields: {m: {property: 'a[0]'}}\n"
                "help: write names with dots between them, such as 'shipping.city', without "
                "quotes, "
                "brackets or array positions"
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


@pytest.mark.parametrize(
    ("destination", "object", "expected"),
    [
        (
            "destination: whole\n",
            "",
            (
                "error[not-for-events]: sync 'customers' sends events, and destination 'whole' "
                "keeps "
                "a file of everything\n"
                "  --> syncs/customers.yml:3:16\n"
                "   3 | from: {events: all, since: all}\n"
                "help: name a destination with 'write: changes', where each run writes what is new"
            ),
        ),
        (
            "destination: ads\n",
            "options: {list_id: 7}\n",
            (
                "error[not-for-events]: sync 'customers' sends events, and Members of a list "
                "hold members\n"
                "  --> syncs/customers.yml:3:16\n"
                "   3 | from: {events: all, since: all}\n"
                "help: sync an audience of the profiles that have these events"
            ),
        ),
    ],
)
def test_a_destination_that_takes_no_events_is_refused(
    define: Shop, destination: str, object: str, expected: str
) -> None:
    path = define.folder / "definitions" / "destinations.yml"
    ads = "  - {name: ads, type: klaviyo, live_on: [dev], settings: {api_key: env:HOOK_TOKEN}}\n"
    path.write_text(path.read_text() + ads)
    head = "name: customers\ndescription: C.\nfrom: {events: all, since: all}\n"
    object = f"object: list_members\n{object}key: email\n" if object else ""
    sync = define.folder / "definitions" / "syncs" / "customers.yml"
    sync.write_text(f"{head}{destination}{object}fields: {{email: {{column: event_id}}}}\n")
    assert problems_of(define).split("\n\n")[0] == expected
