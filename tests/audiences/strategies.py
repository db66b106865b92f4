"""Random definitions, as YAML that people could write, and random events to run them on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st

from cdp.audiences.check import check_audiences
from cdp.audiences.references import resolved_audiences
from cdp.audiences.spec import Audience, read_audience
from cdp.errors import Problems
from cdp.identity.spec import IdentityRules
from cdp.profiles.spec import TraitRule, TraitRules
from cdp.sql.windows import CALENDAR
from cdp.traits.aggregates import AGGREGATES
from cdp.traits.spec import ELIGIBLE, Trait, read_traits
from tests.audiences.oracle import Event, Profile, World

AS_OF = datetime(2026, 5, 31, 12)
EVENTS = ("Order Completed", "Product Viewed", "order_completed", "Page Viewed", "It's \\ odd")
TEXTS = ("red", "Red", "blue", "a'b", "100%", "é", "", "\\", "Z", "true", "{{ x }}", "12")
NUMBERS = (0, 1, 2, 12, 12.5, -3, 100)
MOMENTS = (
    "2026-05-31",
    "2026-05-31T12:00:00Z",
    "2026-05-31T14:00:00+02:00",
    "2026-05-30 12:00:00",
    "2026-05-24T12:00:00.000Z",
    "2026-06-01T12:00:00Z",
    "2026-05-01T00:00:00.123456-0700",
)
JUNK = ("2026-02-30", "2026-05-31T25:00:00Z", "soon", "1_000", " 7 ", "1e2", "--5", "NaN", ".5")
PATHS = ("color", "price", "size.width", "when", "is gift")
DURATIONS = ("1 hour", "24 hours", "7 days", "30 days", "1 month", "1 quarter")
WINDOWS: tuple[dict[str, Any], ...] = (
    *({"last": one} for one in DURATIONS),
    {"between": ["1 hour", "7 days"]},
    {"between": ["30 days", "7 days"]},
    {"between": ["2 months", "1 week"]},
    *({"calendar": one} for one in CALENDAR),
    {"since": "2026-05-24T12:00:00Z"},
    {"before": "2026-05-24"},
    {"since": "2026-02-01", "before": "2026-05-31T14:00:00+02:00"},
    {"between": ["2026-02-28", "2026-05-31"]},
)
OPTIONS: dict[str, tuple[dict[str, Any], ...]] = {
    "percentile": tuple({"percentile": one} for one in (0, 12.5, 50, 99.999, 100)),
    "most_frequent": ({}, {"minimum_frequency": 1}, {"minimum_frequency": 2}),
    "session_count": ({}, {"gap": "1 hour"}, {"gap": "2 days"}),
    "longest_session": ({}, {"gap": "1 hour"}, {"gap": "2 days"}),
    "average_session": ({}, {"gap": "1 hour"}, {"gap": "2 days"}),
    "current_streak": ({}, {"every": "day"}, {"every": "week"}),
    "longest_streak": ({}, {"every": "day"}, {"every": "week"}),
}
AGES = (
    timedelta(0),
    timedelta(microseconds=1),
    timedelta(hours=1),
    timedelta(hours=1, microseconds=1),
    timedelta(days=1),
    timedelta(days=7),
    timedelta(days=6, hours=5),
    timedelta(days=30),
    timedelta(days=30, hours=12),
    timedelta(days=31),
    timedelta(days=31, microseconds=1),
    timedelta(days=92),
    timedelta(days=92, hours=12, microseconds=1),
    timedelta(days=-1),
)
PROFILE_TRAITS = {"plan": "string", "age": "integer", "joined": "timestamp", "vip": "boolean"}
AGGREGATE_NAMES = tuple(AGGREGATES)


@dataclass(frozen=True)
class Definitions:
    """The part of a catalogue that traits and audiences need."""

    traits: dict[str, Trait]
    audiences: dict[str, Audience]
    identity: IdentityRules = IdentityRules(())
    trait_rules: TraitRules = TraitRules(TraitRule())


@dataclass(frozen=True)
class Case:
    """One random world, before anything is evaluated."""

    traits: list[dict[str, Any]]
    audiences: list[dict[str, Any]]
    profiles: list[Profile]
    events: list[Event]

    def read(self, folder: Path) -> tuple[World, Definitions]:
        """The definitions through the real readers, which must find nothing wrong."""
        problems = Problems()
        (folder / "traits").mkdir(exist_ok=True)
        (folder / "audiences").mkdir(exist_ok=True)
        traits = read_traits(
            _write(folder / "traits" / "some.yml", {"traits": self.traits}), problems
        )
        audiences = [
            read_audience(_write(folder / "audiences" / f"{one['name']}.yml", one), problems)
            for one in self.audiences
        ]
        found = Definitions(
            {one.name: one for one in traits}, {one.name: one for one in audiences if one}
        )
        check_audiences(found, problems)
        found = replace(found, audiences=resolved_audiences(found, problems))
        problems.raise_if_any()
        return World(self.profiles, self.events, AS_OF, found.traits, found.audiences), found


def _write(path: Path, content: Any) -> Path:
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return path


values = st.one_of(
    st.sampled_from(TEXTS),
    st.sampled_from(NUMBERS),
    st.sampled_from(NUMBERS).map(str),
    st.booleans(),
    st.sampled_from(MOMENTS),
    st.sampled_from(JUNK),
    st.none(),
)


@st.composite
def properties(draw: st.DrawFn) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path in draw(st.lists(st.sampled_from(PATHS), unique=True)):
        *parents, last = path.split(".")
        inner = found
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[last] = draw(values)
    return found


@st.composite
def filters(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(("string", "decimal", "timestamp", "exists", "boolean")))
    path = draw(st.sampled_from((*PATHS, "page_name")))
    return {"property": path, **draw(_operators(kind, on_traits=False))}


@st.composite
def queries(draw: st.DrawFn, key: str) -> dict[str, Any]:
    query: dict[str, Any] = {key: draw(st.sampled_from(EVENTS))}
    where = draw(st.lists(filters(), max_size=2))
    if where:
        query["where"] = where
    if draw(st.booleans()):
        query["window"] = draw(st.sampled_from(WINDOWS))
    return query


@st.composite
def traits(draw: st.DrawFn, number: int) -> dict[str, Any]:
    trait: dict[str, Any] = {"name": f"trait_{number}", "description": "Random."}
    if draw(st.integers(0, 3)) == 0:
        trait["eligible"] = draw(st.sampled_from(ELIGIBLE))
    if draw(st.integers(0, 4)) == 0:
        name = draw(st.sampled_from(tuple(PROFILE_TRAITS)))
        return trait | {"profile_trait": name, "type": PROFILE_TRAITS[name]}
    aggregate = draw(st.sampled_from(AGGREGATE_NAMES))
    # Sums of floats differ with the order of rows; that is what decimals are for.
    kinds = [kind for kind in AGGREGATES[aggregate].types if kind != "float"]
    trait |= draw(queries("event")) | {"aggregate": aggregate, "type": draw(st.sampled_from(kinds))}
    trait |= draw(st.sampled_from(OPTIONS.get(aggregate, ({},))))
    if AGGREGATES[aggregate].reads is not None:
        trait["property"] = draw(st.sampled_from(PATHS))
    if draw(st.booleans()) and trait["type"] == "decimal":
        trait["default"] = draw(st.sampled_from(NUMBERS))
    return trait


@st.composite
def conditions(draw: st.DrawFn, known: list[dict[str, Any]], earlier: list[str], depth: int) -> Any:
    kinds = ["trait", "did", "did_not"] + (["audience"] if earlier else [])
    kinds += ["all", "any", "not"] if depth else []
    kind = draw(st.sampled_from(kinds))
    inner = conditions(known, earlier, depth - 1)
    if kind == "not":
        return {"not": draw(inner)}
    if kind in ("all", "any"):
        return {kind: draw(st.lists(inner, min_size=1, max_size=3))}
    if kind == "audience":
        return {"audience": draw(st.sampled_from(earlier))}
    if kind == "trait":
        trait = draw(st.sampled_from(known))
        operators = draw(_operators(trait["type"], on_traits=True))
        return {"trait": trait["name"], **operators}
    condition = draw(queries(kind))
    if kind == "did":
        comparison = draw(st.sampled_from((None, "at_least", "at_most", "exactly")))
        if comparison:
            condition[comparison] = draw(st.integers(0, 3))
    return condition


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A handful of profiles and events, some traits and some audiences over them."""
    profiles = [
        Profile(f"p{number}", draw(st.booleans()), draw(_profile_traits()))
        for number in range(draw(st.integers(1, 5)))
    ]
    events = [
        Event(
            profile=draw(st.sampled_from(profiles)).id,
            name=draw(st.sampled_from(EVENTS)),
            occurred_at=AS_OF - draw(st.sampled_from(AGES)),
            message_id=f"m{number}",
            properties=draw(properties()),
            page_name=draw(st.sampled_from((None, "red", "Home"))),
        )
        for number in range(draw(st.integers(0, 14)))
    ]
    known = [draw(traits(number)) for number in range(draw(st.integers(1, 5)))]
    audiences: list[dict[str, Any]] = []
    for number in range(draw(st.integers(1, 5))):
        earlier = [one["name"] for one in audiences]
        audiences.append(
            {
                "name": f"audience_{number}",
                "description": "Random.",
                "include_anonymous": draw(st.booleans()),
                "who": draw(conditions(known, earlier, 3)),
            }
        )
    return Case(known, audiences, profiles, events)


@st.composite
def _profile_traits(draw: st.DrawFn) -> dict[str, str]:
    texts = st.sampled_from((*TEXTS, *MOMENTS, *JUNK, "true", "41", "41.5"))
    return draw(st.dictionaries(st.sampled_from(tuple(PROFILE_TRAITS)), texts))


def _operators(kind: str, *, on_traits: bool) -> st.SearchStrategy[dict[str, Any]]:
    texts = st.sampled_from([text for text in TEXTS if text])
    some_texts = st.lists(texts, min_size=1, max_size=3)
    numbers = st.sampled_from(NUMBERS)
    whole = st.sampled_from([number for number in NUMBERS if number == int(number)])
    exists = st.fixed_dictionaries({"exists": st.booleans()})
    choices: dict[str, list[tuple[tuple[str, ...], st.SearchStrategy[Any]]]] = {
        "string": [
            (("equals", "not_equals", "contains", "not_contains", "starts_with"), texts),
            (("ends_with", "equals"), texts),
            (("one_of", "contains_one_of"), some_texts),
        ],
        "boolean": [(("equals", "not_equals"), st.booleans())],
        "timestamp": [
            (("before", "after"), st.sampled_from(MOMENTS)),
            *(
                [
                    (
                        ("within_last", "within_next", "before_last", "after_next"),
                        st.sampled_from(DURATIONS),
                    )
                ]
                if on_traits
                else []
            ),
        ],
        "string_list": [
            (("contains", "not_contains"), texts),
            (("contains_one_of",), some_texts),
        ],
    }
    comparisons = ("equals", "not_equals", "less_than", "greater_than", "less_than_or_equal")
    for name, number in (("decimal", numbers), ("integer", whole)):
        choices[name] = [
            ((*comparisons, "greater_than_or_equal"), number),
            (("one_of",), st.lists(number, min_size=1, max_size=3)),
        ]
    options = [
        st.fixed_dictionaries({operator: value})
        for operators, value in choices.get(kind, [])
        for operator in operators
    ]
    return st.one_of(*options, exists)
