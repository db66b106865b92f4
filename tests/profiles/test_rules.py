"""`profile_traits.yml`: what it becomes, and mistakes in it with their place and one fix."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlglot

from cdp.catalogue import load_catalogue
from cdp.errors import DefinitionError, Problems
from cdp.profiles.compile import compile_trait_rules
from cdp.profiles.spec import TraitRule, TraitRules, check_trait_rules, read_trait_rules
from cdp.project import DIALECTS, Project
from cdp.sql.model import print_model

RULES = """\
default: most_frequent
traits:
  created.at: {keep: first}
  "it's": {keep: latest}
  email: {keep: source_priority, sources: [app, web]}
"""
MISTAKES = {
    "an unknown rule": (
        "default: newest\n",
        (
            "error[unknown-value]: 'newest' is not a valid default of profile_traits.yml\n"
            "  --> {file}:1:10\n   1 | default: newest\n"
            "help: one of 'first', 'latest', 'most_frequent', 'source_priority'"
        ),
    ),
    "an unknown rule of a trait": (
        "traits:\n  plan: {keep: lastest}\n",
        (
            "error[unknown-value]: 'lastest' is not a valid keep of trait 'plan'\n"
            "  --> {file}:2:16\n   2 |   plan: {keep: lastest}\n"
            "help: did you mean 'latest'?"
        ),
    ),
    "a trait without a rule": (
        "traits:\n  plan: {}\n",
        (
            "error[missing-key]: trait 'plan' has no 'keep'\n"
            "  --> {file}:2:9\n   2 |   plan: {}\n"
            "help: add a line 'keep: ...'"
        ),
    ),
    "a rule without its braces": (
        "traits:\n  plan: first\n",
        (
            "error[wrong-type]: trait 'plan' must be a mapping, not text\n"
            "  --> {file}:2:9\n   2 |   plan: first\n"
            "help: write it as 'key: value' lines\n\n"
            "error[missing-key]: trait 'plan' has no 'keep'\n"
            "  --> {file}:2:9\n   2 |   plan: first\n"
            "help: add a line 'keep: ...'"
        ),
    ),
    "a list of traits": (
        "traits: [plan]\n",
        (
            "error[wrong-type]: 'traits' of profile_traits.yml must be a mapping, not a list\n"
            "  --> {file}:1:9\n   1 | traits: [plan]\n"
            "help: write a mapping"
        ),
    ),
    "an unknown setting": (
        "traits:\n  plan: {keep: first, source: web}\n",
        (
            "error[unknown-key]: trait 'plan' has no setting 'source'\n"
            "  --> {file}:2:23\n   2 |   plan: {keep: first, source: web}\n"
            "help: did you mean 'sources'?"
        ),
    ),
    "a priority without sources": (
        "traits:\n  plan: {keep: source_priority}\n",
        (
            "error[missing-key]: trait 'plan' has no 'sources'\n"
            "  --> {file}:2:9\n   2 |   plan: {keep: source_priority}\n"
            "help: add a line 'sources: ...'"
        ),
    ),
    "a priority of no source": (
        "default: source_priority\nsources: []\n",
        (
            "error[empty-list]: 'sources' of profile_traits.yml is empty\n"
            "  --> {file}:2:10\n   2 | sources: []\n"
            "help: list at least one entry"
        ),
    ),
    "sources that nothing asks": (
        "default: latest\nsources: [web]\n",
        (
            "error[useless-setting]: profile_traits.yml lists sources, which 'latest' "
            "does not ask\n"
            "  --> {file}:2:10\n   2 | sources: [web]\n"
            "help: write 'default: source_priority', or remove the list"
        ),
    ),
    "a source twice": (
        "traits:\n  plan: {keep: source_priority, sources: [web, web]}\n",
        (
            "error[duplicate-name]: trait 'plan' lists the source 'web' twice\n"
            "  --> {file}:2:48\n   2 |   plan: {keep: source_priority, sources: [web, web]}\n"
            "help: keep one of the two; the first is on line 2"
        ),
    ),
    "a source that is a number": (
        "default: source_priority\nsources: [7]\n",
        (
            "error[wrong-type]: 'sources' of profile_traits.yml must be a list of names of "
            "sources, not a number\n"
            "  --> {file}:2:11\n   2 | sources: [7]\n"
            "help: write a list of names of sources"
        ),
    ),
    "an unknown source": (
        "traits:\n  plan: {keep: source_priority, sources: [wed]}\n",
        (
            "error[unknown-source]: trait 'plan' asks the source 'wed', which is not defined\n"
            "  --> {file}:2:43\n   2 |   plan: {keep: source_priority, sources: [wed]}\n"
            "help: did you mean 'web'?"
        ),
    ),
    "an unknown source of the default": (
        "default: source_priority\nsources: [crm]\n",
        (
            "error[unknown-source]: the default asks the source 'crm', which is not defined\n"
            "  --> {file}:2:11\n   2 | sources: [crm]\n"
            "help: one of 'app', 'web'"
        ),
    ),
    "a trait without a name": (
        'traits:\n  "": {keep: first}\n',
        (
            "error[invalid-name]: a trait has no name\n"
            '  --> {file}:2:3\n   2 |   "": {keep: first}\n'
            "help: write its name as identify calls do"
        ),
    ),
    "a name that would end the model": (
        'traits:\n  "{% endraw %}": {keep: first}\n',
        (
            "error[unsafe-text]: the name of a trait has a text that cannot stand in a "
            "generated model\n"
            '  --> {file}:2:3\n   2 |   "{% endraw %}": {keep: first}\n'
            "help: leave out line breaks, control characters and the word 'endraw'"
        ),
    ),
}


@pytest.mark.parametrize("name", MISTAKES, ids=[name.replace(" ", "_") for name in MISTAKES])
def test_a_mistake_is_told_with_its_place_and_a_fix(tmp_path: Path, name: str) -> None:
    text, expected = MISTAKES[name]
    file = tmp_path / "profile_traits.yml"
    file.write_text(text)
    problems = Problems()
    check_trait_rules(read_trait_rules(file, problems), ("app", "web"), problems)
    with pytest.raises(DefinitionError) as caught:
        problems.raise_if_any()
    assert str(caught.value) == expected.replace("{file}", str(file))


def test_without_the_file_the_latest_is_kept(tmp_path: Path) -> None:
    problems = Problems()
    rules = read_trait_rules(tmp_path / "profile_traits.yml", problems)
    assert problems.found == []
    assert rules == TraitRules(TraitRule("latest"))


def test_a_file_of_comments_says_nothing_and_is_told_so(tmp_path: Path) -> None:
    file = tmp_path / "profile_traits.yml"
    file.write_text("# default: latest\n")
    problems = Problems()
    read_trait_rules(file, problems)
    assert [one.slug for one in problems.found] == ["empty-file"]


def test_a_project_asks_only_sources_that_it_declares(project: Project) -> None:
    file = project.definitions / "profile_traits.yml"
    file.write_text("default: source_priority\nsources: [web, store_order]\n")
    with pytest.raises(DefinitionError, match="help: did you mean 'store_orders'?"):
        load_catalogue(project)
    # What is wrong in sources.yml is told, and not what follows from it.
    (project.definitions / "sources.yml").write_text("sources:\n  - nam: web\n")
    with pytest.raises(DefinitionError) as caught:
        load_catalogue(project)
    assert "unknown-source" not in str(caught.value)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_rules_are_rows(project: Project, dialect: str) -> None:
    (project.definitions / "profile_traits.yml").write_text(RULES)
    (model,) = compile_trait_rules(load_catalogue(project))
    text = print_model(model, dialect, "0" * 64, only_dialect=True)
    assert text.count("{% endraw %}") == 1
    tree = model.body(dialect)
    found = [
        tuple(one.unalias().this.this for one in row.selects)
        for row in tree.find_all(sqlglot.exp.Select)
    ]
    assert sorted(found, key=lambda row: (row[0], row[3])) == [
        ("", "most_frequent", "", "1"),
        ("created.at", "first", "", "1"),
        ("email", "source_priority", "app", "1"),
        ("email", "source_priority", "web", "2"),
        ("email", "source_priority", "", "3"),
        ("it's", "latest", "", "1"),
    ]


def test_thousands_of_rules_are_no_burden(project: Project) -> None:
    """sqlglot prints nested unions; their depth must not reach Python's own."""
    lines = "".join(f"  trait{number}: {{keep: first}}\n" for number in range(1_200))
    (project.definitions / "profile_traits.yml").write_text("traits:\n" + lines)
    (model,) = compile_trait_rules(load_catalogue(project))
    text = print_model(model, "duckdb", "0" * 64, only_dialect=True)
    assert text.count("union all") == 1_200
