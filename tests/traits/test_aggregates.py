"""Every aggregate as every type it can give, over many events of few profiles.

Random definitions seldom meet enough events with one property to tell first from last;
here every profile has many, with ties in time, in value and in frequency.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cdp.traits.aggregates import AGGREGATES
from tests.audiences import stub_warehouse
from tests.audiences.oracle import Event, Profile
from tests.audiences.strategies import AGES, AS_OF, OPTIONS, Case
from tests.audiences.test_oracle import PROFILE, evaluate, shown

VALUES: dict[str, tuple[Any, ...]] = {
    "number": (0, 1, 2, 12.5, -3, "12.5", "007", "soon", None),
    "text": ("b", "B", "a", "é", "z", '"\\\n', None),
    "truth": (True, False, "true", None),
    "moment": (
        "2026-04-01",
        "2026-04-01T10:00:00+02:00",
        "2026-03-01 00:00:00Z",
        "2026-02-01T10:00:00+16:00",
        "2026-05-01T10:00:00-02:60",
        "soon",
    ),
}
PROPERTIES = {
    "decimal": "number",
    "integer": "number",
    "string": "text",
    "boolean": "truth",
    "timestamp": "moment",
    "string_list": "text",
}


LATELY = ("first", "last", "most_frequent", "unique_list", "percentile", "tally", "session_count")


def all_traits() -> list[dict[str, Any]]:
    found = []
    for aggregate in AGGREGATES.values():
        # Sums of floats depend on the order of rows, so they have no one right answer.
        for kind in [one for one in aggregate.types if one != "float"]:
            for number, options in enumerate(OPTIONS.get(aggregate.name, ({},))):
                trait = {
                    "name": f"{aggregate.name}_as_{kind}_{number}",
                    "description": "Of many.",
                    "event": "Seen",
                    "aggregate": aggregate.name,
                    "type": kind,
                    **options,
                }
                if aggregate.reads is not None:
                    trait["property"] = PROPERTIES[aggregate.reads or kind]
                found.append(trait)
                if aggregate.name in LATELY:
                    lately = {"name": f"{trait['name']}_lately", "window": {"last": "7 days"}}
                    found.append(trait | lately)
    return found


@st.composite
def crowded(draw: st.DrawFn) -> Case:
    profiles = [Profile("p0", False, {}), Profile("p1", True, {})]
    events = [
        Event(
            profile=draw(st.sampled_from(profiles)).id,
            name="Seen",
            occurred_at=AS_OF - draw(st.sampled_from(AGES)),
            message_id=f"m{number}",
            properties={name: draw(st.sampled_from(few)) for name, few in VALUES.items()},
        )
        for number in range(draw(st.integers(8, 30)))
    ]
    audience = {"name": "seen", "description": "Seen.", "who": {"did": "Seen"}}
    return Case(all_traits(), [audience], profiles, events)


@settings(PROFILE, max_examples=10)
@given(crowded())
def test_every_aggregate_gives_what_the_oracle_says(case: Case) -> None:
    world, found, connection = evaluate(case)
    with connection:
        cursor = connection.execute("from computed_traits")
        names = [column[0] for column in cursor.description]
        rows = {row[0]: dict(zip(names, row, strict=True)) for row in cursor.fetchall()}
    for profile in world.profiles:
        row = rows[stub_warehouse.identifier(profile)]
        expected = {name: shown(world.trait(profile, one)) for name, one in found.traits.items()}
        assert {name: shown(row[name]) for name in expected} == expected
