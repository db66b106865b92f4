"""How a reply is read: rules for the whole of it, and where it names single rows.

Owns their specs and reading, and the test of one condition. The shapes of partial
failures that vendors have (`Results.by`):

- position: a list with one entry a row, in the order that was sent;
- index: a list of failures, each with the position of its row;
- trace: a list of failures, each with the `row.ref` that we sent;
- value: a list of failures, each with an identifier's value;
- map: a mapping of failures, keyed by an identifier's value;
- pointer: a list of failures, each with a JSON pointer into what we sent;
- message: texts that name a value or a position, found with a pattern;
- (none: without `results` a reply is about all rows, and a refusal is bisected.)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cdp.destinations.manifest.reading import seconds, statuses
from cdp.destinations.template import from_node, look_up
from cdp.yamlfile import Section

SHAPES = ("position", "index", "trace", "value", "map", "pointer", "message")
VERDICTS = ("ok", "reject", "retry", "throttle", "refresh", "fatal", "unknown")
ROW_STATES = ("accepted", "rejected", "retry")
RESTS = ("accepted", "resend", "refused")


@dataclass(frozen=True)
class Rule:
    """What to do with a reply. It fits when its status and every condition fits.

    ok: all rows are accepted; reject: the batch is refused (and halved); retry:
    try again, it may have been applied; throttle: try again, it was not applied;
    refresh: get a new token first; fatal: the run ends; unknown: nobody knows.
    """

    then: str
    statuses: tuple[int, ...] = ()
    where: Mapping[str, Any] = field(default_factory=dict)
    contains: str = ""
    reason: str = ""
    code: str = ""
    wait_s: float | None = None


@dataclass(frozen=True)
class Results:
    """Where a reply names single rows.

    `list` leads to the entries and `at` to what identifies the row in an entry;
    `ok` is the condition under which an entry says that its row was accepted; with
    `refused` an entry that says neither leaves its row unknown.
    `codes` maps an entry's code to accepted, rejected or retry. `rest` is what a
    row that is not named is: accepted, to be sent again without the named ones,
    or refused as a whole. `example` is what `pattern` finds, with {value} or {index}.
    """

    by: str
    list: str = ""
    at: str = ""
    statuses: tuple[int, ...] = ()
    ok: Mapping[str, Any] = field(default_factory=dict)
    refused: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    code: str = ""
    named: str = ""
    codes: Mapping[str, str] = field(default_factory=dict)
    is_required: bool = False
    pattern: str = ""
    example: str = ""
    rest: str = "accepted"


@dataclass(frozen=True)
class RemoteId:
    """Where a reply gives the destination's own id of each row.

    `list` leads to entries in the order of the rows, or matched by the value at
    `match` with the row's key; `.` is a body that is a list itself, and without
    `list` the reply is about one row.
    """

    at: str
    list: str = ""
    match: str = ""


def holds(body: Any, where: Mapping[str, Any]) -> bool:
    """Whether every condition on a body is true.

    A condition is a value, a list of values (one of them), `{empty: bool}`,
    `{exists: bool}` or `{not: value}`.
    """
    return all(_fits(look_up(body, path), wanted) for path, wanted in where.items())


def _fits(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict):
        if "empty" in wanted:
            return bool((not value) == wanted["empty"])
        if "exists" in wanted:
            return bool((value is not None) == wanted["exists"])
        return not _fits(value, wanted["not"])
    if isinstance(wanted, list):
        return any(_fits(value, one) for one in wanted)
    if isinstance(value, bool) or isinstance(wanted, bool) or wanted is None or value is None:
        return value is wanted
    return str(value) == str(wanted)


def read_rules(section: Section, key: str = "rules") -> tuple[Rule, ...]:
    """The rules under a key; the first that fits decides."""
    return tuple(_rule(one) for one in section.sections(key, "rule"))


def _rule(one: Section) -> Rule:
    wait = seconds(one, "wait_s", -1.0)
    found = Rule(
        one.choice("then", VERDICTS, required=True),
        statuses(one, "status", ()),
        read_conditions(one, "where"),
        one.text("contains"),
        one.text("reason"),
        one.text("code"),
        None if wait < 0 else wait,
    )
    one.finish()
    return found


def read_conditions(section: Section, key: str) -> dict[str, Any]:
    """The conditions under a key, by path; see `holds`."""
    found: dict[str, Any] = {}
    for path, node, _ in section.mapping(key):
        found[path] = from_node(node)
        if isinstance(found[path], dict) and set(found[path]) - {"empty", "exists", "not"}:
            section.wrong(key, node, "a value, a list, or one of 'empty', 'exists' and 'not'")
            found[path] = None
    return found


def read_results(section: Section) -> tuple[Results, ...]:
    """The shapes under `results`; those that fit a reply are read together."""
    return tuple(_results(one) for one in section.sections("results", "results"))


def _results(one: Section) -> Results:
    by = one.choice("by", SHAPES, required=True, default="position")
    pattern = one.text("pattern", required=by == "message")
    try:
        re.compile(pattern)
    except re.error:
        one.problems.add(
            "invalid-pattern",
            f"the pattern of {one.what} is no regular expression",
            one.place("pattern"),
            "write a regular expression with one group: what names the row",
        )
        pattern = ""
    found = Results(
        by,
        one.text("list"),
        one.text("at"),
        statuses(one, "status", ()),
        read_conditions(one, "ok"),
        read_conditions(one, "refused"),
        one.text("reason"),
        one.text("code"),
        one.text("named"),
        {name: str(node.value) for name, node, _ in one.mapping("codes")},
        one.boolean("required"),
        pattern,
        one.text("example"),
        one.choice("rest", RESTS, default="accepted"),
    )
    one.finish()
    return found


def read_remote_id(section: Section) -> RemoteId | None:
    """Where the destination's own ids are, if it gives any."""
    one = section.section("remote_id", "remote_id")
    if one is None:
        return None
    found = RemoteId(one.text("at", required=True), one.text("list"), one.text("match"))
    one.finish()
    return found
