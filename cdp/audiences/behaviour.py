"""Conditions about one event: did, did_not, did_first, did_regularly, stopped, restarted.

Owns their reading. All but did_regularly are numbers of events in windows and nothing
else, and become those, so that they share the features of every other condition.
The behavioural set is that of PostHog's cohorts, with windows of any form.
"""

from __future__ import annotations

from dataclasses import replace

from cdp.audiences.conditions import (
    Active,
    All,
    Condition,
    Counted,
    Did,
    Matching,
    compared_traits,
)
from cdp.errors import Problems
from cdp.sql.events import EventQuery, read_event_query
from cdp.sql.filters import References, read_counts
from cdp.sql.windows import Window, read_periods, read_window
from cdp.yamlfile import Section

KINDS = ("did", "did_not", "did_first", "did_regularly", "stopped", "restarted")
TRAITS = References(traits=True)


def read_behaviour(section: Section, kind: str, problems: Problems) -> Condition | None:
    """The condition of a section that starts with one of KINDS."""
    if kind == "did_regularly":
        return _read_regularly(section, problems)
    if kind in ("stopped", "restarted"):
        return _read_pause(section, kind, problems)
    query = read_event_query(section, kind, problems, TRAITS)
    if kind == "did":
        comparison, count = read_counts(section, problems)
        section.finish()
        return _number(query, comparison, count)
    section.node("window", required=kind == "did_first")
    section.finish()
    return _did_first(query) if kind == "did_first" else _number(query, "exactly", 0)


def _number(query: EventQuery, comparison: str, count: int) -> Condition:
    if compared_traits(query):
        return Counted(Matching(query), comparison, count)
    return Did(query, comparison, count)


def _did_first(query: EventQuery) -> Condition:
    """Something in the window and nothing before it."""
    some = _number(query, "at_least", 1)
    if query.window is None or query.window.start is None:
        return some
    return All((some, _none(query, Window(None, query.window.start))))


def _read_pause(section: Section, kind: str, problems: Problems) -> Condition | None:
    """`stopped` has the window in which it was done, `restarted` that in which it was not."""
    key = "active" if kind == "stopped" else "pause"
    section.node(key, required=True)
    between = read_window(section, problems, key)
    # A window of the whole would say when twice.
    query = read_event_query(section, kind, problems, TRAITS, with_window=False)
    section.finish()
    if between is None:
        return None
    if between.start is None or between.end is None:
        problems.add(
            "impossible-window",
            f"'{key}' of {section.what} needs a start and an end before now",
            section.place(key),
            "write both, such as {between: [90 days, 30 days]}",
        )
        return None
    during, later = replace(query, window=between), Window(between.end)
    if kind == "stopped":
        return All((_number(during, "at_least", 1), _none(query, later)))
    before = replace(query, window=Window(None, between.start))
    again = replace(query, window=later)
    some = [_number(one, "at_least", 1) for one in (before, again)]
    return All((some[0], _number(during, "exactly", 0), some[1]))


def _none(query: EventQuery, window: Window) -> Condition:
    return _number(replace(query, window=window), "exactly", 0)


def _read_regularly(section: Section, problems: Problems) -> Condition | None:
    query = read_event_query(section, "did_regularly", problems, TRAITS, with_window=False)
    comparison, count = read_counts(section, problems)
    node = section.node("of_last", required=True)
    periods = read_periods(node, f"'of_last' of {section.what}", problems) if node else None
    section.finish()
    if periods is None:
        return None
    if count > periods.count:
        problems.add(
            "out-of-range",
            f"'{comparison}' of {section.what} is {count}, but there are {periods.count} periods",
            section.place(comparison),
            f"use {periods.count} or less",
        )
        return None
    return Counted(Active(query, periods), comparison, count)
