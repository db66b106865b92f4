"""`profile_traits.yml`: which of several values a profile's trait keeps.

Owns reading the file into `TraitRules`. What each rule means stands in
docs/definitions.md, what it becomes in `dbt_project/models/profiles/`. A project
without the file keeps the latest value of every trait, as Segment does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cdp.errors import Location, Problems, suggest
from cdp.sql.values import check_text
from cdp.yamlfile import Node, Section, read_yaml

LATEST, FIRST, MOST_FREQUENT, SOURCE_PRIORITY = KEEP = (
    "latest",
    "first",
    "most_frequent",
    "source_priority",
)


@dataclass(frozen=True)
class NamedSource:
    """A source that a rule names, and where."""

    name: str
    location: Location


@dataclass(frozen=True)
class TraitRule:
    """Which value a trait keeps; `sources` in order of trust, for `source_priority` alone."""

    keep: str = LATEST
    sources: tuple[NamedSource, ...] = ()


@dataclass(frozen=True)
class TraitRules:
    """The rule of each trait that has one of its own, by name, in the order of the file."""

    default: TraitRule
    traits: tuple[tuple[str, TraitRule], ...] = ()


def read_trait_rules(path: Path, problems: Problems) -> TraitRules:
    """The rules of a file; mistakes are added to `problems`. No file: the latest of all."""
    root = read_yaml(path, problems) if path.exists() else None
    if root is None:
        return TraitRules(TraitRule())
    section = Section(root, "profile_traits.yml", problems)
    default = _read_rule(section, "default", required=False)
    traits = tuple(
        (name, _read_trait(name, node, place, problems))
        for name, node, place in section.mapping("traits")
    )
    section.finish()
    return TraitRules(default, traits)


def trait_rules_version(rules: TraitRules) -> str:
    """Changes when, and only when, the rules would keep something else."""
    named = [("", rules.default), *rules.traits]
    return repr([(name, one.keep, [source.name for source in one.sources]) for name, one in named])


def check_trait_rules(rules: TraitRules, known: Iterable[str], problems: Problems) -> None:
    """Every source that a rule names is one of `known`."""
    names = set(known)
    asking = [("the default", rules.default)]
    asking += [(f"trait '{name}'", rule) for name, rule in rules.traits]
    for what, rule in asking:
        for source in rule.sources:
            if source.name not in names:
                problems.add(
                    "unknown-source",
                    f"{what} asks the source '{source.name}', which is not defined",
                    source.location,
                    suggest(source.name, names),
                )


def _read_trait(name: str, node: Node, place: Location, problems: Problems) -> TraitRule:
    if not name:
        # The empty name stands for the default in the generated model.
        problems.add(
            "invalid-name", "a trait has no name", place, "write its name as identify calls do"
        )
    check_text(name, "the name of a trait", Node(name, place), problems)
    section = Section(node, f"trait '{name}'", problems)
    rule = _read_rule(section, "keep", required=True)
    section.finish()
    return rule


def _read_rule(section: Section, key: str, *, required: bool) -> TraitRule:
    keep = section.choice(key, KEEP, required=required, default=LATEST)
    wanted = keep == SOURCE_PRIORITY
    sources: dict[str, NamedSource] = {}
    for node in section.items("sources", required=wanted):
        _read_source(section, node, sources)
    if "sources" in section and not wanted:
        section.problems.add(
            "useless-setting",
            f"{section.what} lists sources, which '{keep}' does not ask",
            section.place("sources"),
            f"write '{key}: {SOURCE_PRIORITY}', or remove the list",
        )
    return TraitRule(keep, tuple(sources.values()))


def _read_source(section: Section, node: Node, sources: dict[str, NamedSource]) -> None:
    if not isinstance(node.value, str):
        section.wrong("sources", node, "a list of names of sources")
    elif node.value in sources:
        section.problems.add(
            "duplicate-name",
            f"{section.what} lists the source '{node.value}' twice",
            node.location,
            f"keep one of the two; the first is on line {sources[node.value].location.line}",
        )
    else:
        sources[node.value] = NamedSource(node.value, node.location)
