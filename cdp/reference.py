"""`docs/operators.md`: what every operator, window and aggregate means, from their tables.

Owns the page's words around the tables. The tables are those that the code works with
(`sql.operators`, `sql.windows`, `traits.aggregates`); a test keeps the page current.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cdp.sql.formulas import MEANINGS
from cdp.sql.operators import OPERATORS
from cdp.sql.windows import CALENDAR, FORMS
from cdp.traits.aggregates import AGGREGATES, OTHER_NAMES

_START = """\
# Operators, windows and aggregates

This page is printed from the tables that the compiler works with. How definitions are
written is in [definitions.md](definitions.md).

## Rules for all of them

- **Missing.** A value is missing when it was not sent, was sent as JSON `null`, or is not of the
  type that is asked for. A comparison with a missing value is never true; what each operator
  answers is in its row. `not` turns true into false and false into true: there is no third answer.
- **Case.** Text is compared exactly: `Red` is not `red`, and `é` is one letter or two as it
  was sent. It is sorted by the bytes of its UTF-8.
- **Time zone.** All times are UTC. Days, weeks (from Monday), months, quarters and years begin at
  midnight UTC. A moment without a zone is UTC.
- **Bounds.** Every window includes its start and excludes its end, and ends at `as_of` at the
  latest: no event at or after `as_of` counts anywhere.
- **Months.** A month before 31 May is 30 April: a day that a month does not have is its last.
- **References.** In audiences, operators that take one value, text or a timestamp take a trait of
  the same profile instead, and in sequences a property of an earlier step. Where that is
  missing the answer is the one for a missing value.
- **Elements.** `where` may count the elements of a list that pass filters of their own, with the
  operators of properties: see [definitions.md](definitions.md#elements-of-lists). What is no
  list has none.
- **No patterns.** There is no operator of regular expressions: engines read them in different
  ways, and some patterns never end. A dbt model may use those of its engine.
- **Empty lists.** A list of operands is never empty (`empty-list`). A `unique_list` without a
  value is missing, not empty: nothing is in it, and `exists: true` is false.
"""


def operators_page() -> str:
    """The text of docs/operators.md."""
    parts = [_START, _operators(), _windows(), _aggregates(), _formulas()]
    return "\n".join(parts)


def _operators() -> str:
    missing = {True: "true", False: "false", None: "see its meaning"}
    rows = [
        (
            f"`{one.name}`",
            one.takes,
            ", ".join(one.types),
            "traits, properties" if one.on_properties else "traits",
            missing[one.when_missing],
            one.meaning,
        )
        for one in OPERATORS.values()
    ]
    head = ("operator", "takes", "works on", "of", "when missing", "true when")
    return "## Operators\n\n" + _table(head, rows)


def _windows() -> str:
    text = (
        "## Windows\n\n"
        "Durations are minutes, hours, days, weeks, months, quarters and years. A day is "
        "24 hours and a week 7 days; months, quarters and years follow the calendar.\n\n"
    )
    named = ", ".join(f"`{name}`" for name in CALENDAR)
    table = _table(("window", "from, included", "until, excluded"), FORMS)
    return text + table + f"\nCalendar windows are {named}.\n"


def _aggregates() -> str:
    rows = [
        (
            f"`{one.name}`",
            ", ".join(one.types),
            _reads(one.reads),
            f"`{one.option}`" if one.option else "",
            one.empty,
            one.meaning,
        )
        for one in AGGREGATES.values()
    ]
    head = ("aggregate", "types, the first is the default", "property is read as", "option",
            "without any event", "gives")  # fmt: skip
    others = _table(
        ("other name", "is"),
        [
            (f"`{name}`", f"`{known}`" + (f" with `percentile: {said}`" if said else ""))
            for name, (known, said) in OTHER_NAMES.items()
        ],
    )
    text = (
        "## Aggregates\n\n"
        "Events whose property is missing count for no aggregate that reads one. First and last "
        "order by time, then value, then message id, so that the order of loading cannot show.\n\n"
    )
    return text + _table(head, rows) + "\n" + others


def _formulas() -> str:
    text = (
        "## Formulas\n\n"
        "A formula is one expression over traits by name, numbers and texts in single quotes. What "
        "is computed from a missing value is missing, and so is a division by zero and a number of "
        "10^26 or more. Whole numbers stay whole in `+`, `-`, `*`, `%`; a declared `type: integer` "
        "rounds, half away from zero.\n\n"
    )
    return text + _table(("written", "on", "gives"), MEANINGS)


def _reads(reads: str | None) -> str:
    if reads is None:
        return "no property"
    return reads or "the type"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell for cell in line)} |\n" for line in lines)
