"""Rate limits: no window ever holds more than is allowed, whoever sends."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import hypothesis.strategies as st
from hypothesis import given, settings

from cdp.destinations.limits import SLOTS, RateLimits
from cdp.destinations.manifest import RateLimit

NUMBERS = count()


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


STEPS = st.lists(st.tuples(st.floats(0, 3), st.integers(1, 5), st.booleans()), max_size=40)


@settings(deadline=None, max_examples=60)
@given(STEPS, st.integers(1, 6), st.floats(0.5, 5), st.integers(5, 20))
def test_no_window_holds_more_than_is_allowed(
    tmp_path_factory: object,
    steps: list[tuple[float, int, bool]],
    most: int,
    per_s: float,
    rows: int,
) -> None:
    clock = Clock()
    limits = [RateLimit(per_s, requests=most), RateLimit(2 * per_s, rows=rows)]
    path = Path(tmp_path_factory.mktemp("limits")) / "shared"  # type: ignore[attr-defined]
    one, other = RateLimits(limits, path, clock), RateLimits(limits, path, clock)
    begun: list[tuple[float, int]] = []
    for pause, size, by_other in steps:
        clock.now += pause
        wait = (other if by_other else one).reserve(size)
        assert wait >= 0
        begun.append((clock.now + wait, size))
        clock.now += wait
    one.close()
    other.close()
    for start, _ in begun:
        inside = [size for moment, size in begun if start <= moment < start + per_s]
        assert len(inside) <= most
        inside = [size for moment, size in begun if start <= moment < start + 2 * per_s]
        assert sum(inside) <= rows


def test_the_allowed_rate_is_reached() -> None:
    clock = Clock()
    limits = RateLimits([RateLimit(1.0, requests=10)], None, clock)
    for _ in range(100):
        clock.now += limits.reserve(1)
    limits.close()
    assert clock.now - 1_000 <= 100 / 10 * (1 + 2 / SLOTS)


def test_waits_of_two_processes_queue(tmp_path: Path) -> None:
    clock = Clock()
    limit = [RateLimit(10.0, requests=1)]
    one, other = RateLimits(limit, tmp_path / "l", clock), RateLimits(limit, tmp_path / "l", clock)
    waits = [one.reserve(1), other.reserve(1), one.reserve(1)]
    one.close()
    other.close()
    assert waits[0] == 0
    assert 10 <= waits[1] <= 11
    assert 20 <= waits[2] <= 22
