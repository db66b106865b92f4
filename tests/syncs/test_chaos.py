"""Many runs against a destination that fails at random: in the end it is right."""

from __future__ import annotations

import random

import pytest

from cdp.errors import DriftError

from .harness import Server, Shop

ROUNDS = 8
FAULTS = [
    "lose-before",
    "lose-after",
    400,
    (413, {}, b"<html>too large</html>"),
    401,
    (429, {"Retry-After": "1"}, b""),
    500,
    503,
    (200, {}, {"results": []}),
]


def change(wanted: dict[str, str], chance: random.Random) -> dict[str, str]:
    """Some rows leave, some change, some come."""
    kept = {key: value for key, value in wanted.items() if chance.random() > 0.15}
    changed = {
        key: f"{chance.random():.6f}" if chance.random() < 0.2 else value
        for key, value in kept.items()
    }
    return changed | {f"k{chance.randrange(40):02}": "new" for _ in range(5)}


@pytest.mark.parametrize("seed", [1, 2])
def test_in_the_end_the_destination_equals_the_desired_state(
    shop: Shop, server: Server, seed: int
) -> None:
    print(f"seed {seed}")  # noqa: T201
    chance = random.Random(seed)
    shop.sync(more="guards: {max_removal_ratio: 1}")
    wanted = {f"k{number:02}": "first" for number in range(20)}

    def fail_at_random(body: object) -> object:
        return chance.choice(FAULTS) if chance.random() < 0.4 else None

    server.always = fail_at_random
    for _ in range(ROUNDS):
        shop.desire(wanted)
        result = shop.run(retry_rejected=chance.random() < 0.5)
        assert not isinstance(result.error, DriftError)
        assert result.sent == sum(result.outcomes.values()) <= result.diff.to_send
        wanted = change(wanted, chance)
    server.always = None
    shop.desire(wanted)
    final = shop.run(retry_rejected=True)
    assert final.error is None
    assert {key: fields["email"] for key, fields in server.state.items()} == wanted
    assert shop.run().sent == 0
    assert shop.spooled() == []
