"""Cutting rows into batches."""

from __future__ import annotations

from itertools import groupby
from typing import Any

import hypothesis.strategies as st
from hypothesis import given

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
        JournalRow(number, f'{{"operation":"{operation}","key":"{"k" * size}"}}'.encode())
        for number, (operation, size) in enumerate(rows, 1)
    ]
)


@given(ROWS)
def test_batches_keep_the_order_and_respect_every_limit(rows: list[JournalRow]) -> None:
    batches = list(_batches(iter(rows), Limits()))
    assert [row for batch in batches for row in batch] == rows
    for batch in batches:
        assert len({one.operation for one in batch}) == 1
        assert len(batch) <= MOST_ROWS
        assert len(batch) == 1 or sum(row.size for row in batch) <= MOST_BYTES


@given(ROWS)
def test_batches_are_as_full_as_they_may_be(rows: list[JournalRow]) -> None:
    batches = list(_batches(iter(rows), Limits()))
    for one, after in zip(batches, batches[1:], strict=False):
        is_full = len(one) == MOST_ROWS
        is_heavy = sum(row.size for row in [*one, after[0]]) > MOST_BYTES
        assert is_full or is_heavy or one[0].operation != after[0].operation
    lanes = [key for key, _ in groupby(batch[0].operation for batch in batches)]
    assert lanes == [key for key, _ in groupby(one.operation for one in rows)]


def test_values_that_json_has_no_word_for_are_null(shop: Shop, server: Server) -> None:
    with shop.connect() as connection:
        connection.execute(
            "create table main.sync__customers as select 'a' as sync_key, "
            "cast('nan' as double) as email, cast('-inf' as double) as spend"
        )
    assert shop.run().count("accepted") == 1
    assert server.state == {"a": {"email": None, "spend": None}}
