# ruff: noqa: E501
"""What people read when a audience definition is wrong: the full text of every problem."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.definitions import catalogue_of, problems_of

TRAITS = """\
traits:
  - {name: total, description: Money., event: Order Completed, aggregate: sum, property: revenue}
  - {name: plan, description: Plan., profile_trait: plan}
"""

CASES = {
    "unknown_trait": (
        {
            "traits/orders.yml": TRAITS,
            "audiences/vips.yml": """\
name: vips
description: Best.
who:
  all:
    - {trait: totl, greater_than: 5}
    - {trait: plan, equals: pro}
""",
        },
        """\
error[unknown-trait]: audience 'vips' uses trait 'totl', which is not defined
  --> definitions/audiences/vips.yml:5:15
   5 |     - {trait: totl, greater_than: 5}
help: did you mean 'total'? (definitions/traits/orders.yml:2:12)""",
    ),
    "unknown_audience": (
        {
            "traits/orders.yml": TRAITS,
            "audiences/vips.yml": """\
name: vips
description: Best.
who:
  audience: vip
""",
        },
        """\
error[unknown-audience]: audience 'vips' uses audience 'vip', which is not defined
  --> definitions/audiences/vips.yml:4:13
   4 |   audience: vip
help: did you mean 'vips'?""",
    ),
    "wrong_operator_type": (
        {
            "traits/orders.yml": TRAITS,
            "audiences/vips.yml": """\
name: vips
description: Best.
who:
  trait: total
  contains: x
""",
        },
        """\
error[wrong-operator-type]: audience 'vips' uses 'contains' on trait 'total', which is of type 'decimal'
  --> definitions/audiences/vips.yml:5:13
   5 |   contains: x
help: use equals, not_equals, less_than, greater_than, less_than_or_equal, greater_than_or_equal, one_of, exists""",
    ),
    "wrong_value": (
        {
            "traits/orders.yml": TRAITS,
            "audiences/vips.yml": """\
name: vips
description: Best.
who:
  trait: total
  greater_than: high
""",
        },
        """\
error[wrong-type]: 'greater_than' of trait 'total' in audience 'vips' must be a number, not text
  --> definitions/audiences/vips.yml:5:17
   5 |   greater_than: high
help: write a number""",
    ),
    "two_conditions": (
        {
            "traits/orders.yml": TRAITS,
            "audiences/vips.yml": """\
name: vips
description: Best.
who:
  trait: total
  greater_than: 5
  did: Order Completed
""",
        },
        """\
error[two-conditions]: a condition of audience 'vips' is both 'trait' and 'did'
  --> definitions/audiences/vips.yml:6:8
   6 |   did: Order Completed
help: write them as two entries under 'all' or 'any'""",
    ),
    "unknown_condition": (
        {
            "traits/orders.yml": TRAITS,
            "audiences/vips.yml": """\
name: vips
description: Best.
who:
  did_nt: Order Completed
""",
        },
        """\
error[unknown-condition]: a condition of audience 'vips' starts with 'did_nt'
  --> definitions/audiences/vips.yml:4:3
   4 |   did_nt: Order Completed
help: did you mean 'did_not'?""",
    ),
    "unknown_operator": (
        {
            "traits/orders.yml": TRAITS,
            "audiences/vips.yml": """\
name: vips
description: Best.
who:
  trait: total
  more_than: 5
""",
        },
        """\
error[unknown-key]: a condition of audience 'vips' has no setting 'more_than'
  --> definitions/audiences/vips.yml:5:3
   5 |   more_than: 5
help: did you mean 'less_than'?""",
    ),
    "two_counts": (
        {
            "traits/orders.yml": TRAITS,
            "audiences/vips.yml": """\
name: vips
description: Best.
who:
  did: Order Completed
  at_least: 2
  at_most: 5
""",
        },
        """\
error[two-operators]: a condition of audience 'vips' has the operators 'at_least' and 'at_most'
  --> definitions/audiences/vips.yml:6:12
   6 |   at_most: 5
help: keep one; write a second condition for the other""",
    ),
    "negative_count": (
        {
            "traits/orders.yml": TRAITS,
            "audiences/vips.yml": """\
name: vips
description: Best.
who:
  did: Order Completed
  at_least: -1
""",
        },
        """\
error[out-of-range]: 'at_least' of a condition of audience 'vips' is -1
  --> definitions/audiences/vips.yml:5:13
   5 |   at_least: -1
help: use 0 or more""",
    ),
    "wrong_file_name": (
        {
            "audiences/best.yml": """\
name: vips
description: B.
who: {did: Order Completed}
""",
        },
        """\
error[wrong-file-name]: audience 'vips' stands in the file best.yml
  --> definitions/audiences/best.yml:1:7
   1 | name: vips
help: rename the file to vips.yml, or the audience to 'best'""",
    ),
    "empty_group": (
        {
            "traits/orders.yml": TRAITS,
            "audiences/vips.yml": """\
name: vips
description: Best.
who:
  any: []
""",
        },
        """\
error[empty-list]: 'any' of a condition of audience 'vips' is empty
  --> definitions/audiences/vips.yml:4:8
   4 |   any: []
help: list at least one entry""",
    ),
    "cycle": (
        {
            "audiences/a.yml": """\
name: a
description: A.
who: {not: {audience: b}}
""",
            "audiences/b.yml": """\
name: b
description: B.
who: {any: [{did: E}, {audience: c}]}
""",
            "audiences/c.yml": """\
name: c
description: C.
who: {audience: a}
""",
        },
        """\
error[audience-cycle]: audiences depend on each other in a circle: 'a' -> 'b' -> 'c' -> 'a'
  --> definitions/audiences/a.yml:3:23
   3 | who: {not: {audience: b}}
help: take one of these conditions out, or repeat its conditions instead of naming it""",
    ),
    "self": (
        {
            "audiences/a.yml": """\
name: a
description: A.
who: {audience: a}
""",
        },
        """\
error[audience-cycle]: audiences depend on each other in a circle: 'a' -> 'a'
  --> definitions/audiences/a.yml:3:17
   3 | who: {audience: a}
help: take one of these conditions out, or repeat its conditions instead of naming it""",
    ),
    "alert_without_percent": (
        {
            "audiences/vips.yml": """\
name: vips
description: Best.
alert: {change: 20, minimum: -1, maximums: 5}
who: {did: E}
""",
        },
        """\
error[invalid-percentage]: the alert of audience 'vips' has the change '20'
  --> definitions/audiences/vips.yml:3:17
   3 | alert: {change: 20, minimum: -1, maximums: 5}
help: write a number and a percent sign, such as 20%

error[out-of-range]: 'minimum' of the alert of audience 'vips' is -1
  --> definitions/audiences/vips.yml:3:30
   3 | alert: {change: 20, minimum: -1, maximums: 5}
help: use 0 or more

error[unknown-key]: the alert of audience 'vips' has no setting 'maximums'
  --> definitions/audiences/vips.yml:3:34
   3 | alert: {change: 20, minimum: -1, maximums: 5}
help: did you mean 'maximum'?""",
    ),
    "alert_upside_down": (
        {
            "audiences/vips.yml": """\
name: vips
description: Best.
alert: {minimum: 6, maximum: 5}
who: {did: E}
""",
        },
        """\
error[impossible-alert]: the alert of audience 'vips' has the minimum 6, which is above its maximum 5
  --> definitions/audiences/vips.yml:3:18
   3 | alert: {minimum: 6, maximum: 5}
help: exchange the two""",
    ),
    "empty_alert": (
        {
            "audiences/vips.yml": """\
name: vips
description: Best.
alert: {}
who: {did: E}
""",
        },
        """\
error[impossible-alert]: the alert of audience 'vips' says nothing
  --> definitions/audiences/vips.yml:3:8
   3 | alert: {}
help: write a limit into it, such as {change: 20%} or {minimum: 100}""",
    ),
    "alert_too_large": (
        {
            "audiences/vips.yml": """\
name: vips
description: Best.
alert: {maximum: 99999999999999999999}
who: {did: E}
""",
        },
        """\
error[out-of-range]: 'maximum' of the alert of audience 'vips' is 99999999999999999999
  --> definitions/audiences/vips.yml:3:18
   3 | alert: {maximum: 99999999999999999999}
help: use 1000000000000 or less""",
    ),
    "no_who": (
        {
            "audiences/a.yml": """\
name: a
description: A.
""",
        },
        """\
error[missing-key]: audience 'a' has no 'who'
  --> definitions/audiences/a.yml:1:1
   1 | name: a
help: add a line 'who: ...'""",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_problem_says_what_where_and_how(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, expected = CASES[name]
    monkeypatch.chdir(tmp_path)
    assert problems_of(tmp_path, files) == expected


def test_conditions_may_not_nest_without_end(tmp_path: Path) -> None:
    nested = "{not: " * 21 + "{did: E}" + "}" * 21
    text = f"name: vips\ndescription: Best.\nwho: {nested}\n"
    found = problems_of(tmp_path, {"audiences/vips.yml": text})
    assert found.startswith("error[too-deep]: audience 'vips' nests conditions more than 20 deep\n")
    assert found.endswith(
        "help: make the inner conditions an audience of their own and name it with 'audience:'"
    )


def test_a_bottomless_file_is_a_problem_and_not_a_crash(tmp_path: Path) -> None:
    nested = "{not: " * 5000 + "{did: E}" + "}" * 5000
    text = f"name: vips\ndescription: Best.\nwho: {nested}\n"
    assert problems_of(tmp_path, {"audiences/vips.yml": text}).startswith("error[invalid-yaml]")


def test_ten_thousand_conditions_are_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cdp.audiences.spec.MOST_CONDITIONS", 3)
    text = "name: vips\ndescription: Best.\nwho: {any: [{did: A}, {did: B}, {did: C}, {did: D}]}\n"
    monkeypatch.chdir(tmp_path)
    assert (
        problems_of(tmp_path, {"audiences/vips.yml": text})
        == """\
error[too-many-conditions]: audience 'vips' has more than 3 conditions
  --> definitions/audiences/vips.yml:3:33
   3 | who: {any: [{did: A}, {did: B}, {did: C}, {did: D}]}
help: use 'one_of' with a list, or keep the list in a table"""
    )


def test_a_broken_trait_is_reported_once_and_not_again_where_it_is_used(tmp_path: Path) -> None:
    traits = "traits:\n  - {name: total, description: D., event: E, aggregate: smu}\n"
    audience = "name: vips\ndescription: Best.\nwho: {trait: total, exists: true}\n"
    found = problems_of(tmp_path, {"traits/a.yml": traits, "audiences/vips.yml": audience})
    assert found.count("error[") == 1
    assert "error[unknown-value]: 'smu' is not a valid aggregate of trait 'total'" in found


def test_definitions_may_lie_in_folders_of_folders(tmp_path: Path) -> None:
    text = "name: vip\ndescription: d\nwho: {did: Order Completed}\n"
    found = catalogue_of(tmp_path, {"audiences/growth/eu/vip.yml": text})
    assert list(found.audiences) == ["vip"]
    again = problems_of(tmp_path, {"audiences/vip.yml": text})
    assert "audience 'vip' is defined twice" in again
