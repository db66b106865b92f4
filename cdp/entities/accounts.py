"""Accounts: which events name one, as a tree.

Owns reading and judging group ids. What becomes of them (accounts, their traits and
memberships) is hand-written dbt in models/entities. Pure: rules in, tree out.
"""

from __future__ import annotations

import hashlib

from sqlglot import exp, select

from cdp.entities.values import judged_by
from cdp.identity.spec import IdentityRules
from cdp.identity.values import TOO_LONG, dropped_reason
from cdp.sql.json import json_text
from cdp.sql.model import Column

MODEL = "int_entities__account_events"
COLUMNS = (
    Column("event_id", "uuid", "The event that names the account.", ("unique", "not_null")),
    Column("source", "string", "The source that sent it."),
    Column("message_id", "string", "Unique within the source."),
    Column("call_type", "string", "group, or the call whose context.groupId it is."),
    Column("group_id", "string", "Without spaces around it; cut where it is too long."),
    Column("traits", "string", "Traits of a group call, JSON text."),
    Column("dropped_reason", "string", "Why the group id is no account; null when it is one."),
    Column("occurred_at", "timestamp", "When the event occurred."),
    Column("load_id", "integer", "The load that the event came from."),
    Column("definition_hash", "string", "The rules that made the row."),
)
_VERSION = 1
"""Raise it when the tree begins to read events differently."""


def accounts_hash(rules: IdentityRules) -> str:
    """Changes when, and only when, the rules would find other accounts."""
    content = (_VERSION, rules.blocked_values, rules.blocked_patterns)
    return hashlib.sha256(repr(content).encode()).hexdigest()[:12]


def account_events(rules: IdentityRules, digest: str, dialect: str) -> exp.Select:
    """The body of the model, over its import `events`.

    A group call names its `groupId`, any other call its `context.groupId` (Segment's spec of
    the common fields). The longest group id is Segment's: 500 characters.
    """
    kind = judged_by(rules)
    value = exp.column("group_id", "named")
    reason = (
        exp.Case()
        .when(value.copy().eq(exp.Literal.string("")), exp.Literal.string("empty"))
        .else_(dropped_reason(value, kind))
    )
    length = exp.Literal.number(kind.length)
    short = exp.Anonymous(this="substr", expressions=[value.copy(), exp.Literal.number(1), length])
    is_long = exp.column("dropped_reason", "judged").eq(exp.Literal.string(TOO_LONG))
    kept = exp.column("group_id", "judged")
    stored = exp.Case().when(is_long, _in("judged", short)).else_(kept)
    judged = select(exp.Column(this=exp.Star(), table=exp.to_identifier("named")))
    return (
        select(
            *(exp.column(name, "judged") for name in ("event_id", "source", "message_id")),
            exp.column("call_type", "judged"),
            stored.as_("group_id"),
            exp.column("traits", "judged"),
            exp.cast(exp.column("dropped_reason", "judged"), "text").as_("dropped_reason"),
            *(exp.column(name, "judged") for name in ("occurred_at", "load_id")),
            exp.cast(exp.Literal.string(digest), "text").as_("definition_hash"),
        )
        .from_("judged")
        .with_("named", as_=_named(dialect))
        .with_(
            "judged",
            as_=judged.select(reason.as_("dropped_reason"))
            .from_("named")
            .where(exp.Is(this=value.copy(), expression=exp.Not(this=exp.null()))),
        )
    )


def _in(table: str, expression: exp.Expr) -> exp.Expr:
    """The expression with its columns read from another table."""
    moved = expression.copy()
    for column in moved.find_all(exp.Column):
        column.set("table", exp.to_identifier(table))
    return moved


def _named(dialect: str) -> exp.Select:
    """Every event that says a group id, and what it says.

    Most contexts hold none: a search for the key is cheaper than reading the JSON.
    """
    kind, context = exp.column("type", "events"), exp.column("context", "events")
    is_group = kind.eq(exp.Literal.string("group"))
    said = (
        exp.Case()
        .when(is_group.copy(), exp.column("group_id", "events"))
        .else_(json_text(context, ["groupId"], dialect))
    )
    has_key = exp.StrPosition(this=context.copy(), substr=exp.Literal.string('"groupId"'))
    return (
        select(
            *(exp.column(name, "events") for name in ("event_id", "source", "message_id")),
            exp.alias_(kind.copy(), "call_type"),
            exp.func("trim", said).as_("group_id"),
            exp.Case().when(is_group.copy(), exp.column("traits", "events")).as_("traits"),
            *(exp.column(name, "events") for name in ("occurred_at", "load_id")),
        )
        .from_("events")
        .where(exp.or_(is_group.copy(), exp.GT(this=has_key, expression=exp.Literal.number(0))))
    )
