"""`identity.yml` proposed from raw events: which fields identify a person, and how well.

Owns the judgement, whose limits stand here as constants. The measuring is SQL in
`suggest_measure` and `suggest_effect`; the text of the file is `suggest_yaml`'s.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from cdp.errors import RunError
from cdp.identity.suggest_effect import Effect, Rule, effects
from cdp.identity.suggest_measure import (
    ANONYMOUS,
    USER,
    Leaf,
    Measure,
    find_leaves,
    measure,
    overlap,
    placeholders,
    read_messages,
    read_values,
)
from cdp.project import Project
from cdp.warehouse import Warehouse

MOST_MESSAGES = 2_000_000
"""Messages that are measured; of more, whole devices are drawn."""
MOST_PATHS = 40
MOST_SHARED = 0.3
"""A field of whose values more are seen with several people does not identify one."""
MOST_VALUES_EACH = 20.0
"""A field of which a person has more values on average is not worth joining by."""
SAME_VALUES = 0.5
"""Two fields of one name are one type when so many of the fewer values are in both."""
LOOKS_ALIKE = 0.8
"""The share of a format from which a field is taken for it."""
_PERSONAL = re.compile(
    r"(^|_)(id|uid|uuid|guid|email|mail|phone|mobile|msisdn|token|idfa|idfv|gaid|login|username)$"
)
_THINGS = re.compile(
    r"(^|_)(order|cart|checkout|product|sku|variant|item|transaction|payment|invoice|receipt"
    r"|session|message|event|request|trace|page|view|category|campaign|ad|coupon|promotion|list"
    r"|store|shop|company|group|account|organi[sz]ation|workspace|tenant|team|plan)(_|$)"
)
_WELL_KNOWN = {
    USER: "user_id",
    ANONYMOUS: "anonymous_id",
    "context.device.id": "device_id",
    "context.device.advertisingId": "advertising_id",
    "context.device.token": "push_token",
}
# By trust: a login, an address, anything else, a device, a cookie.
_TRUST = {"user_id": 0, "email": 1, "phone": 2}
_DEVICES = ("device_id", "advertising_id", "push_token", "anonymous_id")


@dataclass(frozen=True)
class Field:
    """A path with its measures and the verdict: a type of identifier, or none and why."""

    measure: Measure
    type: str | None
    reason: str


@dataclass(frozen=True)
class Suggestion:
    """What the events say. `messages` were measured, of `deliveries` that are loaded."""

    messages: int
    deliveries: int
    fields: tuple[Field, ...]
    rules: tuple[Rule, ...]
    blocked: tuple[str, ...]
    effects: tuple[Effect, ...]


def suggest(
    project: Project, warehouse: Warehouse, *, most_messages: int = MOST_MESSAGES
) -> Suggestion:
    """Measures the raw events and proposes rules, in order of priority.

    Raises RunError when no events are loaded.
    """
    exists = warehouse.exists(project.raw_schema, "events")
    messages, deliveries = read_messages(project, warehouse, most_messages) if exists else (0, 0)
    if not messages:
        raise RunError(
            "no-events",
            "there are no events to read identifiers from",
            help="load some with 'cdp load PATH --source NAME'",
        )
    types = _candidates(find_leaves(warehouse))
    read_values(warehouse, list(types))
    fields = [_judge(one, types[one.path]) for one in measure(warehouse)]
    fields = _told_apart(warehouse, fields)
    rules = _rules(fields)
    named = {path for rule in rules for path in rule.paths}
    blocked = sorted({value for path, value in placeholders(warehouse) if path in named})
    is_shared = any(
        one.type == "anonymous_id" and one.measure.shared_values for one in fields
    ) and any(USER in rule.paths for rule in rules)
    return Suggestion(
        messages,
        deliveries,
        tuple(sorted(fields, key=lambda one: (one.type is None, -one.measure.coverage))),
        tuple(rules),
        tuple(blocked),
        tuple(effects(warehouse, rules, shared=is_shared)),
    )


def _candidates(leaves: Iterable[Leaf]) -> dict[str, str]:
    """The paths worth measuring, each with the type that it would be of."""
    found: dict[str, str] = {}
    for leaf in leaves:
        name = _type_name(leaf)
        alike = max(leaf.email_share, leaf.uuid_share) >= LOOKS_ALIKE
        if (alike or _PERSONAL.search(name)) and len(found) < MOST_PATHS:
            found[leaf.path] = name
    return found


def _type_name(leaf: Leaf) -> str:
    """`context.traits.emailAddress` is of type `email`, `traits.crm.id` of type `crm_id`."""
    if leaf.path in _WELL_KNOWN:
        return _WELL_KNOWN[leaf.path]
    *above, last = (_snake(step) for step in leaf.path.split("."))
    if leaf.email_share >= LOOKS_ALIKE or last in ("email", "e_mail"):
        return "email"
    if last in ("phone", "phone_number", "mobile", "mobile_phone", "msisdn"):
        return "phone"
    name = f"{above[-1]}_{last}" if last in ("id", "token", "uuid") and above else last
    return name if name[:1].isalpha() else f"id_{name}"


def _snake(step: str) -> str:
    words = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", step).lower()
    return re.sub(r"[^a-z0-9]+", "_", words).strip("_")


def _judge(one: Measure, name: str) -> Field:
    if name not in _WELL_KNOWN.values() and _THINGS.search(name):
        return Field(one, None, "names a thing or an account, not a person")
    if one.values < 2:
        return Field(one, None, "has no two values that are not placeholders")
    share = one.shared_values / one.values
    if one.path not in (USER, ANONYMOUS) and share > MOST_SHARED:
        return Field(one, None, f"{share:.0%} of its values are seen with several people")
    if one.values_per_person > MOST_VALUES_EACH:
        return Field(one, None, f"a person has {one.values_per_person:.0f} values on average")
    notes = []
    if one.shared_values and one.path != USER:
        notes.append(f"{one.shared_values:,} values are seen with several people")
    if one.case_variants:
        notes.append(f"{one.case_variants:,} values differ from another in case only")
    if one.placeholder_messages:
        notes.append(f"placeholders on {one.placeholder_messages:,} messages")
    return Field(one, name, "; ".join(notes))


def _told_apart(warehouse: Warehouse, fields: list[Field]) -> list[Field]:
    """Fields of one name are one type only when they hold the same values.

    The customer 5 of the shop need not be the customer 5 of the till; an address is an address.
    """
    first: dict[str, str] = {}
    found = []
    for one in sorted(fields, key=lambda one: (one.measure.path not in _WELL_KNOWN, _cover(one))):
        path, name = one.measure.path, one.type
        if name is not None and name not in ("email", "phone"):
            known = first.setdefault(name, path)
            if known != path and overlap(warehouse, known, path) < SAME_VALUES:
                whole = "_".join(_snake(step) for step in path.split("."))
                one = replace(one, type=whole.removeprefix("context_"))
        found.append(one)
    return found


def _cover(one: Field) -> tuple[float, str]:
    return (-one.measure.coverage, one.measure.path)


def _rules(fields: Iterable[Field]) -> list[Rule]:
    """One rule a type, the most trusted first; inside a type the path that covers most."""
    by_type: dict[str, list[Field]] = {}
    for one in sorted(fields, key=_cover):
        if one.type is not None:
            by_type.setdefault(one.type, []).append(one)
    # Only addresses are the same whatever their case; ids may not be.
    rules = [
        Rule(name, tuple(one.measure.path for one in found), is_lower=name == "email")
        for name, found in by_type.items()
    ]
    return sorted(rules, key=_trust)


def _trust(rule: Rule) -> tuple[int, str]:
    if rule.type in _DEVICES:
        return (4 + _DEVICES.index(rule.type), rule.type)
    return (_TRUST.get(rule.type, 3), rule.type)
