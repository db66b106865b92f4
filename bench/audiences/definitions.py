"""Audiences of a realistic mix, written for a project and, one by one, as SQL by hand.

The mix is of a store's marketing: a third are counts of one event, the others two or three
conditions; a quarter of the windows are all time (of the audiences that a new project
comes with it is half), the others 7 to 180 days; a tenth refers to another audience. The seed
makes them; thresholds differ more than windows do, as in people's definitions.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from bench.audiences import conditions as ask
from bench.audiences.conditions import Condition

SEED = 11
CATEGORIES = ("books", "garden", "kitchen", "music", "sport", "toys")
WINDOWS = (None, None, 7, 30, 30, 60, 90, 180)


@dataclass(frozen=True)
class Audience:
    """Everybody known whom all conditions fit, but the members of `without`."""

    name: str
    conditions: tuple[Condition, ...]
    without: Audience | None = None

    @property
    def definition(self) -> str:
        parts = [one.definition for one in self.conditions]
        if self.without:
            parts.append({"not": {"audience": self.without.name}})
        content = {"name": self.name, "description": "Of a benchmark.", "who": {"all": parts}}
        return yaml.safe_dump(content, sort_keys=False)

    @property
    def sql(self) -> str:
        """The members, in one statement that needs no other audience."""
        tests = ["not p.is_anonymous", *(one.sql for one in self.conditions)]
        if self.without:
            tests.append(f"p.canonical_profile_id not in ({self.without.sql})")
        return (
            "select p.canonical_profile_id from profiles as p where "  # noqa: S608 (constants)
            + " and ".join(tests)
        )


REPRESENTATIVES = (
    Audience("cart_abandoners", (ask.did("Product Added", 30), ask.did_not("Order Completed", 30))),
    Audience("big_spenders", (ask.spent(300, 90), ask.did("Order Completed", 90, least=2))),
    Audience("lapsed_readers", (ask.lapsed(3, 60), ask.did("Email Opened", 30, least=2))),
)
"""Three for the golden rule: behaviour in a window, money, all of history."""


def make_audiences(count: int) -> list[Audience]:
    """So many audiences: the representatives first, then the mix."""
    dice = random.Random(SEED)
    found = list(REPRESENTATIVES)
    for number in range(len(found), count):
        chosen = _mixed(dice)
        without = dice.choice(found[:3]) if dice.random() < 0.1 else None
        found.append(Audience(f"audience_{number:03}", chosen, without))
    return found[:count]


def _mixed(dice: random.Random) -> tuple[Condition, ...]:
    days, event = dice.choice(WINDOWS), dice.choice(ask.EVENTS)
    first = ask.did(event, days, dice.choice((1, 2, 3, 5, 8)))
    kind = dice.random()
    if kind < 0.33:
        return (first,)
    if kind < 0.5:
        return (first, ask.did_not(dice.choice(("Order Completed", "Product Added")), days))
    if kind < 0.65:
        return (
            ask.spent(dice.choice((50, 100, 200, 400)), dice.choice((None, 30, 90, 365))),
            first,
        )
    if kind < 0.75:
        return (ask.lapsed(dice.choice((1, 2, 3)), dice.choice((30, 60, 90))), first)
    if kind < 0.85:
        paid = dice.sample(("free", "plus", "pro"), 2)
        return (ask.plans(paid), ask.viewed_above(dice.choice((50, 100, 150)), days, 2))
    if kind < 0.93:
        return (ask.several(dice.choice((3, 5, 10)), dice.choice((30, 90))), first)
    return (ask.favourite(dice.choice(CATEGORIES), dice.choice((90, 180))), first)


def write_definitions(folder: Path, audiences: Sequence[Audience]) -> None:
    """The audiences, and the traits that they need, as files of a project's definitions."""
    for kind in ("audiences", "traits", "syncs"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for old in (folder / kind).glob("*.yml"):
            old.unlink()
    traits = {}
    for one in audiences:
        (folder / "audiences" / f"{one.name}.yml").write_text(one.definition, encoding="utf-8")
        for trait in (each for condition in one.conditions for each in condition.traits):
            traits[trait["name"]] = {"description": "Of a benchmark.", **trait}
        if one.without:
            for trait in (each for part in one.without.conditions for each in part.traits):
                traits[trait["name"]] = {"description": "Of a benchmark.", **trait}
    content = yaml.safe_dump({"traits": list(traits.values())}, sort_keys=False)
    if traits:
        (folder / "traits" / "some.yml").write_text(content, encoding="utf-8")
