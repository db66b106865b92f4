"""The journal of a run: rows that never change, and what became of them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given

from cdp.destinations.delivery import ACCEPTED, STAGED, Outcome
from cdp.destinations.spooled import read_row
from cdp.syncs.journal import ConsecutiveRows, Journal
from tests.spooled import write_lines

COUNT = 12


def make_journal(path: Path, count: int) -> Journal:
    rows = [("upsert", f"k{number}", "h", '{"a": "\u2028ä"}') for number in range(count)]
    return Journal.create(path, {"run_id": "r", "sync": "s"}, partial(write_lines, rows))


def test_a_journal_reads_its_rows_in_order_and_survives_being_reopened(tmp_path: Path) -> None:
    path = tmp_path / "s-r.journal"
    journal = make_journal(path, 5_000)
    rows = ConsecutiveRows(1, list(journal.lines()))
    assert [read_row(one.line).key for one in rows] == [f"k{number}" for number in range(5_000)]
    assert read_row(rows[0].line).fields == {"a": "\u2028ä"}
    first, second = journal.begin(rows[:2], rows[2:4])
    journal.settle(first, rows[:2], [Outcome("accepted"), Outcome("rejected", "c", "r")])
    journal.flush()
    journal.close()
    again = Journal.open_existing(path)
    assert again is not None
    assert [(sent.number, [row.seq for row in sent.rows]) for sent in again.in_flight()] == [
        (second, [3, 4])
    ]
    assert again.tally() == {"accepted": 1, "rejected": 1}
    again.delete()
    assert list(tmp_path.iterdir()) == []


def test_the_next_mark_makes_outcomes_durable(tmp_path: Path) -> None:
    path = tmp_path / "s-r.journal"
    journal = make_journal(path, 4)
    rows = ConsecutiveRows(1, list(journal.lines()))
    for batch in (rows[:2], rows[2:]):
        journal.settle(*journal.begin(batch), batch, [Outcome(ACCEPTED)] * 2)
    journal.close()
    again = Journal.open_existing(path)
    assert again is not None
    assert again.tally() == {"accepted": 2}
    assert [[one.seq for one in sent.rows] for sent in again.in_flight()] == [[3, 4]]
    again.delete()


@pytest.mark.parametrize("content", [None, b"", b"not a database, but long enough to be one" * 99])
def test_a_journal_that_is_missing_or_broken_is_no_journal(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "s-r.journal"
    if content is not None:
        path.write_bytes(content)
    assert Journal.open_existing(path) is None


@pytest.mark.parametrize("left", [None, b'{"operation": "upsert"}\n'])
def test_a_journal_without_all_of_its_rows_is_no_journal(
    tmp_path: Path, left: bytes | None
) -> None:
    path = tmp_path / "s-r.journal"
    make_journal(path, 3).close()
    rows = tmp_path / "s-r.rows"
    rows.unlink()
    if left is not None:
        rows.write_bytes(left)
    assert Journal.open_existing(path) is None


STEPS = st.lists(
    st.tuples(
        st.sets(st.integers(1, COUNT), min_size=1),
        st.booleans(),
        st.lists(
            st.sampled_from(
                [Outcome(ACCEPTED), Outcome("rejected", "c"), Outcome(STAGED, job="j")]
            ),
            min_size=COUNT,
            max_size=COUNT,
        ),
    ),
    max_size=6,
)


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journal]:
    journal = make_journal(tmp_path_factory.mktemp("spool") / "s-r.journal", COUNT)
    yield journal
    journal.delete()


@given(STEPS)
def test_what_became_of_a_row_last_is_what_counts(
    journal: Journal, steps: list[tuple[set[int], bool, list[Outcome]]]
) -> None:
    journal._database.rollback()
    rows = ConsecutiveRows(1, list(journal.lines()))
    expected: dict[int, Outcome] = {}
    for chosen, is_span, outcomes in steps:
        if is_span:
            chosen = set(range(min(chosen), max(chosen) + 1))
        part = [one for one in rows if one.seq in chosen]
        journal.settle(0, part, outcomes[: len(part)])
        expected |= {one.seq: said for one, said in zip(part, outcomes, strict=False)}
    found = {
        seq: one.outcome
        for one in journal.settled()
        for seq in range(one.first_seq, one.last_seq + 1)
    }
    assert found == {seq: one.state for seq, one in expected.items()}
    assert sum(journal.tally().values()) == len(expected)
    staged = [one.seq for sent in journal.staged() for one in sent.rows]
    assert staged == sorted(seq for seq, one in expected.items() if one.state == STAGED)
