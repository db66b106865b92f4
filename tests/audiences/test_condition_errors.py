# ruff: noqa: E501
"""What people read when a condition of an audience is wrong: the full text of every problem."""

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
"""

CASES = {
    "a_mapping_in_the_place_of_a_value": (
        "{did: Seen, where: [{property: price, equals: {of: 5}}]}",
        """\
error[reference-not-allowed]: 'equals' of a filter of a condition of audience 'a' has a mapping in the place of a value
  --> definitions/audiences/a.yml:3:52
   3 | who: {did: Seen, where: [{property: price, equals: {of: 5}}]}
help: write a value, or {trait: name}""",
    ),
    "a_step_outside_a_sequence": (
        "{did: Seen, where: [{property: price, equals: {step: 1, property: price}}]}",
        """\
error[reference-not-allowed]: 'equals' of a filter of a condition of audience 'a' has an earlier step in the place of a value
  --> definitions/audiences/a.yml:3:52
   3 | who: {did: Seen, where: [{property: price, equals: {step: 1, property: price}}]}
help: write a value, or {trait: name}""",
    ),
    "a_reference_where_a_duration_stands": (
        "{trait: seen_at, within_last: {trait: total}}",
        """\
error[reference-not-allowed]: 'within_last' of trait 'seen_at' in audience 'a' refers to another value, but takes a duration
  --> definitions/audiences/a.yml:3:36
   3 | who: {trait: seen_at, within_last: {trait: total}}
help: write a duration there""",
    ),
    "a_reference_where_a_list_stands": (
        "{did: Seen, where: [{property: price, one_of: {trait: total}}]}",
        """\
error[reference-not-allowed]: 'one_of' of a filter of a condition of audience 'a' refers to another value, but takes a list of values
  --> definitions/audiences/a.yml:3:52
   3 | who: {did: Seen, where: [{property: price, one_of: {trait: total}}]}
help: write a list of values there""",
    ),
    "an_unknown_trait_as_a_value": (
        "{did: Seen, where: [{property: price, greater_than: {trait: totl}}]}",
        """\
error[unknown-trait]: audience 'a' uses trait 'totl', which is not defined
  --> definitions/audiences/a.yml:3:66
   3 | who: {did: Seen, where: [{property: price, greater_than: {trait: totl}}]}
help: did you mean 'total'? (definitions/traits/some.yml:2:12)""",
    ),
    "a_trait_of_another_type_beside_a_trait": (
        "{trait: total, greater_than: {trait: plan}}",
        """\
error[wrong-reference-type]: 'greater_than' in audience 'a' refers to trait 'plan', which is text
  --> definitions/audiences/a.yml:3:43
   3 | who: {trait: total, greater_than: {trait: plan}}
help: refer to a trait that is a number""",
    ),
    "a_trait_of_another_type_beside_a_property": (
        "{did: Seen, where: [{property: price, greater_than: {trait: plan}}]}",
        """\
error[wrong-reference-type]: 'greater_than' in audience 'a' refers to trait 'plan', which is text
  --> definitions/audiences/a.yml:3:66
   3 | who: {did: Seen, where: [{property: price, greater_than: {trait: plan}}]}
help: refer to a trait that is a number or a whole number""",
    ),
    "a_trait_of_accounts_as_a_value": (
        "{trait: total, greater_than: {trait: seats}}",
        """\
error[wrong-level]: audience 'a' uses trait 'seats', which is of accounts
  --> definitions/audiences/a.yml:3:43
   3 | who: {trait: total, greater_than: {trait: seats}}
help: use a trait of profiles""",
    ),
    "did_first_without_a_window": (
        "{did_first: Seen}",
        """\
error[missing-key]: a condition of audience 'a' has no 'window'
  --> definitions/audiences/a.yml:3:6
   3 | who: {did_first: Seen}
help: add a line 'window: ...'""",
    ),
    "stopped_without_an_end": (
        "{stopped: Seen, active: {last: 30 days}}",
        """\
error[impossible-window]: 'active' of a condition of audience 'a' needs a start and an end before now
  --> definitions/audiences/a.yml:3:30
   3 | who: {stopped: Seen, active: {last: 30 days}}
help: write both, such as {between: [90 days, 30 days]}""",
    ),
    "restarted_without_a_pause": (
        "{restarted: Seen, window: {last: 30 days}}",
        """\
error[missing-key]: a condition of audience 'a' has no 'pause'
  --> definitions/audiences/a.yml:3:6
   3 | who: {restarted: Seen, window: {last: 30 days}}
help: add a line 'pause: ...'

error[unknown-key]: a condition of audience 'a' has no setting 'window'
  --> definitions/audiences/a.yml:3:24
   3 | who: {restarted: Seen, window: {last: 30 days}}
help: one of 'pause', 'restarted', 'where'""",
    ),
    "more_periods_than_there_are": (
        "{did_regularly: Seen, at_least: 9, of_last: 8 weeks}",
        """\
error[out-of-range]: 'at_least' of a condition of audience 'a' is 9, but there are 8 periods
  --> definitions/audiences/a.yml:3:38
   3 | who: {did_regularly: Seen, at_least: 9, of_last: 8 weeks}
help: use 8 or less""",
    ),
    "periods_of_a_unit_that_is_none": (
        "{did_regularly: Seen, of_last: 3 years}",
        """\
error[impossible-window]: 'of_last' of a condition of audience 'a' has the periods '3 years'
  --> definitions/audiences/a.yml:3:37
   3 | who: {did_regularly: Seen, of_last: 3 years}
help: use at most 366 hours, days, weeks or months""",
    ),
    "a_sequence_of_one_step": (
        "{sequence: [{did: Seen}]}",
        """\
error[wrong-step]: a sequence of a condition of audience 'a' has 1 step
  --> definitions/audiences/a.yml:3:17
   3 | who: {sequence: [{did: Seen}]}
help: write 2 to 20 steps; one event alone is a 'did'""",
    ),
    "a_first_step_that_follows": (
        "{sequence: [{then: Seen}, {then: Bought}]}",
        """\
error[wrong-step]: step 1 of a sequence does not start with 'did'
  --> definitions/audiences/a.yml:3:18
   3 | who: {sequence: [{then: Seen}, {then: Bought}]}
help: the first step is a 'did', all others follow it""",
    ),
    "a_later_step_that_does_not_follow": (
        "{sequence: [{did: Seen}, {did: Bought}]}",
        """\
error[wrong-step]: step 2 of a sequence does not start with 'then' or 'then_not'
  --> definitions/audiences/a.yml:3:31
   3 | who: {sequence: [{did: Seen}, {did: Bought}]}
help: the first step is a 'did', all others follow it""",
    ),
    "a_step_of_two_kinds": (
        "{sequence: [{did: Seen}, {then: Bought, then_not: Left}]}",
        """\
error[wrong-step]: step 2 of a sequence has both 'then' and 'then_not'
  --> definitions/audiences/a.yml:3:31
   3 | who: {sequence: [{did: Seen}, {then: Bought, then_not: Left}]}
help: write them as two steps""",
    ),
    "a_limit_to_a_step_that_does_not_exist": (
        "{sequence: [{did: Seen, name: look}, {then: Bought, within: {lok: 1 day}}]}",
        """\
error[unknown-step]: step 2 of a sequence refers to step 'lok', which is no earlier step that finds an event
  --> definitions/audiences/a.yml:3:67
   3 | who: {sequence: [{did: Seen, name: look}, {then: Bought, within: {lok: 1 day}}]}
help: did you mean 'look'?""",
    ),
    "a_limit_to_a_later_step": (
        "{sequence: [{did: Seen}, {then: Bought, within: {3: 1 day}}, {then: Left}]}",
        """\
error[unknown-step]: step 2 of a sequence refers to step '3', which is no earlier step that finds an event
  --> definitions/audiences/a.yml:3:55
   3 | who: {sequence: [{did: Seen}, {then: Bought, within: {3: 1 day}}, {then: Left}]}
help: one of '1', 'previous'""",
    ),
    "a_limit_to_a_step_that_counts": (
        "{sequence: [{did: Seen}, {then_not: Left}, {then: Bought, within: {2: 1 day}}]}",
        """\
error[unknown-step]: step 3 of a sequence refers to step '2', which is no earlier step that finds an event
  --> definitions/audiences/a.yml:3:73
   3 | who: {sequence: [{did: Seen}, {then_not: Left}, {then: Bought, within: {2: 1 day}}]}
help: one of '1', 'previous'""",
    ),
    "a_value_of_a_later_step": (
        "{sequence: [{did: Seen}, {then: Bought, where: [{property: id, equals: {step: 2, property: id}}]}]}",
        """\
error[unknown-step]: 'equals' of a filter of step 2 of a sequence refers to step '2', which is no earlier step that finds an event
  --> definitions/audiences/a.yml:3:84
   3 | who: {sequence: [{did: Seen}, {then: Bought, where: [{property: id, equals: {step: 2, property: id}}]}]}
help: one of '1'""",
    ),
    "no_time_between_steps": (
        "{sequence: [{did: Seen}, {then: Bought, within: 0 days}]}",
        """\
error[impossible-window]: 'within' of step 2 of a sequence has the duration '0 days'
  --> definitions/audiences/a.yml:3:54
   3 | who: {sequence: [{did: Seen}, {then: Bought, within: 0 days}]}
help: use at least 1 minute and at most 36500 days or 100 years""",
    ),
    "a_limit_on_the_first_step": (
        "{sequence: [{did: Seen, within: 1 day}, {then: Bought}]}",
        """\
error[unknown-key]: step 1 of a sequence has no setting 'within'
  --> definitions/audiences/a.yml:3:30
   3 | who: {sequence: [{did: Seen, within: 1 day}, {then: Bought}]}
help: one of 'did', 'name', 'where', 'window'""",
    ),
    "a_name_twice": (
        "{sequence: [{did: Seen, name: one}, {then: Bought, name: one}]}",
        """\
error[duplicate-name]: step 2 of a sequence has the name 'one', which is taken
  --> definitions/audiences/a.yml:3:63
   3 | who: {sequence: [{did: Seen, name: one}, {then: Bought, name: one}]}
help: choose another name""",
    ),
    "a_name_on_a_step_that_counts": (
        "{sequence: [{did: Seen}, {then_not: Bought, name: two}]}",
        """\
error[wrong-step]: step 2 of a sequence has a name, but counts events and finds none to refer to
  --> definitions/audiences/a.yml:3:56
   3 | who: {sequence: [{did: Seen}, {then_not: Bought, name: two}]}
help: leave 'name' out""",
    ),
    "a_step_value_of_a_wrong_type": (
        "{sequence: [{did: Seen}, {then: Bought, where: [{property: id, contains: {step: 1, property: id, type: decimal}}]}]}",
        """\
error[wrong-operator-type]: 'contains' of a filter of step 2 of a sequence compares values of type 'decimal'
  --> definitions/audiences/a.yml:3:109
   3 | who: {sequence: [{did: Seen}, {then: Bought, where: [{property: id, contains: {step: 1, property: id, type: decimal}}]}]}
help: use string""",
    ),
    "same_with_a_path_that_is_none": (
        "{sequence: [{did: Seen}, {then: Bought}], same: ['a[0]']}",
        """\
error[invalid-path]: 'same' of a condition of audience 'a' has the property path 'a[0]'
  --> definitions/audiences/a.yml:3:54
   3 | who: {sequence: [{did: Seen}, {then: Bought}], same: ['a[0]']}
help: write names with dots between them, such as 'shipping.city', without quotes, brackets or array positions""",
    ),
    "every_element_and_a_number": (
        "{did: Seen, where: [{elements: products, where: [{property: price, equals: 1}], every: true, at_least: 2}]}",
        """\
error[conflicting-keys]: a filter of a condition of audience 'a' has 'every' and a number of elements
  --> definitions/audiences/a.yml:3:93
   3 | who: {did: Seen, where: [{elements: products, where: [{property: price, equals: 1}], every: true, at_least: 2}]}
help: keep one of them""",
    ),
    "every_element_without_a_filter": (
        "{did: Seen, where: [{elements: products, every: true}]}",
        """\
error[conflicting-keys]: a filter of a condition of audience 'a' has 'every' without 'where'
  --> definitions/audiences/a.yml:3:54
   3 | who: {did: Seen, where: [{elements: products, every: true}]}
help: say in 'where' what every element must pass""",
    ),
    "elements_of_elements": (
        "{did: Seen, where: [{elements: products, where: [{elements: sizes}]}]}",
        """\
error[nested-elements]: a filter of a condition of audience 'a' looks at the elements of a list inside a list
  --> definitions/audiences/a.yml:3:55
   3 | who: {did: Seen, where: [{elements: products, where: [{elements: sizes}]}]}
help: test the leaves of the elements; nested lists belong into a dbt model""",
    ),
    "a_trait_inside_elements": (
        "{did: Seen, where: [{elements: products, where: [{property: price, equals: {trait: total}}]}]}",
        """\
error[reference-not-allowed]: 'equals' of a filter of a filter of a condition of audience 'a' has a trait in the place of a value
  --> definitions/audiences/a.yml:3:81
   3 | who: {did: Seen, where: [{elements: products, where: [{property: price, equals: {trait: total}}]}]}
help: write a value""",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_wrong_condition_says_what_is_wrong(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    who, expected = CASES[case]
    monkeypatch.chdir(tmp_path)
    audience = f"name: a\ndescription: A.\nwho: {who}\n"
    files = {"traits/some.yml": TRAITS, "audiences/a.yml": audience}
    assert problems_of(tmp_path, files) == expected


def test_a_trait_has_no_profile_yet_whose_traits_a_filter_could_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trait = """\
traits:
  - name: big
    description: Big.
    event: Seen
    aggregate: count
    where: [{property: price, greater_than: {trait: total}}]
"""
    monkeypatch.chdir(tmp_path)
    assert (
        problems_of(tmp_path, {"traits/a.yml": trait})
        == """\
error[reference-not-allowed]: 'greater_than' of a filter of trait 'big' has a trait in the place of a value
  --> definitions/traits/a.yml:6:45
   6 |     where: [{property: price, greater_than: {trait: total}}]
help: write a value"""
    )
