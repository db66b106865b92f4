"""The values that join profiles into entities, as one tree over all rules of all entities.

Owns which profile has which value of which rule, how old a value is, and which values
join nothing. Pure: rules in, tree out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlglot import exp, select

from cdp.entities.spec import AccountRule, TraitsRule
from cdp.entities.values import judged_by, part
from cdp.identity.spec import IdentityRules
from cdp.identity.values import dropped_reason
from cdp.sql.engines import cast
from cdp.sql.keys import key
from cdp.sql.model import Column

MODEL = "int_entities__values"
COLUMNS = (
    Column("entity_name", "string", "The entity's definition.", ("not_null",)),
    Column("rule_name", "string", "The rule that gives the value."),
    Column("rule_number", "integer", "The rule's place among the entity's; from 1."),
    Column("value_id", "uuid", "Key of entity, rule and value.", ("not_null",)),
    Column("joined_value", "string", "The value, its parts with commas between them."),
    Column("canonical_profile_id", "uuid", "The profile that has the value."),
    Column("member_id", "uuid", "Key of entity and profile: the profile as a node."),
    Column("profile_count", "integer", "Profiles that have the value."),
    Column("first_seen_at", "timestamp", "When all of the value had been seen, of anybody."),
    Column("dropped_reason", "string", "Why the value joins nothing; null when it joins."),
)
_ROW = (
    "entity_name",
    "rule_name",
    "rule_number",
    "value_id",
    "joined_value",
    "canonical_profile_id",
)
TRAITS, HISTORY = "user_traits", "int_profiles__identify_traits"
"""Read with a column more than they have: `trait_object`, the value where it is an object."""
_Part = tuple[tuple[str, ...], tuple[str, ...]]
"""A trait's path and the steps that normalise it."""


@dataclass(frozen=True)
class Grouping:
    """An entity's name and all rules that join its profiles."""

    name: str
    rules: Sequence[TraitsRule | AccountRule]


def joining_values(groupings: Sequence[Grouping], rules: IdentityRules, dialect: str) -> exp.Query:
    """The body of the model, over `user_traits`, the history of traits, and accounts.

    A profile has the values of its traits today. A value is as old as the first time that
    anybody said it; one of several parts, as the last of its parts. So its age changes
    neither when profiles merge nor when a member leaves.
    """
    parts = _parts(groupings)
    rows = [
        _rule_rows(one.name, number, rule, parts, dialect)
        for one in groupings
        for number, rule in enumerate(one.rules, start=1)
    ]
    if not rows:
        return _nothing(dialect)
    every: exp.Query = exp.union(*rows, distinct=False, copy=False) if rows[1:] else rows[0]
    query = _shared_dropped(dialect)
    if parts:
        query = query.with_("present", as_=_present_parts(parts, dialect))
        query = query.with_("judged", as_=_judged_parts(parts.values(), rules))
    for (path, steps), name in parts.items():
        query = query.with_(f"{name}_ages", as_=_ages(path, steps, dialect))
    return query.with_("every_value", as_=every).with_("counted", as_=_counted())


def _parts(groupings: Sequence[Grouping]) -> dict[_Part, str]:
    """A name for each distinct part of all rules."""
    found = dict.fromkeys(
        (path, rule.normalize)
        for one in groupings
        for rule in one.rules
        if isinstance(rule, TraitsRule)
        for path in rule.paths
    )
    return {one: f"part_{number}" for number, one in enumerate(found, start=1)}


def _present_parts(parts: dict[_Part, str], dialect: str) -> exp.Select:
    """One row a profile: each part of its traits today, in one pass."""
    profile = exp.column("canonical_profile_id", TRAITS)
    columns = []
    for (path, steps), name in parts.items():
        value = part(TRAITS, path[1:], steps, dialect)
        own = exp.Case().when(_is_trait(path, TRAITS), value)
        columns.append(exp.Max(this=own).as_(name))
    return (
        select(profile, *columns)
        .from_(TRAITS)
        .where(_is_one_of([path for path, _ in parts]))
        .group_by(profile.copy())
    )


def _judged_parts(names: Iterable[str], rules: IdentityRules) -> exp.Select:
    """Each part beside the reason that drops it, or null."""
    kind = judged_by(rules)
    columns: list[exp.Expr] = [exp.column("canonical_profile_id", "present")]
    for name in names:
        value = exp.column(name, "present")
        columns += [value, dropped_reason(value, kind).as_(f"{name}_dropped")]
    return select(*columns).from_("present")


def _ages(path: tuple[str, ...], steps: tuple[str, ...], dialect: str) -> exp.Select:
    """One row a value of a part that anybody ever had: when it was first said."""
    value = part(HISTORY, path[1:], steps, dialect)
    said = (
        select(value.as_("part_value"), exp.column("occurred_at", HISTORY))
        .from_(HISTORY)
        .where(_is_trait(path, HISTORY))
    )
    known = exp.column("part_value", "said")
    return (
        select(known, exp.Min(this=exp.column("occurred_at", "said")).as_("first_seen_at"))
        .from_(said.subquery("said"))
        .group_by(known.copy())
    )


def _rule_rows(
    entity: str,
    number: int,
    rule: TraitsRule | AccountRule,
    parts: dict[_Part, str],
    dialect: str,
) -> exp.Select:
    if isinstance(rule, AccountRule):
        return _account_rows(entity, number, rule, dialect)
    names = [parts[path, rule.normalize] for path in rule.paths]
    values: list[exp.Expr] = [exp.column(name, "judged") for name in names]
    text = values[0].copy()
    for value in values[1:]:
        for piece in (exp.Literal.string(", "), value.copy()):
            text = exp.DPipe(this=text, expression=piece, safe=True)
    ages: list[exp.Expr] = [exp.column("first_seen_at", f"{name}_ages") for name in names]
    reasons: list[exp.Expr] = [exp.column(f"{name}_dropped", "judged") for name in names]
    query = _row(entity, number, rule, values, text, "judged", dialect).select(
        _latest(ages).as_("first_seen_at"),
        cast(_first(reasons), "string", dialect).as_("dropped_reason"),
        copy=False,
    )
    query = query.from_("judged")
    for name in names:
        same = exp.column(name, "judged").eq(exp.column("part_value", f"{name}_ages"))
        query = query.join(f"{name}_ages", on=same, join_type="inner")
    return query


def _account_rows(entity: str, number: int, rule: AccountRule, dialect: str) -> exp.Select:
    group = exp.column("group_id", "accounts")
    table = "account_memberships"
    same = exp.column("account_id", table).eq(exp.column("account_id", "accounts"))
    return (
        _row(entity, number, rule, [group], group, table, dialect)
        .select(
            exp.column("first_seen_at", "accounts"),
            cast(exp.null(), "string", dialect).as_("dropped_reason"),
        )
        .from_(table)
        .join("accounts", on=same, join_type="inner")
    )


def _row(
    entity: str,
    number: int,
    rule: TraitsRule | AccountRule,
    values: Sequence[exp.Expr],
    text: exp.Expr,
    table: str,
    dialect: str,
) -> exp.Select:
    names: list[exp.Expr] = [exp.Literal.string(one) for one in (entity, rule.name)]
    limit = exp.null() if rule.more_than is None else exp.Literal.number(rule.more_than)
    return select(
        cast(names[0], "string", dialect).as_("entity_name"),
        cast(names[1], "string", dialect).as_("rule_name"),
        cast(exp.Literal.number(number), "integer", dialect).as_("rule_number"),
        key([*names, *values], dialect).as_("value_id"),
        exp.alias_(text.copy(), "joined_value"),
        exp.column("canonical_profile_id", table),
        cast(limit, "integer", dialect).as_("more_than"),
    )


def _counted() -> exp.Select:
    """Every value beside the number of profiles that have it."""
    names = (*_ROW, "more_than", "first_seen_at", "dropped_reason")
    count = exp.Window(
        this=exp.Count(this=exp.Star()), partition_by=[exp.column("value_id", "every_value")]
    )
    return select(
        *(exp.column(name, "every_value") for name in names), count.as_("profile_count")
    ).from_("every_value")


def _shared_dropped(dialect: str) -> exp.Select:
    """The final columns; a value that too many profiles have joins nothing."""
    count = exp.column("profile_count", "counted")
    is_shared = exp.GT(this=count, expression=exp.column("more_than", "counted"))
    reason = exp.func(
        "coalesce",
        exp.column("dropped_reason", "counted"),
        exp.Case().when(is_shared, exp.Literal.string("shared")),
    )
    profile = cast(exp.column("canonical_profile_id", "counted"), "string", dialect)
    return select(
        *(exp.column(name, "counted") for name in _ROW),
        key([exp.column("entity_name", "counted"), profile], dialect).as_("member_id"),
        cast(count.copy(), "integer", dialect).as_("profile_count"),
        exp.column("first_seen_at", "counted"),
        cast(reason, "string", dialect).as_("dropped_reason"),
    ).from_("counted")


def _nothing(dialect: str) -> exp.Select:
    nulls = [cast(exp.null(), one.type, dialect).as_(one.name) for one in COLUMNS]
    return select(*nulls).where(exp.false())


def _is_trait(path: tuple[str, ...], table: str) -> exp.Expr:
    return exp.column("trait_name", table).eq(exp.Literal.string(path[0]))


def _is_one_of(paths: Sequence[tuple[str, ...]]) -> exp.Expr:
    names = [exp.Literal.string(one) for one in dict.fromkeys(path[0] for path in paths)]
    return exp.In(this=exp.column("trait_name", TRAITS), expressions=names)


def _latest(ages: Sequence[exp.Expr]) -> exp.Expr:
    """The greatest; null when one is: engines differ in what `greatest` makes of a null."""
    if not ages[1:]:
        return ages[0].copy()
    known = [exp.Is(this=one.copy(), expression=exp.Not(this=exp.null())) for one in ages]
    return exp.Case().when(exp.and_(*known), exp.func("greatest", *(one.copy() for one in ages)))


def _first(reasons: Sequence[exp.Expr]) -> exp.Expr:
    return exp.func("coalesce", *reasons) if reasons[1:] else reasons[0]
