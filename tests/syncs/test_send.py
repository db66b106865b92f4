"""Cutting rows into batches, and the journal that they are sent from."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from cdp.destinations.delivery import Outcome
from cdp.syncs.journal import Journal, JournalRow
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
        JournalRow(number, operation, "k", "x" * size)
        for number, (operation, size) in enumerate(rows, 1)
    ]
)


@given(ROWS)
def test_batches_keep_the_order_and_respect_every_limit(rows: list[JournalRow]) -> None:
    batches = list(_batches(iter(rows), Limits()))
    assert [row for batch in batches for row in batch] == rows
    for batch in batches:
        assert len({row.operation for row in batch}) == 1
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
    assert lanes == [key for key, _ in groupby(row.operation for row in rows)]


def make_journal(path: Path, count: int = 5_000) -> Journal:
    rows = [("upsert", f"k{number}", "h", '{"a": 1}') for number in range(count)]
    return Journal.create(path, {"run_id": "r", "sync": "s"}, iter(rows))


def test_a_journal_reads_its_rows_in_order_and_survives_being_reopened(tmp_path: Path) -> None:
    path = tmp_path / "s-r.journal"
    journal = make_journal(path)
    rows = list(journal.rows())
    assert [row.key for row in rows] == [f"k{number}" for number in range(5_000)]
    first, second = journal.begin(rows[:2]), journal.begin(rows[2:4])
    journal.settle(first, rows[:2], [Outcome("accepted"), Outcome("rejected", "c", "r")])
    journal.close()
    again = Journal.open_existing(path)
    assert again is not None
    assert [(sent.number, [row.seq for row in sent.rows]) for sent in again.in_flight()] == [
        (second, [3, 4])
    ]
    assert again.tally() == {"accepted": 1, "rejected": 1}
    again.delete()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [None, b"", b"not a database, but long enough to be one" * 99])
def test_a_journal_that_is_missing_or_broken_is_no_journal(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "s-r.journal"
    if content is not None:
        path.write_bytes(content)
    assert Journal.open_existing(path) is None


def test_values_that_json_has_no_word_for_are_null(shop: Shop, server: Server) -> None:
    with shop.connect() as connection:
        connection.execute(
            "create table main.sync__customers as select 'a' as sync_key, "
            "cast('nan' as double) as email, cast('-inf' as double) as spend"
        )
    assert shop.run().count("accepted") == 1
    assert server.state == {"a": {"email": None, "spend": None}}
