"""Mistakes in identity.yml: each with its place and one fix."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdp.errors import DefinitionError, Problems
from cdp.identity.spec import Limit, read_identity

MISTAKES = {
    "unknown-call": (
        "  - type: user_id\n    paths:\n      identfy: [userId]\n",
        (
            "error[unknown-call]: 'identfy' is not a type of call\n"
            "  --> {file}:4:7\n   4 |       identfy: [userId]\n"
            "help: did you mean 'identify'?"
        ),
    ),
    "conflicting-keys": (
        "  - type: app_id\n    key: app_id\n    paths: [traits.app_id]\n",
        (
            "error[conflicting-keys]: identifier 'app_id' has both 'key' and 'paths'\n"
            "  --> {file}:4:12\n   4 |     paths: [traits.app_id]\n"
            "help: keep 'key' for a trait or property, 'paths' for anything else"
        ),
    ),
    "invalid-key": (
        "  - type: app_id\n    key: traits.app_id\n",
        (
            "error[invalid-key]: 'traits.app_id' is not a name of a trait or property\n"
            "  --> {file}:3:10\n   3 |     key: traits.app_id\n"
            "help: use letters, digits and '_', starting with a letter"
        ),
    ),
    "useless-setting": (
        "  - type: phone\n    paths: [traits.phone]\n    default_country: 49\n",
        (
            "error[useless-setting]: identifier 'phone' has a default_country but does not "
            "normalize 'phone'\n"
            "  --> {file}:4:22\n   4 |     default_country: 49\n"
            "help: add 'phone' to 'normalize', or remove this line"
        ),
    ),
    "a country that is none": (
        "  - {type: phone, paths: [traits.phone], normalize: [phone], default_country: Germany}\n",
        (
            "error[wrong-type]: 'default_country' of identifier 'phone' must be a calling code "
            "such as 49, not text\n"
            "  --> {file}:2:79\n"
            "   2 |   - {type: phone, paths: [traits.phone], normalize: [phone], "
            "default_country: Germany}\n"
            "help: write a calling code such as 49"
        ),
    ),
    "a limit without a count": (
        "  - type: user_id\n    paths: [userId]\n    limit: {window: ever}\n",
        (
            "error[missing-key]: limit of identifier 'user_id' has no 'count'\n"
            "  --> {file}:4:12\n   4 |     limit: {window: ever}\n"
            "help: add a line 'count: ...'"
        ),
    ),
    "a limit of nothing": (
        "  - type: user_id\n    paths: [userId]\n    limit: {count: 0}\n",
        (
            "error[out-of-range]: 'count' of limit of identifier 'user_id' is 0\n"
            "  --> {file}:4:20\n   4 |     limit: {count: 0}\n"
            "help: use 1 or more"
        ),
    ),
    "an unknown window": (
        "  - type: user_id\n    paths: [userId]\n    limit: {count: 1, window: week}\n",
        (
            "error[unknown-value]: 'week' is not a valid window of limit of identifier 'user_id'\n"
            "  --> {file}:4:31\n   4 |     limit: {count: 1, window: week}\n"
            "help: did you mean 'weekly'?"
        ),
    ),
    "unknown-identifier": (
        (
            "  - type: user_id\n    paths: [userId]\n"
            "    shared: {with: user_id, more_than: 1}\n"
            "  - type: email\n    paths: [traits.email]\n"
        ),
        (
            "error[unknown-identifier]: identifier 'user_id' is shared with 'user_id', "
            "which is not another identifier\n"
            "  --> {file}:4:20\n   4 |     shared: {with: user_id, more_than: 1}\n"
            "help: one of 'email'"
        ),
    ),
    "no-event-identifier": (
        "  - type: user_id\n    paths: []\n",
        (
            "error[no-event-identifier]: no identifier is read from events\n"
            "  --> {file}:2:3\n   2 |   - type: user_id\n"
            "help: give at least one identifier a path"
        ),
    ),
    "a pattern that is none": (
        "  - type: user_id\n    paths: [userId]\n    pattern: '['\n",
        (
            "error[invalid-pattern]: '[' is not a pattern: unterminated character set "
            "at position 0\n"
            "  --> {file}:4:14\n   4 |     pattern: '['\n"
            "help: write a regular expression"
        ),
    ),
    "texts that would end the raw block": (
        (
            "  - type: user_id\n    paths: [userId]\n    when: {traits.plan: '{% endraw %}'}\n"
            "    pattern: '{% endraw %}'\n    blocked: {values: ['{% endraw %}']}\n"
        ),
        "\n\n".join(
            f"error[unsafe-text]: {what} has a text that cannot stand in a generated model\n"
            f"  --> {{file}}:{line}:{column}\n   {line} | {text}\n"
            "help: leave out line breaks, control characters and the word 'endraw'"
            for what, line, column, text in (
                (
                    "'when' of identifier 'user_id'",
                    4,
                    25,
                    "    when: {traits.plan: '{% endraw %}'}",
                ),
                ("identifier 'user_id'", 5, 14, "    pattern: '{% endraw %}'"),
                ("blocked of 'user_id'", 6, 23, "    blocked: {values: ['{% endraw %}']}"),
            )
        ),
    ),
    "a length beyond the longest": (
        "  - type: user_id\n    paths: [userId]\n    length: 10001\n",
        (
            "error[out-of-range]: 'length' of identifier 'user_id' is 10001\n"
            "  --> {file}:4:13\n   4 |     length: 10001\n"
            "help: use 10000 or less"
        ),
    ),
}


@pytest.mark.parametrize("name", MISTAKES, ids=[name.replace(" ", "_") for name in MISTAKES])
def test_a_mistake_is_told_with_its_place_and_a_fix(tmp_path: Path, name: str) -> None:
    text, expected = MISTAKES[name]
    file = tmp_path / "identity.yml"
    file.write_text("identifiers:\n" + text)
    problems = Problems()
    read_identity(file, problems)
    with pytest.raises(DefinitionError) as caught:
        problems.raise_if_any()
    assert str(caught.value) == expected.replace("{file}", str(file))


def test_limits_are_segments_unless_said_otherwise(tmp_path: Path) -> None:
    file = tmp_path / "identity.yml"
    file.write_text(
        "identifiers:\n"
        "  - {type: user_id, paths: [userId]}\n"
        "  - {type: email, paths: [traits.email]}\n"
        "  - {type: anonymous_id, paths: [anonymousId], limit: {count: 5, window: weekly}}\n"
    )
    problems = Problems()
    rules = read_identity(file, problems)
    assert problems.found == []
    assert [one.limit for one in rules.types] == [Limit(1), Limit(5), Limit(5, "weekly")]
