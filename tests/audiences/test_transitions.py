"""Transitions are the only memory of membership: what each run appends, and what stays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdp.audiences.compile import DEFINED, MEMBERS, compile_audiences
from tests.audiences.test_oracle import PROFILE
from tests.audiences.transitions import History
from tests.definitions import catalogue_of

NOBODY_MERGED = {one: one for one in "abcd"}


@pytest.fixture
def history() -> Iterator[History]:
    found = History()
    yield found
    found.close()


def test_members_enter_once_and_leave_once(history: History) -> None:
    here = [("vip", "a")]
    assert history.build(here, NOBODY_MERGED, ["vip"]) == [("vip", "a", "entered", "condition")]
    assert history.build(here, NOBODY_MERGED, ["vip"]) == []
    assert history.build([], NOBODY_MERGED, ["vip"]) == [("vip", "a", "exited", "condition")]
    assert history.build([], NOBODY_MERGED, ["vip"]) == []
    assert history.memberships() == {}


def test_a_member_who_comes_back_has_the_later_entry(history: History) -> None:
    for members in ([("vip", "a")], [], [("vip", "a")]):
        history.build(members, NOBODY_MERGED, ["vip"])
    assert history.memberships() == {("vip", "a"): 2}


def test_running_again_without_change_appends_nothing(history: History) -> None:
    history.build([("vip", "a"), ("new", "b")], NOBODY_MERGED, ["vip", "new"])
    again = history.build_again([("vip", "a"), ("new", "b")], NOBODY_MERGED, ["vip", "new"])
    assert again == []


def test_a_changed_id_is_no_exit_and_keeps_the_entry(history: History) -> None:
    history.build([("vip", "a")], NOBODY_MERGED, ["vip"])
    assert history.build([("vip", "b")], NOBODY_MERGED | {"a": "b"}, ["vip"]) == []
    assert history.memberships() == {("vip", "b"): 0}


def test_two_members_who_merge_are_one_with_the_earlier_entry(history: History) -> None:
    history.build([("vip", "a")], NOBODY_MERGED, ["vip"])
    history.build([("vip", "a"), ("vip", "b")], NOBODY_MERGED, ["vip"])
    merged = NOBODY_MERGED | {"a": "b"}
    assert history.build([("vip", "b")], merged, ["vip"]) == []
    assert history.memberships() == {("vip", "b"): 0}
    # Each open entry gets its own exit, so that entries minus exits stay right.
    assert history.build([], merged, ["vip"]) == [
        ("vip", "a", "exited", "condition"),
        ("vip", "b", "exited", "condition"),
    ]
    assert history.memberships() == {}


def test_a_member_who_merges_into_somebody_outside_leaves(history: History) -> None:
    history.build([("vip", "a")], NOBODY_MERGED, ["vip"])
    assert history.build([], NOBODY_MERGED | {"a": "b"}, ["vip"]) == [
        ("vip", "a", "exited", "condition")
    ]


def test_a_merge_that_is_undone_enters_the_other_half(history: History) -> None:
    history.build([("vip", "a")], NOBODY_MERGED, ["vip"])
    history.build([("vip", "b")], NOBODY_MERGED | {"a": "b"}, ["vip"])
    assert history.build([("vip", "a"), ("vip", "b")], NOBODY_MERGED, ["vip"]) == [
        ("vip", "b", "entered", "condition")
    ]
    assert history.memberships() == {("vip", "a"): 0, ("vip", "b"): 2}


def test_members_who_merge_and_leave_in_one_run_get_an_exit_each(history: History) -> None:
    history.build([("vip", "a"), ("vip", "b")], NOBODY_MERGED, ["vip"])
    assert history.build([], NOBODY_MERGED | {"a": "b"}, ["vip"]) == [
        ("vip", "a", "exited", "condition"),
        ("vip", "b", "exited", "condition"),
    ]
    assert history.memberships() == {}
    assert history.sizes()["vip", 1] == (0, 0, 1), "one profile left"


def test_a_profile_that_comes_back_enters_anew(history: History) -> None:
    history.build([("vip", "a")], NOBODY_MERGED, ["vip"])
    history.build([], {"b": "b"}, ["vip"])
    assert history.build([("vip", "a")], NOBODY_MERGED, ["vip"]) == [
        ("vip", "a", "entered", "condition")
    ]
    assert history.memberships() == {("vip", "a"): 2}


def test_whatever_builds_the_members_builds_what_is_defined(tmp_path: Path) -> None:
    """`dbt build -s audience__a+` would else take a removed audience for an emptied one."""
    files = {
        f"audiences/{name}.yml": f"name: {name}\ndescription: D.\nwho: {{did: E}}\n"
        for name in ("a", "b")
    }
    models = {one.name: one for one in compile_audiences(catalogue_of(tmp_path, files))}
    read = {name: {one.name for one in models[name].imports} for name in (MEMBERS, DEFINED)}
    assert read[MEMBERS] == read[DEFINED] == {"audience__a", "audience__b"}
    assert models[DEFINED].config["materialized"] == "table"


def test_a_removed_definition_and_a_removed_profile_say_so(history: History) -> None:
    history.build([("vip", "a"), ("vip", "b"), ("old", "a")], NOBODY_MERGED, ["vip", "old"])
    without_b = {"a": "a", "c": "c"}
    assert history.build([("vip", "a")], without_b, ["vip"]) == [
        ("old", "a", "exited", "definition_removed"),
        ("vip", "b", "exited", "profile_removed"),
    ]


def test_an_audience_that_is_emptied_is_not_called_removed(history: History) -> None:
    history.build([("vip", "a")], NOBODY_MERGED, ["vip"])
    assert history.build([], NOBODY_MERGED, ["vip"])[0][3] == "condition"


def test_the_last_profile_may_vanish(history: History) -> None:
    history.build([("vip", "a")], {"a": "a"}, ["vip"])
    assert history.build([], {}, ["vip"]) == [("vip", "a", "exited", "profile_removed")]


@st.composite
def days(draw: st.DrawFn) -> list[tuple[dict[str, str], set[tuple[str, str]], set[str]]]:
    """Days on which profiles merge, split, vanish, and audiences come and go."""
    found = []
    for _ in range(draw(st.integers(2, 6))):
        issued = draw(st.sets(st.sampled_from("abcd"), min_size=1))
        roots = {one: draw(st.sampled_from(sorted(issued))) for one in sorted(issued)}
        # Every present profile is itself an id that was issued.
        merges = {one: roots[one] if roots[roots[one]] == roots[one] else one for one in issued}
        defined = draw(st.sets(st.sampled_from(("vip", "new"))))
        present = sorted(set(merges.values()))
        members = {
            (audience, one) for audience in defined for one in present if draw(st.booleans())
        }
        found.append((merges, members, defined))
    return found


@settings(PROFILE, max_examples=30)
@given(days())
def test_memberships_are_the_members_after_every_run_and_entries_never_move_forward(
    days: list[tuple[dict[str, str], set[tuple[str, str]], set[str]]],
) -> None:
    history = History()
    entries: dict[tuple[str, str], int] = {}
    counts: dict[tuple[str, int], tuple[int, int, int]] = {}
    seen: list[dict[tuple[str, str], int]] = []
    for day, (merges, members, defined) in enumerate(days):
        history.build(sorted(members), merges, sorted(defined))
        # The oracle: open entries by written id, carried, then compared with the members.
        open_now = {
            (audience, one): entered
            for (audience, one), entered in entries.items()
            if (audience, merges.get(one, "")) in members
        }
        covered = {(audience, merges[one]) for audience, one in open_now}
        # Members, not the ids that entered, are counted; those who merge are one.
        left = {(audience, merges.get(one, one)) for audience, one in entries.keys() - open_now}
        for audience in defined | {name for name, _ in left}:
            counts[audience, day] = (
                sum(name == audience for name, _ in members),
                sum(name == audience for name, _ in members - covered),
                sum(name == audience for name, _ in left),
            )
        entries = open_now | {member: day for member in members if member not in covered}
        seen.append(entries)
        expected: dict[tuple[str, str], int] = {}
        for (audience, one), entered in entries.items():
            member = (audience, merges[one])
            expected[member] = min(expected.get(member, entered), entered)
        assert set(expected) == members
        assert history.memberships() == expected
        assert history.build_again(sorted(members), merges, sorted(defined)) == []
        assert history.sizes() == counts
    # What the runs saw on each day, under the ids of the last day; who is gone keeps the id.
    for day, entries in enumerate(seen):
        for audience in ("vip", "new"):
            then: dict[str, int] = {}
            for (name, one), entered in entries.items():
                if name == audience:
                    today = merges.get(one, one)
                    then[today] = min(then.get(today, entered), entered)
            assert history.members_seen(audience, day) == then
    history.close()


def test_a_second_run_at_the_same_moment_replaces_its_sizes(history: History) -> None:
    history.build([("vip", "a")], NOBODY_MERGED, ["vip"])
    history.build([("vip", "a"), ("vip", "b")], NOBODY_MERGED, ["vip"])
    history.build_again([("vip", "a"), ("vip", "b"), ("vip", "c")], NOBODY_MERGED, ["vip"])
    assert history.sizes() == {("vip", 0): (1, 1, 0), ("vip", 1): (3, 2, 0)}
