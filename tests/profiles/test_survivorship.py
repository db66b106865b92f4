"""`user_traits` and `profile_traits_history` are what the oracle tells, under every rule.

Profiles merge on the way, and what a later batch brings may have happened earlier.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from cdp.project import Project
from cdp.warehouse import open_warehouse
from tests.identity.oracle import START
from tests.profiles.calls import TRAITS, Told, declare_sources, generate_calls, load_calls, told
from tests.profiles.oracle import Rule, Update, history, present
from tests.projects import compile_here, lift_limits, run

SEED = 16_180
CASES = 500
MODELS = ("+user_traits", "+profile_traits_history")
RULES = """
default: latest
traits:
  first.seen: {keep: first}
  it's often: {keep: most_frequent}
  list of: {keep: most_frequent}
  trusted: {keep: source_priority, sources: [till, crm]}
"""
TRAITS_HELD = """
select canonical_profile_id, trait_name, trait_value, occurred_at, source, message_id
from main.user_traits
"""
CHANGES = """
select canonical_profile_id, trait_name, change_number, trait_value, previous_value,
    occurred_at, valid_to, is_current, source, message_id
from main.profile_traits_history
"""
EXPECTED = {
    "plain": Rule("latest"),
    "first.seen": Rule("first"),
    "it's often": Rule("most_frequent"),
    "trusted": Rule("source_priority", ("till", "crm")),
    "list of": Rule("most_frequent"),
    "Größe": Rule("latest"),
}
OTHER_RULES = """
default: source_priority
sources: [web]
traits:
  plain: {keep: first}
  trusted: {keep: latest}
"""
EXPECTED_OF_OTHERS = {
    **dict.fromkeys(TRAITS, Rule("source_priority", ("web",))),
    "plain": Rule("first"),
    "trusted": Rule("latest"),
}


def test_every_rule_keeps_what_the_oracle_says_in_any_batches(
    project: Project, tmp_path: Path
) -> None:
    print(f"seed {SEED}")
    random = Random(SEED)
    calls = [call for number in range(CASES) for call in generate_calls(random, number)]
    random.shuffle(calls)
    declare_sources(project)
    lift_limits(project)
    write_rules(project, RULES)
    done = 0
    for number, share in enumerate((0.6, 0.4)):
        batch = calls[done : done + int(share * len(calls)) + 1]
        done += len(batch)
        load_calls(project, tmp_path / str(number), batch)
        run(project, "--select", *MODELS)
        _assert_told(project, EXPECTED, told(calls[:done]))
    assert done == len(calls)

    # Other rules are in force on the next build, for all history.
    write_rules(project, OTHER_RULES)
    run(project, "--select", *MODELS)
    _assert_told(project, EXPECTED_OF_OTHERS, told(calls))


@pytest.mark.parametrize("name", EXPECTED)
def test_the_cases_are_worth_having(name: str) -> None:
    """Each rule keeps another value than the latest, in many cases, and meets removals."""
    random = Random(SEED)
    calls = [call for number in range(CASES) for call in generate_calls(random, number)]
    updates = [said for (_, trait), said in told(calls).items() if trait == name]
    rule = EXPECTED[name]
    differs = sum(present(rule, said) != present(Rule("latest"), said) for said in updates)
    removed = sum(change.value is None for said in updates for change in history(rule, said))
    assert removed > 20
    assert (differs == 0) if rule.keep == "latest" else (differs > 50)


def test_the_examples_of_the_guide_are_true(repository: Path) -> None:
    text = (repository / "docs" / "definitions.md").read_text(encoding="utf-8")
    table = text[text.index("| calls about one trait") :].split("\n\n")[0].splitlines()
    rules = [Rule("latest"), Rule("first"), Rule("most_frequent")]
    rules.append(Rule("source_priority", ("app", "web")))
    assert len(table) == 6
    for line in table[2:]:
        calls, *kept = (cell.strip().replace("`", "") for cell in line.strip("|").split("|"))
        said = []
        for number, call in enumerate(calls.split(", ")):
            source, value = call.split()
            at = START + timedelta(days=number)
            said.append(Update(at, source, "m", None if value == "null" else value))
        found = [present(rule, said) for rule in rules]
        assert [one.value if one else "none" for one in found] == kept, line


def write_rules(project: Project, text: str) -> None:
    """Give the project these rules, and the models that they become."""
    (project.definitions / "profile_traits.yml").write_text(text, encoding="utf-8")
    compile_here(project)


def _assert_told(project: Project, rules: dict[str, Rule], expected: Told) -> None:
    with open_warehouse(project, read_only=True) as warehouse:
        traits = warehouse.rows(TRAITS_HELD)
        changes = warehouse.rows(CHANGES)
    assert Counter(traits) == Counter(traits_of(rules, expected))
    assert Counter(changes) == Counter(changes_of(rules, expected))


def traits_of(rules: dict[str, Rule], expected: Told) -> list[tuple[Any, ...]]:
    """The rows that `TRAITS_HELD` should give."""
    return [
        (profile, name, given.value, given.at, given.source, given.message_id)
        for (profile, name), said in expected.items()
        if (given := present(rules[name], said)) is not None
    ]


def changes_of(rules: dict[str, Rule], expected: Told) -> list[tuple[Any, ...]]:
    """The rows that `CHANGES` should give."""
    return [
        (
            profile,
            name,
            one.number,
            one.value,
            one.previous,
            one.cause.at,
            one.until,
            one.is_current,
            one.cause.source,
            one.cause.message_id,
        )
        for (profile, name), said in expected.items()
        for one in history(rules[name], said)
    ]
