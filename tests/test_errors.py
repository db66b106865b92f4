"""The shape of an error: what, where, the line, one fix; all of a run together."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from cdp.destinations.spec import read_destinations
from cdp.errors import DefinitionError, Problems
from cdp.identity.spec import read_identity
from cdp.yamlfile import Section, read_yaml


def test_all_mistakes_of_a_file_come_together_in_the_order_of_the_lines(tmp_path: Path) -> None:
    file = tmp_path / "identity.yml"
    file.write_text(
        "identifiers:\n"
        "  - type: user_id\n"
        "    path: [userId]\n"
        "  - type: group_id\n"
        "    paths: [groupId]\n"
        "  - type: email\n"
        "    paths: [traits.email]\n"
        "    normalize: [lowercase]\n"
        "  - type: email\n"
        "    paths: [context.traits.email]\n"
        "    blocked: {patterns: ['(']}\n"
    )
    problems = Problems()
    read_identity(file, problems)
    with pytest.raises(DefinitionError) as caught:
        problems.raise_if_any()
    assert str(caught.value) == (
        f"error[missing-key]: identifier 'user_id' has no 'paths'\n"
        f"  --> {file}:2:5\n"
        "   2 |   - type: user_id\n"
        "help: add a line 'paths: ...'\n\n"
        "error[unknown-key]: identifier 'user_id' has no setting 'path'\n"
        f"  --> {file}:3:5\n"
        "   3 |     path: [userId]\n"
        "help: did you mean 'paths'?\n\n"
        "error[group-identifier]: 'group_id' identifies an account, not a person\n"
        f"  --> {file}:4:11\n"
        "   4 |   - type: group_id\n"
        "help: remove it: group calls give accounts, not profiles\n\n"
        "error[invalid-path]: 'groupId' is not a path on an event\n"
        f"  --> {file}:5:12\n"
        "   5 |     paths: [groupId]\n"
        "help: start with userId, anonymousId, previousId, traits., properties. or context.\n\n"
        "error[unknown-value]: 'lowercase' is not a normalizer\n"
        f"  --> {file}:8:17\n"
        "   8 |     normalize: [lowercase]\n"
        "help: did you mean 'lower'?\n\n"
        "error[duplicate-name]: identifier 'email' is defined twice\n"
        f"  --> {file}:9:5\n"
        "   9 |   - type: email\n"
        "help: keep one of the two\n\n"
        "error[invalid-pattern]: '(' is not a pattern: "
        "missing ), unterminated subpattern at position 0\n"
        f"  --> {file}:11:25\n"
        "  11 |     blocked: {patterns: ['(']}\n"
        "help: write a regular expression"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "a: [1, 2\nb: 3\n",
            (
                "error[invalid-yaml]: x.yml is not valid YAML: expected ',' or ']', but got ':'\n"
                "  --> {file}:2:2\n   2 | b: 3\n"
                "help: check the indentation and the quotes of this line"
            ),
        ),
        (
            "a: \0\n",
            (
                "error[invalid-yaml]: x.yml is not valid YAML: "
                "unacceptable character #x0000: special characters are not allowed\n"
                "  --> {file}\n"
                "help: check the indentation and the quotes of this line"
            ),
        ),
        (
            "a: 1\na: 2\n",
            (
                "error[duplicate-key]: 'a' is given twice\n  --> {file}:2:1\n   2 | a: 2\n"
                "help: keep one of the two; the first is on line 1"
            ),
        ),
        (
            "a: &all\n  - *all\n",
            (
                "error[endless-alias]: an alias stands inside of what it names\n"
                "  --> {file}:1:4\n   1 | a: &all\n"
                "help: write what it should hold instead of the alias"
            ),
        ),
        (
            "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
            + "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]\n" for a, b in pairwise("abcdefg")),
            (
                "error[too-many-values]: it has 1,111,111 values, counting each alias as what "
                "it names\n"
                "  --> {file}:6:4\n   6 | f: &f [*e, *e, *e, *e, *e, *e, *e, *e, *e, *e]\n"
                "help: write at most 1,000,000; a long list belongs in a table"
            ),
        ),
        (
            "[" * 5000 + "]" * 5000,
            (
                "error[invalid-yaml]: x.yml is not valid YAML: "
                "its lists and mappings stand too deep in each other\n"
                "  --> {file}\n"
                "help: check the indentation and the quotes of this line"
            ),
        ),
    ],
)
def test_broken_yaml_is_placed(tmp_path: Path, text: str, expected: str) -> None:
    file = tmp_path / "x.yml"
    file.write_text(text)
    problems = Problems()
    read_yaml(file, problems)
    assert [one.render() for one in problems.found] == [expected.replace("{file}", str(file))]


def test_aliases_of_aliases_are_read_once(tmp_path: Path) -> None:
    lists = "".join(f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 10)}]\n" for n in range(40))
    (tmp_path / "x.yml").write_text(f"a0: &a0 [1]\n{lists}")
    problems = Problems()
    node = read_yaml(tmp_path / "x.yml", problems)
    assert node is not None
    assert isinstance(node.value, dict)
    assert len(node.value) == 41
    assert {one.slug for one in problems.found} == {"too-many-values"}


def test_missing_and_unreadable_files_are_said_so(tmp_path: Path) -> None:
    (tmp_path / "latin.yml").write_bytes("name: caf\xe9".encode("latin-1"))
    problems = Problems()
    assert read_yaml(tmp_path / "none.yml", problems) is None
    assert read_yaml(tmp_path / "latin.yml", problems) is None
    assert problems.found[0].render() == (
        f"error[missing-file]: there is no file none.yml\n  --> {tmp_path / 'none.yml'}\n"
        "help: create it, or run the command from another folder"
    )
    assert problems.found[1].slug == "unreadable-file"


def test_an_empty_definition_is_a_mistake(tmp_path: Path) -> None:
    file = tmp_path / "vip.yml"
    file.write_text("# nothing yet\n")
    problems = Problems()
    assert read_yaml(file, problems) is None
    assert [one.render() for one in problems.found] == [
        (
            f"error[empty-file]: vip.yml says nothing\n  --> {file}\n"
            "help: write a definition into it, or remove the file"
        )
    ]


def test_types_names_and_ranges_are_checked(tmp_path: Path) -> None:
    file = tmp_path / "x.yml"
    file.write_text(
        "name: Not A Name\ncount: -1\nflag: 'yes'\nwhole: 2.5\nwords: [a, 3]\nlist: []\n"
        "blank: ' '\n"
    )
    problems = Problems()
    node = read_yaml(file, problems)
    assert node is not None
    section = Section(node, "thing", problems)
    section.name("name")
    section.integer("count", minimum=0)
    section.boolean("flag")
    section.integer("whole")
    section.texts("words")
    section.items("list", required=True)
    section.text("blank")
    section.finish()
    assert [one.render() for one in problems.found] == [
        (
            f"error[invalid-name]: thing has the name 'Not A Name'\n  --> {file}:1:7\n"
            "   1 | name: Not A Name\nhelp: use lower-case letters, digits and '_', starting "
            "with a letter, at most 60 characters"
        ),
        (
            f"error[out-of-range]: 'count' of thing is -1\n  --> {file}:2:8\n   2 | count: -1\n"
            "help: use 0 or more"
        ),
        (
            "error[wrong-type]: 'flag' of thing must be true or false, not text\n"
            f"  --> {file}:3:7\n   3 | flag: 'yes'\nhelp: write true or false"
        ),
        (
            f"error[wrong-type]: 'whole' of thing must be a whole number, not a number\n"
            f"  --> {file}:4:8\n   4 | whole: 2.5\nhelp: write a whole number"
        ),
        (
            f"error[wrong-type]: 'words' of thing must be text, not a number\n  --> {file}:5:12\n"
            "   5 | words: [a, 3]\nhelp: write text"
        ),
        (
            f"error[empty-list]: 'list' of thing is empty\n  --> {file}:6:7\n   6 | list: []\n"
            "help: list at least one entry"
        ),
        (
            f"error[wrong-type]: 'blank' of thing must be text, not empty text\n  --> {file}:7:8\n"
            "   7 | blank: ' '\nhelp: write text"
        ),
    ]


def test_a_secret_written_by_mistake_is_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "destinations.yml"
    file.write_text(
        "destinations:\n"
        "  - name: crm\n"
        "    type: webhook\n"
        "    live_on: [dev]\n"
        "    settings:\n"
        "      url: https://crm.example/people\n"
        "      signing_sekret: hunter2-hunter2\n"
    )
    problems = Problems()
    read_destinations(file, problems)
    text = "\n".join(problem.render() for problem in problems.found)
    assert "signing_sekret" in text
    assert "hunter2" not in text
