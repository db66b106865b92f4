"""Mistakes in definitions of entities: each with its place and one fix."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cdp.entities.check import flat_rules
from tests.definitions import catalogue_of, problems_of

HEAD = "name: household\ndescription: d\nmembers: profiles\njoined_by:\n"
FILE = "entities/household.yml"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


RULES = {
    "unknown-rule": (
        "  - {trait: [city]}\n",
        (
            "error[unknown-rule]: a rule of entity 'household' says neither 'traits' nor 'account' "
            "nor 'entity'\n"
            "  --> definitions/entities/household.yml:5:5\n   5 |   - {trait: [city]}\n"
            "help: did you mean 'traits'?"
        ),
    ),
    "conflicting-keys": (
        "  - {traits: [city], account: true}\n",
        (
            "error[conflicting-keys]: a rule of entity 'household' has both 'traits' "
            "and 'account'\n"
            "  --> definitions/entities/household.yml:5:31\n"
            "   5 |   - {traits: [city], account: true}\n"
            "help: make two rules of it: profiles are joined when any of them says so"
        ),
    ),
    "an account that is none": (
        "  - account: false\n",
        (
            "error[wrong-type]: 'account' of a rule of entity 'household' must be true, "
            "not true or false\n"
            "  --> definitions/entities/household.yml:5:14\n   5 |   - account: false\n"
            "help: write true"
        ),
    ),
    "no trait": (
        "  - traits: []\n",
        (
            "error[empty-list]: 'traits' of a rule of entity 'household' is empty\n"
            "  --> definitions/entities/household.yml:5:13\n   5 |   - traits: []\n"
            "help: list at least one entry"
        ),
    ),
    "a path too deep": (
        "  - traits: [a.b.c.d]\n",
        (
            "error[invalid-path]: a rule of entity 'household' reads the trait 'a.b.c.d'\n"
            "  --> definitions/entities/household.yml:5:14\n   5 |   - traits: [a.b.c.d]\n"
            "help: name a trait and at most 2 keys below it"
        ),
    ),
    "a trait twice": (
        "  - traits: [city, city]\n",
        (
            "error[duplicate-name]: a rule of entity 'household' names the trait 'city' twice\n"
            "  --> definitions/entities/household.yml:5:20\n   5 |   - traits: [city, city]\n"
            "help: keep one of the two"
        ),
    ),
    "a rule twice": (
        "  - traits: [city]\n  - {traits: [city], shared: {more_than: 3}}\n",
        (
            "error[duplicate-name]: two rules join by 'traits: city'\n"
            "  --> definitions/entities/household.yml:6:5\n"
            "   6 |   - {traits: [city], shared: {more_than: 3}}\n"
            "help: keep one of the two"
        ),
    ),
    "an unknown normalizer": (
        "  - {traits: [city], normalize: [lowr]}\n",
        (
            "error[unknown-value]: 'lowr' is not a normalizer\n"
            "  --> definitions/entities/household.yml:5:33\n"
            "   5 |   - {traits: [city], normalize: [lowr]}\n"
            "help: did you mean 'lower'?"
        ),
    ),
    "a limit of nothing": (
        "  - {traits: [city], shared: {more_than: 0}}\n",
        (
            "error[out-of-range]: 'more_than' of shared of a rule of entity 'household' is 0\n"
            "  --> definitions/entities/household.yml:5:42\n"
            "   5 |   - {traits: [city], shared: {more_than: 0}}\n"
            "help: use 1 or more"
        ),
    ),
    "unknown-entity": (
        "  - entity: family\n",
        (
            "error[unknown-entity]: entity 'household' is joined by entity 'family', "
            "which is not defined\n"
            "  --> definitions/entities/household.yml:5:13\n   5 |   - entity: family\n"
            "help: none is defined yet"
        ),
    ),
    "circular-entity": (
        "  - entity: household\n",
        (
            "error[circular-entity]: entity 'household' is joined by entity 'household', "
            "which is joined by 'household'\n"
            "  --> definitions/entities/household.yml:5:13\n   5 |   - entity: household\n"
            "help: remove one of these rules"
        ),
    ),
}


@pytest.mark.parametrize("name", RULES, ids=[name.replace(" ", "_") for name in RULES])
def test_a_mistake_in_a_rule_is_told_with_its_place_and_a_fix(tmp_path: Path, name: str) -> None:
    rule, expected = RULES[name]
    assert problems_of(tmp_path, {FILE: HEAD + rule}) == expected


def test_mistakes_in_the_head_come_together(tmp_path: Path) -> None:
    text = "name: family\ndescription: '{{ x }}'\nmembers: accounts\njoined_by: []\nwho: x\n"
    assert problems_of(tmp_path, {FILE: text}) == (
        "error[wrong-file-name]: entity 'family' stands in the file household.yml\n"
        "  --> definitions/entities/household.yml:1:7\n   1 | name: family\n"
        "help: rename the file to family.yml, or the entity to 'household'\n\n"
        "error[unsafe-text]: the description of entity 'family' has '{{', '{%' or '{#' in it\n"
        "  --> definitions/entities/household.yml:2:14\n   2 | description: '{{ x }}'\n"
        "help: leave them out: dbt would read them as a template\n\n"
        "error[unknown-value]: 'accounts' is not a valid members of entity 'family'\n"
        "  --> definitions/entities/household.yml:3:10\n   3 | members: accounts\n"
        "help: one of 'profiles'\n\n"
        "error[empty-list]: 'joined_by' of entity 'family' is empty\n"
        "  --> definitions/entities/household.yml:4:12\n   4 | joined_by: []\n"
        "help: list at least one entry\n\n"
        "error[unknown-key]: entity 'family' has no setting 'who'\n"
        "  --> definitions/entities/household.yml:5:1\n   5 | who: x\n"
        "help: one of 'description', 'joined_by', 'members', 'name'"
    )


def test_names_and_rules_have_a_measure(tmp_path: Path) -> None:
    name = "n" * 46
    rules = "".join(f"  - traits: [t{number}]\n" for number in range(21))
    text = HEAD.replace("household", name) + rules
    assert problems_of(tmp_path, {f"entities/{name}.yml": text}) == (
        f"error[invalid-name]: entity '{name}' has a name of 46 characters\n"
        f"  --> definitions/entities/{name}.yml:1:7\n   1 | name: {name}\n"
        "help: use at most 45: it becomes part of a table's name\n\n"
        f"error[too-many-rules]: entity '{name}' has 21 rules\n"
        f"  --> definitions/entities/{name}.yml:5:3\n   5 |   - traits: [t0]\n"
        "help: use at most 20"
    )


def test_the_definition_of_the_guide_is_right(tmp_path: Path, repository: Path) -> None:
    guide = (repository / "docs" / "entities.md").read_text()
    text = re.findall(r"```yaml\n(.*?)```", guide, re.DOTALL)[0]
    assert problems_of(tmp_path, {FILE: text}) == ""


def test_an_entity_that_could_not_be_read_is_not_called_unknown(tmp_path: Path) -> None:
    broken = HEAD + "  - {traits: [city], most: 3}\n"
    other = HEAD.replace("household", "family") + "  - entity: household\n"
    told = problems_of(tmp_path, {FILE: broken, "entities/family.yml": other})
    assert told.startswith("error[unknown-key]")
    assert told.count("error[") == 1


def test_an_entity_of_entities_has_their_rules_once_with_the_greater_limit(tmp_path: Path) -> None:
    household = HEAD + "  - {traits: [city], shared: {more_than: 3}}\n  - account: true\n"
    family = HEAD.replace("household", "family") + (
        "  - {account: true, shared: {more_than: 5}}\n  - entity: household\n"
        "  - {traits: [city], shared: {more_than: 9}}\n"
    )
    catalogue = catalogue_of(tmp_path, {FILE: household, "entities/family.yml": family})
    rules = flat_rules(catalogue.entities["family"], catalogue.entities)
    assert [(rule.name, rule.more_than) for rule in rules] == [
        ("account", None),
        ("traits: city", 9),
    ]
