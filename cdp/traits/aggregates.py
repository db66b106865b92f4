"""The aggregates of traits: what each gives, of which types, and what it reads.

Owns the one published table of aggregates (docs/operators.md is printed from it) and the
reading of their options. What they are in SQL belongs to `feature_table` and its steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from cdp.errors import Problems
from cdp.sql.types import (
    BOOLEAN,
    DECIMAL,
    FLOAT,
    INTEGER,
    LIST,
    NUMBERS,
    STRING,
    TIMESTAMP,
)
from cdp.sql.windows import Duration, read_duration
from cdp.yamlfile import Node, Section

# What an aggregate gives where no event counts.
ZERO, MISSING = "0", "missing"
# The keys of a definition that some aggregates take.
PERCENTILE, FREQUENCY, GAP, EVERY = "percentile", "minimum_frequency", "gap", "every"
DEFAULT_GAP = Duration(30)
STEPS = {"day": 1, "week": 7}
"""The periods of a streak, in days."""
Option = int | Decimal | Duration | str | None


@dataclass(frozen=True)
class Aggregate:
    """One aggregate. The first of `types` is the default; `option` is the key that it takes.

    `reads` is the type that its property is read as: None for no property, "" for the
    type of the result.
    """

    name: str
    types: tuple[str, ...]
    reads: str | None
    empty: str
    meaning: str
    option: str | None = None
    needs_time: bool = False


_ANY = (STRING, *NUMBERS, BOOLEAN, TIMESTAMP)
_ORDERED = (*NUMBERS, TIMESTAMP, STRING)
_SAME = ""
_TABLE = (
    Aggregate("count", (INTEGER,), None, ZERO, "how many events"),
    Aggregate("sum", NUMBERS, _SAME, MISSING, "the sum of the property"),
    Aggregate(
        "average", (DECIMAL, FLOAT), _SAME, MISSING, "sum divided by count, rounded at the end"
    ),
    Aggregate("minimum", _ORDERED, _SAME, MISSING, "the smallest; of texts, the first by bytes"),
    Aggregate("maximum", _ORDERED, _SAME, MISSING, "the greatest; of texts, the last by bytes"),
    Aggregate(
        "percentile",
        (DECIMAL, FLOAT),
        _SAME,
        MISSING,
        "the value that `percentile` percent do not exceed, interpolated: with values "
        "v(0) to v(n-1) in order it is at place p / 100 * (n - 1), and between two places "
        "on the straight line between their values",
        PERCENTILE,
    ),
    Aggregate("first", _ANY, _SAME, MISSING, "the value that was sent first", needs_time=True),
    Aggregate("last", _ANY, _SAME, MISSING, "the value that was sent last", needs_time=True),
    Aggregate(
        "first_time", (TIMESTAMP,), None, MISSING, "when the first event occurred", needs_time=True
    ),
    Aggregate(
        "last_time", (TIMESTAMP,), None, MISSING, "when the last event occurred", needs_time=True
    ),
    Aggregate(
        "days_since_first",
        (INTEGER, DECIMAL),
        None,
        MISSING,
        "days of 24 hours from the first event to as_of; as integer, whole days that have passed",
        needs_time=True,
    ),
    Aggregate(
        "days_since_last",
        (INTEGER, DECIMAL),
        None,
        MISSING,
        "days of 24 hours from the last event to as_of; as integer, whole days that have passed",
        needs_time=True,
    ),
    Aggregate(
        "most_frequent",
        (STRING, *NUMBERS, BOOLEAN),
        _SAME,
        MISSING,
        "the value sent most often; of several, the smallest (texts by bytes); missing "
        "where it was sent less than `minimum_frequency` times (1)",
        FREQUENCY,
    ),
    Aggregate("unique_list", (LIST,), STRING, MISSING, "every different value, sorted by bytes"),
    Aggregate("unique_count", (INTEGER,), STRING, ZERO, "how many different values"),
    Aggregate(
        "tally",
        (STRING,),
        STRING,
        MISSING,
        "how often each value was sent, as the text of a JSON object sorted by the bytes of "
        'its keys: `{"blue":2,"red":1}`',
    ),
    Aggregate(
        "session_count",
        (INTEGER,),
        None,
        ZERO,
        "how many sessions; a session ends where more than `gap` (30 minutes) passes without "
        "an event",
        GAP,
        needs_time=True,
    ),
    Aggregate(
        "longest_session",
        (DECIMAL,),
        None,
        MISSING,
        "minutes from the first to the last event of the longest session",
        GAP,
        needs_time=True,
    ),
    Aggregate(
        "average_session",
        (DECIMAL,),
        None,
        MISSING,
        "minutes of all sessions divided by their number",
        GAP,
        needs_time=True,
    ),
    Aggregate(
        "current_streak",
        (INTEGER,),
        None,
        ZERO,
        "days in a row with an event (`every: week`: weeks from Monday), in UTC, until the day "
        "of as_of or the day before; 0 when neither has one",
        EVERY,
        needs_time=True,
    ),
    Aggregate(
        "longest_streak",
        (INTEGER,),
        None,
        ZERO,
        "the longest run of days (weeks) in a row with an event",
        EVERY,
        needs_time=True,
    ),
)
AGGREGATES = {one.name: one for one in _TABLE}
OTHER_NAMES = {
    "median": ("percentile", Decimal(50)),
    "favourite": ("most_frequent", None),
    "unique_list_count": ("unique_count", None),
}
"""Other names that people know: the aggregate, and the option that the name says."""
NAMES = (*AGGREGATES, *OTHER_NAMES)
COUNTS = tuple(one.name for one in _TABLE if one.empty == ZERO)
# The percentile is kept in thousandths: its arithmetic is exact.
_PLACES = Decimal("0.001")


def read_option(name: str, section: Section, problems: Problems) -> tuple[str, Option]:
    """The aggregate that a name means, with its option; mistakes are noted."""
    given = {key: section.node(key) for key in (PERCENTILE, FREQUENCY, GAP, EVERY)}
    known, said = OTHER_NAMES.get(name, (name, None))
    aggregate = AGGREGATES.get(known)
    wanted = aggregate.option if aggregate and said is None else None
    for key, node in given.items():
        if node is not None and key != wanted and aggregate:
            takers = [f"'{one.name}'" for one in _TABLE if one.option == key]
            problems.add(
                "needless-option",
                f"{section.what} has '{key}', which the aggregate '{name}' does not take",
                node.location,
                f"leave it out; it belongs to {', '.join(takers)}",
            )
    if said is not None:
        return known, said.quantize(_PLACES)
    if wanted == PERCENTILE:
        return known, _percentile(given[PERCENTILE], section, problems)
    if wanted == FREQUENCY:
        number = section.integer(FREQUENCY, default=1, minimum=1)
        return known, number if number > 1 else None
    if wanted == GAP:
        node = given[GAP]
        gap = DEFAULT_GAP if node is None else read_duration(node, section.what, problems)
        return known, _plain_gap(gap, node, section, problems)
    if wanted == EVERY:
        return known, section.choice(EVERY, tuple(STEPS), default="day")
    return known, None


def _percentile(node: Node | None, section: Section, problems: Problems) -> Decimal | None:
    value = node.value if node is not None else None
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        number = Decimal(value)
        if 0 <= number <= 100 and number == number.quantize(_PLACES):
            return number.quantize(_PLACES)
    problems.add(
        "invalid-percentile",
        f"{section.what} has the percentile {value}"
        if value is not None
        else f"{section.what} has no percentile",
        node.location if node is not None else section.place("aggregate"),
        "write 'percentile: 90', a number from 0 to 100 with at most 3 decimal places",
    )
    return None


def _plain_gap(
    gap: Duration | None, node: Node | None, section: Section, problems: Problems
) -> Duration | None:
    if gap is not None and gap.months:
        assert node is not None
        problems.add(
            "invalid-duration",
            f"{section.what} has the duration '{node.value}'",
            node.location,
            "write the gap in minutes, hours, days or weeks",
        )
        return None
    return gap
