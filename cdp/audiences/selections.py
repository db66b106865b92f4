"""Conditions that choose profiles by something else than events: consent and shares of everybody.

Owns the reading of `consent`, `top`, `bottom`, `sample` and `split`. That a trait exists and can be
put in order is checked when all definitions are known.
"""

from __future__ import annotations

from decimal import Decimal

from cdp.audiences.conditions import CONSENTS, Condition, Consent, Group, Sample, Split, Top
from cdp.errors import Problems
from cdp.sql.values import check_text
from cdp.yamlfile import Node, Section

KINDS = ("consent", "top", "bottom", "sample", "split")
_WHOLE = Decimal(100)
# A share is told by 32 bits of a hash: more digits would promise what nobody can keep.
_PLACES = 6


def read_selection(
    section: Section, kind: str, problems: Problems, *, known_only: bool
) -> Condition | None:
    """The condition of a section that starts with one of KINDS.

    `known_only` is of the audience: whether anonymous profiles are left out before any is ranked.
    """
    if kind == "consent":
        return _read_consent(section, problems)
    inner = section.section(kind, f"'{kind}' of {section.what}", required=True)
    section.finish()
    if inner is None:
        return None
    if kind == "sample":
        return _read_sample(inner, problems)
    if kind == "split":
        return _read_split(inner, problems, known_only=known_only)
    return _read_top(inner, kind, problems, known_only=known_only)


def _read_consent(section: Section, problems: Problems) -> Condition | None:
    category = section.text("consent")
    status = section.choice("status", CONSENTS, default=CONSENTS[0])
    node = section.node("consent")
    section.finish()
    if not category or node is None or not check_text(category, section.what, node, problems):
        return None
    return Consent(category, status)


def _read_top(section: Section, kind: str, problems: Problems, *, known_only: bool) -> Top | None:
    before = len(problems.found)
    trait = section.text("trait", required=True)
    count = section.integer("count", minimum=1)
    node = section.node("percent")
    percent = _percent(node, f"'percent' of {section.what}", problems) if node else None
    section.finish()
    if ("count" in section) == (node is not None):
        problems.add(
            "conflicting-keys" if node is not None else "missing-key",
            f"{section.what} has "
            + ("both 'count' and 'percent'" if node is not None else "no 'count' and no 'percent'"),
            section.location,
            "say how many with one of them",
        )
    if len(problems.found) > before:
        return None
    place = section.place("trait")
    return Top(trait, kind == "top", known_only, count if node is None else 0, percent, place)


def _read_sample(section: Section, problems: Problems) -> Sample | None:
    before = len(problems.found)
    node = section.node("percent", required=True)
    percent = _percent(node, f"'percent' of {section.what}", problems) if node else None
    name = section.name("name")
    section.finish()
    if percent is None or len(problems.found) > before:
        return None
    return Sample(name, Decimal(0), percent)


def _read_split(section: Section, problems: Problems, *, known_only: bool) -> Condition | None:
    before = len(problems.found)
    name = section.name("name")
    groups = _read_groups(section, problems)
    group = section.text("group", required=True)
    by = section.text("by")
    section.finish()
    if len(problems.found) == before and group not in {one.name for one in groups}:
        problems.add(
            "unknown-value",
            f"'{group}' is not a valid group of {section.what}",
            section.place("group"),
            "one of " + ", ".join(f"'{one.name}'" for one in groups),
        )
    if len(problems.found) > before:
        return None
    start = Decimal(0)
    for one in groups:
        if one.name == group:
            break
        start += one.percent
    share = Sample(name, start, start + next(o.percent for o in groups if o.name == group))
    return Split(share, groups, by, known_only, section.location)


def _read_groups(section: Section, problems: Problems) -> tuple[Group, ...]:
    groups = []
    for name, node, _ in section.mapping("groups", required=True):
        percent = _percent(node, f"group '{name}' of {section.what}", problems)
        groups += [Group(name, percent)] if percent is not None else []
    total = sum((one.percent for one in groups), Decimal(0))
    if total > _WHOLE:
        problems.add(
            "out-of-range",
            f"the groups of {section.what} are {total.normalize():f}% together",
            section.place("groups"),
            "make them 100% or less; who is left is in no group",
        )
    return tuple(groups)


def _percent(node: Node, what: str, problems: Problems) -> Decimal | None:
    value = node.value
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        number = Decimal(value)
        if 0 < number <= _WHOLE and number == round(number, _PLACES):
            return number
    shown = f"{value}" if isinstance(value, (int, Decimal, str)) else node.kind
    problems.add(
        "out-of-range",
        f"{what} is {shown}",
        node.location,
        f"use a number above 0 and up to 100, with at most {_PLACES} decimal places",
    )
    return None
