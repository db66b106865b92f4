"""Random audiences over one random world, many at a time: a batch is a function of its seed.

The vocabulary is all of docs/definitions.md; values, windows and ages are chosen so that edges
are hit often.
"""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any

from tests.audiences.oracle import Event, Profile, Said
from tests.audiences.strategies import (
    AGES,
    AS_OF,
    DURATIONS,
    EVENTS,
    JUNK,
    MOMENTS,
    NUMBERS,
    TEXTS,
    WINDOWS,
)

PATHS = ("color", "price", "size.width", "when", "is gift", "cart")
LENGTHS = ("1 hour", "1 day", "7 days", "1 month", "90 minutes")
TRAITS: list[dict[str, Any]] = [
    {"name": "orders", "event": EVENTS[0], "aggregate": "count"},
    {"name": "spent", "event": EVENTS[0], "aggregate": "sum", "property": "price"},
    {"name": "dearest", "event": EVENTS[1], "aggregate": "maximum", "property": "price"},
    {"name": "last_color", "event": EVENTS[1], "aggregate": "last", "property": "color"},
    {"name": "last_seen", "event": EVENTS[1], "aggregate": "last_time"},
    {"name": "colors", "event": EVENTS[1], "aggregate": "unique_list", "property": "color"},
    {"name": "plan", "profile_trait": "plan"},
    {"name": "age", "profile_trait": "age", "type": "integer"},
    {"name": "joined", "profile_trait": "joined", "type": "timestamp"},
    {"name": "vip", "profile_trait": "vip", "type": "boolean"},
]
for _trait in TRAITS:
    _trait["description"] = "Random."
KINDS = {
    "orders": "integer", "spent": "decimal", "dearest": "decimal", "last_color": "string",
    "last_seen": "timestamp", "colors": "string_list", "plan": "string", "age": "integer",
    "joined": "timestamp", "vip": "boolean",
}  # fmt: skip
SAME_KIND = {
    "string": ("last_color", "plan"),
    "decimal": ("orders", "spent", "dearest", "age"),
    "integer": ("orders", "spent", "dearest", "age"),
    "timestamp": ("last_seen", "joined"),
    "boolean": ("vip",),
}
COMPARED = ("equals", "not_equals", "less_than", "greater_than", "less_than_or_equal")
OPERATORS = {
    "string": ("equals", "not_equals", "contains", "not_contains", "starts_with", "ends_with"),
    "decimal": (*COMPARED, "greater_than_or_equal"),
    "integer": (*COMPARED, "greater_than_or_equal"),
    "timestamp": ("before", "after"),
    "boolean": ("equals", "not_equals"),
    "string_list": ("contains", "not_contains"),
}
CATEGORIES = ("marketing", "it's ads", "Marketing")
SELECTIONS = ("consent", "top", "bottom", "sample", "split")
PERCENTS = (1, 12.5, 50, 33.333333, 99, 100)
SPLITS: dict[str, dict[str, Any]] = {
    "halves": {"groups": {"a": 50, "b": 50}},
    "thirds": {"groups": {"first": 33.4, "second": 33.3, "third": 33.3}},
    "few": {"groups": {"control": 5, "test": 10.5}},
    "by_plan": {"groups": {"a": 50, "b": 25}, "by": "plan"},
    "by_vip": {"groups": {"a": 10, "b": 90}, "by": "vip"},
    "by_orders": {"groups": {"a": 40, "b": 60}, "by": "orders"},
}
BETWEEN = [one for one in WINDOWS if "between" in one or "previous" in str(one)]


class Batch:
    """One world, and as many audiences as asked for."""

    def __init__(self, seed: int, audiences: int, profiles: int = 20) -> None:
        self.random = Random(seed)
        self.profiles = [self._profile(number) for number in range(profiles)]
        self.events = [self._event(number) for number in range(profiles * 9)]
        self.audiences: list[dict[str, Any]] = []
        for number in range(audiences):
            audience = {
                "name": f"audience_{number}",
                "description": "Random.",
                "include_anonymous": self._chance(0.7),
                "who": self.tree(3),
            }
            if number > 2 and self._chance(0.1):
                above = self.random.sample(self.audiences, 2)
                audience["below"] = [one["name"] for one in above]
            self.audiences.append(audience)

    def _chance(self, share: float) -> bool:
        return self.random.random() < share

    def _one(self, choices: Any) -> Any:
        return self.random.choice(list(choices))

    def _profile(self, number: int) -> Profile:
        texts = (*TEXTS, *MOMENTS, *JUNK, "true", "false", "41", "12")
        traits = {
            "plan": self._one(TEXTS),
            "age": self._one(("41", "12", "0", "41.5", "-3")),
            "joined": self._one(MOMENTS),
            "vip": self._one(("true", "false", "yes")),
        }
        kept = {name: value for name, value in traits.items() if self._chance(0.8)}
        if self._chance(0.2):
            kept["plan"] = self._one(texts)
        said = [
            Said(self._one(CATEGORIES), self._chance(0.6), AS_OF - self._one(AGES))
            for _ in range(self.random.randint(0, 4))
        ]
        return Profile(f"p{number}", self._chance(0.3), kept, tuple(said))

    def _event(self, number: int) -> Event:
        age = self._one(AGES) + self.random.randint(0, 6) * timedelta(minutes=45)
        return Event(
            profile=self._one(self.profiles).id,
            name=self._one(EVENTS[:3] if self._chance(0.8) else EVENTS),
            occurred_at=AS_OF - (age if self._chance(0.6) else age / 24),
            message_id=f"m{number}",
            properties=self._properties(),
            page_name=self._one((None, "red", "Home")),
        )

    def _properties(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self._chance(0.8):
            found["cart"] = self._one(("a", "b", 1, "1"))
        for path in PATHS[:-1]:
            if self._chance(0.6):
                *parents, last = path.split(".")
                inner = found
                for parent in parents:
                    inner = inner.setdefault(parent, {})
                inner[last] = self._value()
        if self._chance(0.6):
            found["products"] = self._products()
        return found

    def _value(self) -> Any:
        kinds = (TEXTS, NUMBERS, list(map(str, NUMBERS)), (True, False), MOMENTS, JUNK, (None,))
        return self._one(self._one(kinds))

    def _products(self) -> Any:
        if self._chance(0.15):
            return self._one(("red", None, {"color": "red"}, 7, []))
        return [
            {"color": self._one(("red", "blue")), "price": self._one((1, 12, "12", None))}
            if self._chance(0.9)
            else self._one(("red", 7, None, [{"color": "red"}]))
            for _ in range(self.random.randint(0, 4))
        ]

    def tree(self, depth: int) -> dict[str, Any]:
        """A condition, nested at most so deep."""
        kind = self._one(
            ("trait", "did", "did_not", "did_first", "did_regularly", "stopped", "restarted")
            + ("sequence",) * 3
            + SELECTIONS
            + (("audience",) if self.audiences else ())
            + (("all", "any", "not") * 2 if depth else ())
        )
        if kind == "not":
            return {"not": self.tree(depth - 1)}
        if kind in ("all", "any"):
            return {kind: [self.tree(depth - 1) for _ in range(self.random.randint(1, 3))]}
        if kind == "audience":
            return {"audience": self._one(self.audiences[-20:])["name"]}
        if kind == "trait":
            return self._trait()
        if kind in SELECTIONS:
            return {kind: self._selection(kind)} if kind != "consent" else self._consent()
        return self._sequence() if kind == "sequence" else self._behaviour(kind)

    def _trait(self) -> dict[str, Any]:
        name = self._one(KINDS)
        kind = KINDS[name]
        if self._chance(0.1):
            return {"trait": name, "exists": self._chance(0.5)}
        operator = self._one(OPERATORS[kind])
        if kind == "timestamp" and self._chance(0.5):
            near = self._one(("within_last", "within_next", "before_last", "after_next"))
            return {"trait": name, near: self._one(DURATIONS)}
        if self._chance(0.4) and kind in SAME_KIND:
            return {"trait": name, operator: {"trait": self._one(SAME_KIND[kind])}}
        return {"trait": name, operator: self._constant(kind)}

    def _consent(self) -> dict[str, Any]:
        status = self._one(({}, {"status": "granted"}, {"status": "denied"}, {"status": "unknown"}))
        return {"consent": self._one(CATEGORIES)} | status

    def _selection(self, kind: str) -> dict[str, Any]:
        if kind == "sample":
            return {"name": self._one(("spring", "holdout")), "percent": self._one(PERCENTS)}
        if kind == "split":
            name = self._one(SPLITS)
            groups = SPLITS[name]["groups"]
            return {"name": name, "group": self._one(groups), **SPLITS[name]}
        trait = self._one(("orders", "spent", "dearest", "age", "joined", "last_seen"))
        if self._chance(0.5):
            return {"trait": trait, "count": self.random.randint(1, 6)}
        return {"trait": trait, "percent": self._one(PERCENTS)}

    def _constant(self, kind: str) -> Any:
        if kind in ("string", "string_list"):
            return self._one([text for text in TEXTS if text])
        if kind == "boolean":
            return self._chance(0.5)
        if kind == "timestamp":
            return self._one(MOMENTS)
        numbers = [one for one in NUMBERS if kind != "integer" or one == int(one)]
        return self._one(numbers)

    def _behaviour(self, kind: str) -> dict[str, Any]:
        tree: dict[str, Any] = {kind: self._one(EVENTS[:3])} | self._where()
        if kind in ("did", "did_not") and self._chance(0.6):
            tree["window"] = self._one(WINDOWS)
        if kind == "did_first":
            tree["window"] = self._one(WINDOWS)
        if kind == "did" and self._chance(0.6):
            tree |= self._counts(3)
        if kind == "did_regularly":
            number = self.random.randint(1, 10)
            unit = self._one(("hour", "day", "week", "month"))
            tree["of_last"] = f"{number} {unit}{'' if number == 1 else 's'}"
            tree |= self._counts(min(number, 4))
        if kind in ("stopped", "restarted"):
            tree["active" if kind == "stopped" else "pause"] = self._one(BETWEEN)
        return tree

    def _counts(self, most: int) -> dict[str, int]:
        return {self._one(("at_least", "at_most", "exactly")): self.random.randint(0, most)}

    def _where(self, steps: tuple[str, ...] = (), share: float = 0.4) -> dict[str, Any]:
        where = []
        while self._chance(share):
            where.append(self._elements() if self._chance(0.3) else self._filter(steps))
        return {"where": where} if where else {}

    def _filter(self, steps: tuple[str, ...] = (), *, plain: bool = False) -> dict[str, Any]:
        kind = self._one(("string", "decimal", "timestamp", "boolean"))
        path = self._one((*PATHS, "page_name"))
        if self._chance(0.1):
            return {"property": path, "exists": self._chance(0.5)}
        operator = self._one(OPERATORS[kind])
        if not plain and self._chance(0.4):
            return {"property": path, operator: {"trait": self._one(SAME_KIND[kind])}}
        if steps and self._chance(0.6):
            # Most of the time the same property: two at random are rarely equal.
            other = path if self._chance(0.7) and path != "page_name" else self._one(PATHS)
            value = {"step": self._one(steps), "property": other}
            declared = {"type": kind} if kind in ("boolean", "decimal") else {}
            return {"property": path, operator: value | declared}
        return {"property": path, operator: self._constant(kind)}

    def _elements(self) -> dict[str, Any]:
        where = []
        for _ in range(self.random.randint(0, 2)):
            price = {"property": "price", self._one(COMPARED): self._one((1, 12))}
            color = {"property": "color", "equals": self._one(("red", "blue"))}
            any_one = self._filter(plain=True)
            where.append(self._one((price, color, any_one)))
        tree: dict[str, Any] = {"elements": self._one(("products", "products", "color"))}
        tree |= {"where": where} if where else {}
        if where and self._chance(0.3):
            return tree | {"every": True}
        return tree | (self._counts(3) if self._chance(0.5) else {})

    def _sequence(self) -> dict[str, Any]:
        names = ["1"]
        first: dict[str, Any] = {"did": self._one(EVENTS[:3])} | self._where(share=0.2)
        if self._chance(0.3):
            first["name"] = "start"
            names.append("start")
        if self._chance(0.2):
            first["window"] = self._one(WINDOWS)
        steps = [first]
        for number in range(2, self.random.randint(3, 5)):
            step = self._step(names)
            if "then_not" not in step and not {"at_least", "at_most", "exactly"} & set(step):
                names.append(str(number))
            steps.append(step)
        tree: dict[str, Any] = {"sequence": steps}
        if self._chance(0.3):
            tree["same"] = self._one((["cart"], "cart", ["cart", "color"]))
        return tree | (self._counts(2) if self._chance(0.2) else {})

    def _step(self, names: list[str]) -> dict[str, Any]:
        kind = "then_not" if self._chance(0.3) else "then"
        step: dict[str, Any] = {kind: self._one(EVENTS[:3])}
        step |= self._where(tuple(names), share=0.25)
        if kind == "then" and self._chance(0.2):
            step |= self._counts(2)
        if self._chance(0.6):
            step["within"] = self._one(LENGTHS)
        elif self._chance(0.5):
            limited = self.random.sample([*names, "previous"], self.random.randint(1, 2))
            step["within"] = {name: self._one(LENGTHS) for name in limited}
        if self._chance(0.1):
            step["window"] = self._one(WINDOWS)
        return step
