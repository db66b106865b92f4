"""The proposed `identity.yml` as text, with the figures behind each rule as comments."""

from __future__ import annotations

import json
from collections.abc import Iterable

import yaml

from cdp.errors import RunError
from cdp.identity.suggest import Field, Suggestion
from cdp.identity.suggest_measure import PLACEHOLDER_PATTERN

ALWAYS_BLOCKED = ("-1", "null", "anonymous", "undefined", "none", "nan")
"""Blocked whether or not these events carry them: Segment's suggested set."""


def identity_yaml(found: Suggestion) -> str:
    """YAML that `cdp validate` accepts.

    Raises RunError when no field identifies a person.
    """
    if not found.rules:
        raise RunError(
            "nothing-to-propose",
            "no field of these events tells people apart",
            help="'cdp identity suggest' says why each was left out; load more events",
        )
    blocked = dict.fromkeys((*ALWAYS_BLOCKED, *found.blocked))
    # Values come from events: only a YAML printer quotes everything that they may hold.
    values = yaml.safe_dump(
        list(blocked), default_flow_style=True, default_style='"', allow_unicode=True, width=10**9
    ).strip()
    lines = [
        f"# Proposed by `cdp identity suggest` from {found.messages:,} messages.",
        "# The order is the priority, highest first. Read it before you use it.",
        "#",
        *_effects(found),
        "",
        "# Placeholders that many people share; compared without case.",
        "blocked:",
        f"  values: {values}",
        f'  patterns: ["{PLACEHOLDER_PATTERN}"]',
        "",
        "identifiers:",
    ]
    by_path = {one.measure.path: one for one in found.fields}
    for rule in found.rules:
        for path in rule.paths:
            lines += [f"  # {line}" for line in _figures(by_path[path])]
        lines.append(f"  - type: {rule.type}")
        lines.append(f"    paths: [{', '.join(_quoted(rule.paths))}]")
        if rule.is_lower:
            lines.append("    normalize: [email]")
        if rule.type == "anonymous_id" and any(
            by_path[p].measure.shared_values for p in rule.paths
        ):
            lines.append("    shared: {with: user_id, more_than: 1}")
        lines.append("")
    rejected = [one for one in found.fields if one.type is None]
    if rejected:
        lines.append("# Looked at, and left out:")
        lines += [f"#   {one.measure.path}: {one.reason}" for one in rejected]
    return "\n".join(lines).rstrip() + "\n"


def _effects(found: Suggestion) -> list[str]:
    lines = ["# What the rules give, each on top of those before it:"]
    width = max((len(one.rules) for one in found.effects), default=0)
    lines += [
        f"#   {one.rules:<{width}}  {one.profiles:,} profiles, the largest of "
        f"{one.largest_profile:,} identifiers; {one.several_users:,} with several user ids"
        for one in found.effects
    ]
    return lines


def _figures(one: Field) -> list[str]:
    measured = one.measure
    person = "cookie" if measured.path == "userId" else "user id"
    figures = f"{measured.path}: on {measured.coverage:.1%} of messages, {measured.values:,} values"
    if measured.values_per_person:
        figures += f", {measured.values_per_person:.2f} for a {person}"
    return [figures, one.reason] if one.reason else [figures]


def _quoted(paths: Iterable[str]) -> list[str]:
    return [json.dumps(path) if " " in path else path for path in paths]
