"""A sync that asks for what its destination cannot do, each mistake with its whole text."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdp.destinations.spec import read_destinations
from cdp.errors import DefinitionError, Problems
from cdp.syncs.check_target import check_target
from cdp.syncs.spec import read_sync

DESTINATIONS = """\
destinations:
  - {name: braze, type: braze, live_on: [dev], settings: {api_key: env:A}}
  - {name: meta, type: meta_audiences, live_on: [dev], settings: {access_token: env:A}}
  - {name: slack, type: slack, live_on: [dev], settings: {bot_token: env:A}}
  - {name: lists, type: customerio, live_on: [dev], settings: {site_id: env:A, api_key: env:A}}
  - {name: chimp, type: mailchimp, live_on: [dev], settings: {api_key: env:A, data_center: us1}}
  - {name: files, type: csv_file, live_on: [dev], settings: {path: out}}
"""
SYNC = """\
name: people
description: People.
from: {{model: people}}
destination: {destination}
{more}
"""


def mistakes(folder: Path, destination: str, more: str) -> str:
    problems = Problems()
    (folder / "destinations.yml").write_text(DESTINATIONS)
    (folder / "people.yml").write_text(SYNC.format(destination=destination, more=more))
    destinations = read_destinations(folder / "destinations.yml", problems)
    sync = read_sync(folder / "people.yml", problems)
    assert sync is not None
    check_target(sync, destinations[destination], problems)
    with pytest.raises(DefinitionError) as caught:
        problems.raise_if_any()
    return str(caught.value).replace(f"{folder.as_posix()}/", "")


@pytest.mark.parametrize(
    ("destination", "more", "expected"),
    [
        (
            "braze",
            "object: user\nkey: external_id\nfields: {external_id: {column: id}}",
            (
                "error[unknown-object]: sync 'people' writes to 'user', which Braze does not have\n"
                "  --> people.yml:5:9\n"
                "   5 | object: user\n"
                "help: did you mean 'users'?"
            ),
        ),
        (
            "braze",
            "key: external_id\nfields: {external_id: {column: id}}",
            (
                "error[missing-object]: sync 'people' does not say what it writes to in Braze\n"
                "  --> people.yml:4:14\n"
                "   4 | destination: braze\n"
                "help: add 'object: ...': one of 'audience_attribute', 'events', 'users'"
            ),
        ),
        (
            "braze",
            "object: audience_attribute\nkey: email\nfields: {email: {column: email}}",
            (
                "error[missing-option]: sync 'people' has no option 'attribute': The attribute "
                "that is true for members\n"
                "  --> people.yml:5:9\n"
                "   5 | object: audience_attribute\n"
                "help: add 'options: {attribute: ...}'"
            ),
        ),
        (
            "braze",
            (
                "object: users\non_leave: nothing\noptions: {attribut: x}\nkey: email\n"
                "fields: {email: {column: email}}"
            ),
            (
                "error[unknown-option]: sync 'people' has the option 'attribut', which Users do "
                "not have\n"
                "  --> people.yml:7:11\n"
                "   7 | options: {attribut: x}\n"
                "help: none is defined yet"
            ),
        ),
        (
            "lists",
            (
                "object: segment_members\noptions: {segment_id: twelve}\nkey: email\n"
                "fields: {email: {column: email}}"
            ),
            (
                "error[invalid-option]: the option 'segment_id' of sync 'people' cannot be "
                "'twelve'\n"
                "  --> people.yml:6:11\n"
                "   6 | options: {segment_id: twelve}\n"
                "help: write a value of type integer"
            ),
        ),
        (
            "chimp",
            "options: {list_id: a/b}\nkey: email\nfields: {email: {column: email}}",
            (
                "error[invalid-option]: the option 'list_id' of sync 'people' cannot be 'a/b'\n"
                "  --> people.yml:5:11\n"
                "   5 | options: {list_id: a/b}\n"
                "help: The audience's id"
            ),
        ),
        (
            "chimp",
            "options: {list_id: a1, status: gone}\nkey: email\nfields: {email: {column: email}}",
            (
                "error[invalid-option]: the option 'status' of sync 'people' cannot be 'gone'\n"
                "  --> people.yml:5:24\n"
                "   5 | options: {list_id: a1, status: gone}\n"
                "help: one of 'pending', 'subscribed', 'transactional'"
            ),
        ),
        (
            "meta",
            "options: {audience_id: '6'}\nkey: first_name\nfields: {first_name: {column: name}}",
            (
                "error[unsupported-key]: sync 'people' has the key 'first_name', by which Members "
                "of an audience are not found\n"
                "  --> people.yml:6:6\n"
                "   6 | key: first_name\n"
                "help: map a field with one of these names and make it the key: 'email', 'phone', "
                "'mobile_id', 'external_id'"
            ),
        ),
        (
            "meta",
            (
                "options: {audience_id: '6'}\nkey: email\n"
                "fields:\n  email: {column: email}\n  surname: {column: name}"
            ),
            (
                "error[unknown-field]: sync 'people' maps 'surname', which Members of an audience "
                "do not have\n"
                "  --> people.yml:9:21\n"
                "   9 |   surname: {column: name}\n"
                "help: did you mean 'last_name'?"
            ),
        ),
        (
            "slack",
            "key: message_id\nfields: {message_id: {column: id}, text: {column: text}}",
            (
                "error[missing-field]: sync 'people' has no field 'channel', which Messages need\n"
                "  --> people.yml:1:7\n"
                "   1 | name: people\n"
                "help: map it: 'channel: {column: ...}'"
            ),
        ),
        (
            "braze",
            "object: users\nkey: email\nfields: {email: {column: email}}",
            (
                "error[cannot-remove]: sync 'people' removes rows that leave, and Users cannot be "
                "removed\n"
                "  --> people.yml:1:7\n"
                "   1 | name: people\n"
                "help: add 'on_leave: nothing', and rows that leave stay there"
            ),
        ),
        (
            "files",
            "object: rows\noptions: {a: 1}\nkey: email\nfields: {email: {column: email}}",
            (
                "error[unknown-key]: sync 'people' has 'object', which CSV files do not have\n"
                "  --> people.yml:5:9\n"
                "   5 | object: rows\n"
                "help: leave out 'object'\n\n"
                "error[unknown-key]: sync 'people' has 'options', which CSV files do not have\n"
                "  --> people.yml:6:11\n"
                "   6 | options: {a: 1}\n"
                "help: leave out 'options'"
            ),
        ),
    ],
)
def test_a_mistake_is_explained(tmp_path: Path, destination: str, more: str, expected: str) -> None:
    assert mistakes(tmp_path, destination, more) == expected


def test_an_option_has_one_value(tmp_path: Path) -> None:
    more = "options: {list_id: [1]}\nkey: email\nfields: {email: {column: email}}"
    assert mistakes(tmp_path, "chimp", more) == (
        "error[wrong-type]: option 'list_id' of sync 'people' must be text, a number or true or "
        "false, not a list\n"
        "  --> people.yml:5:20\n"
        "   5 | options: {list_id: [1]}\n"
        "help: write one value"
    )
