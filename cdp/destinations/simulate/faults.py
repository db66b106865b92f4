"""What goes wrong at a simulated destination, by seed.

Owns the choice of a fault for each request. Does not apply it.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

RATE_LIMITED = "rate limited"
REFUSED_BUSY = "5xx, nothing taken"
FAILED_AFTER = "5xx after it was taken"
LOST_BEFORE = "connection lost before"
LOST_AFTER = "connection lost after it was taken"
SLOW = "body too slow, after it was taken"
MALFORMED = "malformed body, after it was taken"
HTML = "a page of HTML with status 200, nothing taken"
TWICE = "delivered twice"
EXPIRED = "token expired"
FAULTS = (
    RATE_LIMITED,
    REFUSED_BUSY,
    FAILED_AFTER,
    LOST_BEFORE,
    LOST_AFTER,
    SLOW,
    MALFORMED,
    HTML,
    TWICE,
    EXPIRED,
)


@dataclass
class Faults:
    """Faults at a rate (0 to 1), in storms of up to `storm` requests; the same seed, the same."""

    seed: int = 0
    rate: float = 0.0
    kinds: Sequence[str] = FAULTS
    storm: int = 2
    injected: dict[str, int] = field(default_factory=dict)
    _random: random.Random = field(init=False)
    _left: int = field(init=False, default=0)
    _kind: str = field(init=False, default="")

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def next(self, possible: Sequence[str]) -> str:
        """The fault of a request out of the possible ones; empty for none."""
        if self.rate == 0:
            self._left = 0
            return ""
        if self._left > 0 and self._kind in possible:
            self._left -= 1
        else:
            choices = [kind for kind in self.kinds if kind in possible]
            if not choices or self._random.random() >= self.rate:
                return ""
            self._kind = self._random.choice(choices)
            self._left = self._random.randrange(self.storm)
        self.injected[self._kind] = self.injected.get(self._kind, 0) + 1
        return self._kind
