# ruff: noqa: E501
"""What people read when consent, a share or a priority is wrong: the full text of every problem."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.definitions import problems_of

TRAITS = """\
traits:
  - {name: total, description: Money., event: Bought, aggregate: sum, property: revenue}
  - {name: plan, description: Plan., profile_trait: plan}
  - {name: seen_at, description: Last., event: Seen, aggregate: last_time}
  - {name: seats, description: Seats., account_trait: seats, type: integer}
  - {name: places, description: Places., event: Seen, aggregate: unique_list, property: place}
"""

CASES = {
    "a_consent_that_is_no_answer": (
        "{consent: marketing, status: refused}",
        """\
error[unknown-value]: 'refused' is not a valid status of a condition of audience 'a'
  --> definitions/audiences/a.yml:3:35
   3 | who: {consent: marketing, status: refused}
help: one of 'denied', 'granted', 'unknown'""",
    ),
    "top_without_a_number": (
        "{top: {trait: total}}",
        """\
error[missing-key]: 'top' of a condition of audience 'a' has no 'count' and no 'percent'
  --> definitions/audiences/a.yml:3:12
   3 | who: {top: {trait: total}}
help: say how many with one of them""",
    ),
    "top_with_two_numbers": (
        "{top: {trait: total, count: 5, percent: 10}}",
        """\
error[conflicting-keys]: 'top' of a condition of audience 'a' has both 'count' and 'percent'
  --> definitions/audiences/a.yml:3:12
   3 | who: {top: {trait: total, count: 5, percent: 10}}
help: say how many with one of them""",
    ),
    "top_nobody": (
        "{top: {trait: total, count: 0}}",
        """\
error[out-of-range]: 'count' of 'top' of a condition of audience 'a' is 0
  --> definitions/audiences/a.yml:3:34
   3 | who: {top: {trait: total, count: 0}}
help: use 1 or more""",
    ),
    "top_by_an_unknown_trait": (
        "{top: {trait: totl, count: 5}}",
        """\
error[unknown-trait]: audience 'a' uses trait 'totl', which is not defined
  --> definitions/audiences/a.yml:3:20
   3 | who: {top: {trait: totl, count: 5}}
help: did you mean 'total'? (definitions/traits/some.yml:2:12)""",
    ),
    "top_by_a_text": (
        "{bottom: {trait: plan, count: 5}}",
        """\
error[wrong-trait-type]: audience 'a' orders profiles by trait 'plan', which is text
  --> definitions/audiences/a.yml:3:23
   3 | who: {bottom: {trait: plan, count: 5}}
help: use a trait that is a number or a whole number or a timestamp""",
    ),
    "a_share_of_more_than_all": (
        "{sample: {name: spring, percent: 101}}",
        """\
error[out-of-range]: 'percent' of 'sample' of a condition of audience 'a' is 101
  --> definitions/audiences/a.yml:3:39
   3 | who: {sample: {name: spring, percent: 101}}
help: use a number above 0 and up to 100, with at most 6 decimal places""",
    ),
    "a_share_in_words": (
        "{sample: {name: spring, percent: half}}",
        """\
error[out-of-range]: 'percent' of 'sample' of a condition of audience 'a' is half
  --> definitions/audiences/a.yml:3:39
   3 | who: {sample: {name: spring, percent: half}}
help: use a number above 0 and up to 100, with at most 6 decimal places""",
    ),
    "a_sample_without_a_name": (
        "{sample: {percent: 10}}",
        """\
error[missing-key]: 'sample' of a condition of audience 'a' has no 'name'
  --> definitions/audiences/a.yml:3:15
   3 | who: {sample: {percent: 10}}
help: add a line 'name: ...'""",
    ),
    "a_group_that_a_split_does_not_have": (
        "{split: {name: spring, groups: {a: 50, b: 50}, group: c}}",
        """\
error[unknown-value]: 'c' is not a valid group of 'split' of a condition of audience 'a'
  --> definitions/audiences/a.yml:3:60
   3 | who: {split: {name: spring, groups: {a: 50, b: 50}, group: c}}
help: one of 'a', 'b'""",
    ),
    "groups_of_more_than_all": (
        "{split: {name: spring, groups: {a: 60, b: 50}, group: a}}",
        """\
error[out-of-range]: the groups of 'split' of a condition of audience 'a' are 110% together
  --> definitions/audiences/a.yml:3:37
   3 | who: {split: {name: spring, groups: {a: 60, b: 50}, group: a}}
help: make them 100% or less; who is left is in no group""",
    ),
    "a_split_by_a_list": (
        "{split: {name: spring, groups: {a: 60}, group: a, by: places}}",
        """\
error[wrong-trait-type]: audience 'a' splits profiles by trait 'places', which is a list of texts
  --> definitions/audiences/a.yml:3:14
   3 | who: {split: {name: spring, groups: {a: 60}, group: a, by: places}}
help: use a trait that is a number or a whole number or text or true or false or a timestamp""",
    ),
    "a_split_with_other_groups": (
        "{any: [{split: {name: spring, groups: {a: 60}, group: a}}, {split: {name: spring, groups: {a: 50}, group: a}}]}",
        """\
error[split-differs]: audience 'a' divides split 'spring' in another way than before, and profiles would be in two groups
  --> definitions/audiences/a.yml:3:73
   3 | who: {any: [{split: {name: spring, groups: {a: 60}, group: a}}, {split: {name: spring, groups: {a: 50}, group: a}}]}
help: repeat the groups and 'by' of definitions/audiences/a.yml:3:21, or choose another name""",
    ),
    "an_unknown_audience_above": (
        "{did: Seen}\nbelow: [gold]",
        """\
error[unknown-audience]: audience 'a' uses audience 'gold', which is not defined
  --> definitions/audiences/a.yml:4:9
   4 | below: [gold]
help: one of 'a'""",
    ),
    "an_audience_above_itself": (
        "{did: Seen}\nbelow: [a]",
        """\
error[audience-cycle]: audiences depend on each other in a circle: 'a' -> 'a'
  --> definitions/audiences/a.yml:4:9
   4 | below: [a]
help: take one of these conditions out, or repeat its conditions instead of naming it""",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_wrong_selection_says_what_is_wrong(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    who, expected = CASES[case]
    monkeypatch.chdir(tmp_path)
    audience = f"name: a\ndescription: A.\nwho: {who}\n"
    files = {"traits/some.yml": TRAITS, "audiences/a.yml": audience}
    assert problems_of(tmp_path, files) == expected
