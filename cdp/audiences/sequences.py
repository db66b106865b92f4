"""Sequences: did A, then B, then not C; any number of steps with limits to earlier ones.

Owns their reading: names and numbers of steps, what a step may refer to, and limits of
time. What a sequence means is in docs/definitions.md; its SQL is `sequence_steps`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cdp.audiences.behaviour import TRAITS
from cdp.audiences.conditions import Condition, Counted, Sequence, Step, Within
from cdp.errors import Problems
from cdp.sql.events import Property, read_event_query
from cdp.sql.filters import COUNTS, References, read_counts, read_step
from cdp.sql.types import STRING
from cdp.sql.values import read_path
from cdp.sql.windows import read_duration
from cdp.yamlfile import Node, Section

KIND = "sequence"
MOST_STEPS = 20
PREVIOUS = "previous"


@dataclass
class _Names:
    """The steps so far that find an event, by name and by number from 1; and the last one."""

    found: dict[str, int] = field(default_factory=dict)
    previous: int = 0


def read_sequence(section: Section, problems: Problems) -> Condition | None:
    """The condition of a section that starts with `sequence`."""
    before = len(problems.found)
    nodes = section.items(KIND, required=True)
    same = _read_same(section, problems)
    comparison, count = read_counts(section, problems)
    section.finish()
    if nodes and not 2 <= len(nodes) <= MOST_STEPS:
        problems.add(
            "wrong-step",
            f"a sequence of {section.what} has {len(nodes)} step{'' if len(nodes) == 1 else 's'}",
            section.place(KIND),
            f"write 2 to {MOST_STEPS} steps; one event alone is a 'did'",
        )
        return None
    names = _Names()
    steps = [_read_step(node, number, names, problems) for number, node in enumerate(nodes)]
    whole = tuple(step for step in steps if step is not None)
    if not whole or len(problems.found) > before:
        return None
    return Counted(Sequence(whole, same), comparison, count)


def _read_same(section: Section, problems: Problems) -> tuple[Property, ...]:
    node = section.node("same")
    paths = [
        read_path(text, f"'same' of {section.what}", node, problems)
        for text in section.texts("same")
        if node is not None
    ]
    return tuple(dict.fromkeys(Property(path, STRING) for path in paths if path is not None))


def _read_step(node: Node, number: int, names: _Names, problems: Problems) -> Step | None:
    section = Section(node, f"step {number + 1} of a sequence", problems)
    kind = _kind(section, number, problems)
    if not kind:
        # It is a step all the same: those that refer to it are not wrong.
        names.found[str(number + 1)] = number
        return None
    allowed = References(TRAITS.traits, names.found)
    query = read_event_query(section, kind, problems, allowed)
    within = _read_within(section, names, problems) if number else ()
    counts = kind == "then" and any(key in section for key in COUNTS)
    comparison, count = read_counts(section, problems) if counts else ("", 0)
    if kind == "then_not":
        comparison, count = "exactly", 0
    _read_name(section, number, names, problems, finds=not comparison)
    section.finish()
    return Step(query, within, comparison, count)


def _kind(section: Section, number: int, problems: Problems) -> str:
    kinds = ("then", "then_not") if number else ("did",)
    given = [kind for kind in kinds if kind in section]
    if len(given) == 1:
        return given[0]
    problems.add(
        "wrong-step",
        f"{section.what} has both 'then' and 'then_not'"
        if given
        else f"{section.what} does not start with {' or '.join(repr(one) for one in kinds)}",
        section.location,
        "write them as two steps" if given else "the first step is a 'did', all others follow it",
    )
    return ""


def _read_within(section: Section, names: _Names, problems: Problems) -> tuple[Within, ...]:
    """`1 hour` after the step before, or `{added: 1 day, 2: 1 hour}` after each of several."""
    node = section.node("within")
    if node is None:
        return ()
    limits = node.value if isinstance(node.value, dict) else {PREVIOUS: node}
    found = []
    for name, value in limits.items():
        what = f"'within' of {section.what}"
        place = node.key_locations.get(name, node.location)
        steps = {**names.found, PREVIOUS: names.previous}
        step = read_step(Node(name, place), section, steps)
        length = read_duration(value, what, problems)
        if step is not None and length is not None:
            found.append(Within(step, length))
    return tuple(sorted(set(found), key=repr))


def _read_name(
    section: Section, number: int, names: _Names, problems: Problems, *, finds: bool
) -> None:
    """Notes a step under its number and its name, for those that follow."""
    name = section.name("name", required=False)
    if name and (name in names.found or name == PREVIOUS):
        problems.add(
            "duplicate-name",
            f"{section.what} has the name '{name}', which is taken",
            section.place("name"),
            "choose another name",
        )
    if name and not finds:
        problems.add(
            "wrong-step",
            f"{section.what} has a name, but counts events and finds none to refer to",
            section.place("name"),
            "leave 'name' out",
        )
    elif finds:
        names.found.update({str(number + 1): number, **({name: number} if name else {})})
        names.previous = number
