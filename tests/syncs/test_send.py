"""Cutting rows into batches."""

from __future__ import annotations

from itertools import groupby
from typing import Any

import hypothesis.strategies as st
from hypothesis import given

from cdp.destinations.spooled import operation_of
from cdp.syncs.journal import JournalRow
from cdp.syncs.send import _batches

from .harness import Server, Shop

MOST_ROWS, MOST_BYTES = 3, 200


class Limits:
    """A driver that only tells its limits; removals are a lane of their own."""

    is_idempotent = True
    snapshot_format = None

    def lane(self, operation: str) -> int:
        return 0 if operation == "remove" else 1

    def limits(self, operation: str) -> tuple[int, int]:
        return MOST_ROWS, MOST_BYTES

    def send(self, batch: Any) -> Any:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


ROWS = st.lists(
    st.tuples(st.sampled_from(["remove", "upsert"]), st.integers(0, 300)), max_size=20
).map(
    lambda rows: [
        f'{{"operation":"{operation}","key":"{"k" * size}"}}'.encode() for operation, size in rows
    ]
)


@given(ROWS)
def test_batches_keep_the_order_and_respect_every_limit(lines: list[bytes]) -> None:
    batches = list(_batches(iter(lines), Limits()))
    sent = [row for batch in batches for row in batch]
    assert sent == [JournalRow(seq, line) for seq, line in enumerate(lines, 1)]
    for batch in batches:
        assert len({operation_of(line) for line in batch.lines}) == 1
        assert len(batch) <= MOST_ROWS
        assert len(batch) == 1 or sum(map(len, batch.lines)) <= MOST_BYTES


@given(ROWS)
def test_batches_are_as_full_as_they_may_be(lines: list[bytes]) -> None:
    batches = list(_batches(iter(lines), Limits()))
    for one, after in zip(batches, batches[1:], strict=False):
        is_full = len(one) == MOST_ROWS
        is_heavy = sum(map(len, [*one.lines, after.lines[0]])) > MOST_BYTES
        first, other = operation_of(one.lines[0]), operation_of(after.lines[0])
        assert is_full or is_heavy or first != other
    lanes = [key for key, _ in groupby(operation_of(batch.lines[0]) for batch in batches)]
    assert lanes == [key for key, _ in groupby(map(operation_of, lines))]


def test_values_that_json_has_no_word_for_are_null(shop: Shop, server: Server) -> None:
    with shop.connect() as connection:
        connection.execute(
            "create table main.sync__customers as select 'a' as sync_key, "
            "cast('nan' as double) as email, cast('-inf' as double) as spend, "
            "cast('infinity' as timestamp) as seen_at"
        )
    assert shop.run().count("accepted") == 1
    assert server.state == {"a": {"email": None, "spend": None, "seen_at": None}}
