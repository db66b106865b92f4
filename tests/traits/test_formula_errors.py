# ruff: noqa: E501
"""What people read when a formula is wrong, hostile ones among them: the full text."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.definitions import problems_of

START = """\
traits:
  - {name: orders, description: D., event: Order Completed, aggregate: count}
  - {name: value_90d, description: D., event: Order Completed, aggregate: sum, property: revenue}
  - {name: plan, description: D., profile_trait: plan}
  - {name: stores, description: D., event: Order Completed, aggregate: unique_list, property: store}
"""
CASES = {
    "unreadable": (
        """\
  - {name: total, description: D., formula: "orders +"}
""",
        """\
error[invalid-formula]: trait 'total' has a formula that cannot be read
  --> definitions/traits/orders.yml:6:45
   6 |   - {name: total, description: D., formula: "orders +"}
help: check its brackets, operators and quotes""",
    ),
    "two_expressions": (
        """\
  - {name: total, description: D., formula: "orders; drop table profiles"}
""",
        """\
error[invalid-formula]: trait 'total' has a formula that is not one expression
  --> definitions/traits/orders.yml:6:45
   6 |   - {name: total, description: D., formula: "orders; drop table profiles"}
help: write one expression, without ';'""",
    ),
    "statement": (
        """\
  - {name: total, description: D., formula: "select password from users"}
""",
        """\
error[invalid-formula]: trait 'total' has a formula that has 'select password from users', which formulas do not have
  --> definitions/traits/orders.yml:6:45
   6 |   - {name: total, description: D., formula: "select password from users"}
help: what they have is in docs/operators.md; compute the rest in a dbt model""",
    ),
    "subquery": (
        """\
  - {name: total, description: D., formula: "(select max(x) from users)"}
""",
        """\
error[invalid-formula]: trait 'total' has a formula that has '( select max(x) from users )', which formulas do not have
  --> definitions/traits/orders.yml:6:45
   6 |   - {name: total, description: D., formula: "(select max(x) from users)"}
help: what they have is in docs/operators.md; compute the rest in a dbt model""",
    ),
    "function": (
        """\
  - {name: total, description: D., formula: "read_text('/etc/passwd')"}
""",
        """\
error[invalid-formula]: trait 'total' has a formula that has 'read_text('/etc/passwd')', which formulas do not have
  --> definitions/traits/orders.yml:6:45
   6 |   - {name: total, description: D., formula: "read_text('/etc/passwd')"}
help: what they have is in docs/operators.md; compute the rest in a dbt model""",
    ),
    "aggregate": (
        """\
  - {name: total, description: D., formula: "sum(orders)"}
""",
        """\
error[invalid-formula]: trait 'total' has a formula that has 'sum(orders)', which formulas do not have
  --> definitions/traits/orders.yml:6:45
   6 |   - {name: total, description: D., formula: "sum(orders)"}
help: what they have is in docs/operators.md; compute the rest in a dbt model""",
    ),
    "window": (
        """\
  - {name: total, description: D., formula: "row_number() over (order by orders)"}
""",
        """\
error[invalid-formula]: trait 'total' has a formula that has 'row_number() over (order by orders)', which formulas do not have
  --> definitions/traits/orders.yml:6:45
   6 |   - {name: total, description: D., formula: "row_number() over (order by orders)"}
help: what they have is in docs/operators.md; compute the rest in a dbt model""",
    ),
    "qualified": (
        """\
  - {name: total, description: D., formula: "int_features.orders"}
""",
        """\
error[invalid-formula]: trait 'total' has a formula that reads 'int_features.orders'
  --> definitions/traits/orders.yml:6:45
   6 |   - {name: total, description: D., formula: "int_features.orders"}
help: name traits, without quotes and dots""",
    ),
    "quoted": (
        """\
  - {name: total, description: D., formula: "'a' || \\"plan\\""}
""",
        """\
error[invalid-formula]: trait 'total' has a formula that reads '"plan"'
  --> definitions/traits/orders.yml:6:45
   6 |   - {name: total, description: D., formula: "'a' || \\"plan\\""}
help: name traits, without quotes and dots""",
    ),
    "cast": (
        """\
  - {name: total, description: D., formula: "orders::text"}
""",
        """\
error[invalid-formula]: trait 'total' has a formula that has 'cast(orders as text)', which formulas do not have
  --> definitions/traits/orders.yml:6:45
   6 |   - {name: total, description: D., formula: "orders::text"}
help: what they have is in docs/operators.md; compute the rest in a dbt model""",
    ),
    "star": (
        """\
  - {name: total, description: D., formula: "*"}
""",
        """\
error[invalid-formula]: trait 'total' has a formula that has '*', which formulas do not have
  --> definitions/traits/orders.yml:6:45
   6 |   - {name: total, description: D., formula: "*"}
help: what they have is in docs/operators.md; compute the rest in a dbt model""",
    ),
    "other_argument": (
        """\
  - {name: total, description: D., formula: "trim(both 'x' from plan)"}
""",
        """\
error[invalid-formula]: trait 'total' has a formula that has 'trim(plan, 'x')', which formulas do not have
  --> definitions/traits/orders.yml:6:45
   6 |   - {name: total, description: D., formula: "trim(both 'x' from plan)"}
help: what they have is in docs/operators.md; compute the rest in a dbt model""",
    ),
    "unknown_trait": (
        """\
  - {name: total, description: D., formula: "value_90 / orders"}
""",
        """\
error[unknown-trait]: trait 'total' uses trait 'value_90', which is not defined
  --> definitions/traits/orders.yml:6:45
   6 |   - {name: total, description: D., formula: "value_90 / orders"}
help: did you mean 'value_90d'?""",
    ),
    "text_in_sum": (
        """\
  - {name: total, description: D., formula: "plan + 1"}
""",
        """\
error[formula-type]: trait 'total' has a formula that has text in 'plan + 1' in the place of a number
  --> definitions/traits/orders.yml:6:45
   6 |   - {name: total, description: D., formula: "plan + 1"}
help: use a number there""",
    ),
    "number_as_condition": (
        """\
  - {name: total, description: D., formula: "case when orders then 1 end"}
""",
        """\
error[formula-type]: trait 'total' has a formula that has a whole number in 'case when orders then 1 end' in the place of true or false
  --> definitions/traits/orders.yml:6:45
   6 |   - {name: total, description: D., formula: "case when orders then 1 end"}
help: use true or false there""",
    ),
    "two_types": (
        """\
  - {name: total, description: D., formula: "coalesce(plan, 0)"}
""",
        """\
error[formula-type]: trait 'total' has a formula that has a whole number in 'coalesce(plan, 0)' in the place of text
  --> definitions/traits/orders.yml:6:45
   6 |   - {name: total, description: D., formula: "coalesce(plan, 0)"}
help: use text there""",
    ),
    "list": (
        """\
  - {name: total, description: D., formula: "lower(stores)"}
""",
        """\
error[formula-type]: trait 'total' has a formula that has a list of texts in 'lower(stores)' in the place of text
  --> definitions/traits/orders.yml:6:45
   6 |   - {name: total, description: D., formula: "lower(stores)"}
help: use text there""",
    ),
    "null_comparison": (
        """\
  - {name: total, description: D., formula: "orders = null"}
""",
        """\
error[formula-type]: trait 'total' has a formula that compares with null in 'orders = null'
  --> definitions/traits/orders.yml:6:45
   6 |   - {name: total, description: D., formula: "orders = null"}
help: write 'is null' or 'is not null'""",
    ),
    "nothing": (
        """\
  - {name: total, description: D., formula: "null"}
""",
        """\
error[formula-type]: trait 'total' has a formula that is nothing
  --> definitions/traits/orders.yml:6:45
   6 |   - {name: total, description: D., formula: "null"}
help: name a trait in it""",
    ),
    "wrong_declared_type": (
        """\
  - {name: total, description: D., formula: "orders > 1", type: decimal}
""",
        """\
error[formula-type]: trait 'total' has a formula that is of type 'boolean', not 'decimal'
  --> definitions/traits/orders.yml:6:45
   6 |   - {name: total, description: D., formula: "orders > 1", type: decimal}
help: leave 'type' out, or write a formula of type 'decimal'""",
    ),
    "wrong_default": (
        """\
  - {name: total, description: D., formula: "value_90d / orders", default: none}
""",
        """\
error[wrong-type]: the default of trait 'total' must be a number, not text
  --> definitions/traits/orders.yml:6:76
   6 |   - {name: total, description: D., formula: "value_90d / orders", default: none}
help: write a number""",
    ),
    "itself": (
        """\
  - {name: total, description: D., formula: "total + 1"}
""",
        """\
error[trait-cycle]: traits are computed from each other in a circle: 'total' -> 'total'
  --> definitions/traits/orders.yml:6:45
   6 |   - {name: total, description: D., formula: "total + 1"}
help: take one of these names out of its formula""",
    ),
    "circle": (
        """\
  - {name: total, description: D., formula: "other + 1"}
  - {name: other, description: D., formula: "total - 1"}
""",
        """\
error[trait-cycle]: traits are computed from each other in a circle: 'other' -> 'total' -> 'other'
  --> definitions/traits/orders.yml:7:45
   7 |   - {name: other, description: D., formula: "total - 1"}
help: take one of these names out of its formula""",
    ),
    "line_break": (
        """\
  - name: total
    description: D.
    formula: "orders\\n"
""",
        """\
error[unsafe-text]: trait 'total' has a text that cannot stand in a generated model
  --> definitions/traits/orders.yml:8:14
   8 |     formula: "orders\\n"
help: leave out line breaks, control characters and the word 'endraw'""",
    ),
    "event_too": (
        """\
  - name: total
    description: D.
    formula: "orders + 1"
    event: Order Completed
""",
        """\
error[unknown-key]: trait 'total' has no setting 'event'
  --> definitions/traits/orders.yml:9:5
   9 |     event: Order Completed
help: did you mean 'level'?""",
    ),
    "too_many_parts": (
        """\
  - {name: total, description: D., formula: "greatest(greatest(greatest(greatest(greatest(greatest(greatest(greatest(greatest(greatest(greatest(greatest(orders, value_90d), value_90d), value_90d), value_90d), value_90d), value_90d), value_90d), value_90d), value_90d), value_90d), value_90d), value_90d)"}
""",
        """\
error[formula-too-long]: trait 'total' has a formula that is nested more than 40 deep or has more than 2000 parts, with the formulas that it uses
  --> definitions/traits/orders.yml:6:45
   6 |   - {name: total, description: D., formula: "greatest(greatest(greatest(greatest(greatest(greatest(greatest(greatest(greatest(greatest(greatest(greatest(orders, value_90d), value_90d), value_90d), value_90d), value_90d), value_90d), value_90d), value_90d), value_90d), value_90d), value_90d), value_90d)"}
help: make it shorter, or compute it in a dbt model and read that with 'model:'""",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_problem_says_what_where_and_how(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, expected = CASES[name]
    monkeypatch.chdir(tmp_path)
    assert problems_of(tmp_path, {"traits/orders.yml": START + text}) == expected
