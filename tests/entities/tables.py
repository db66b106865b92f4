"""What the tables of accounts and entities hold, and what the oracle says that they should.

On any engine: a question is a query with the schemas left open, and answers are sets of
texts and numbers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any
from uuid import UUID

from tests.entities import oracle

Rows = set[tuple[Any, ...]]
QUESTIONS = {
    "accounts": "select account_id, group_id, first_seen_at, last_seen_at, member_count "
    "from {public}.accounts",
    "account_traits": "select account_id, trait_name, trait_value from {public}.account_traits",
    "account_memberships": "select canonical_profile_id, account_id, first_seen_at, last_seen_at "
    "from {public}.account_memberships",
    "entity_merges": "select issued_entity_id, entity_id from {public}.entity_merges",
    "entity_members": "select entity_id, canonical_profile_id from {public}.entity_members",
    "entity": "select entity_id, member_count from {public}.entity__household",
    "dropped values": "select dropped_reason, count(*) from {internal}.int_entities__values "
    "where dropped_reason is not null group by dropped_reason",
    "dropped group ids": "select dropped_reason, count(*) "
    "from {internal}.int_entities__account_events "
    "where dropped_reason is not null group by dropped_reason",
}


def found(ask: Callable[[str], list[tuple[Any, ...]]], schema: str) -> dict[str, Rows]:
    """The answer to each question; no row may be there twice."""
    answers = {}
    for name, question in QUESTIONS.items():
        rows = ask(question.format(public=schema, internal=f"{schema}_internal"))
        answers[name] = {_plain(row) for row in rows}
        assert len(answers[name]) == len(rows) > 0, name
    return answers


def expected(messages: list[oracle.Message]) -> dict[str, Rows]:
    """The same from the oracle."""
    accounts = oracle.accounts(messages)
    ids = {group: oracle.key("account", "", "group_id", group) for group in accounts}
    traits, memberships = oracle.account_traits(messages), oracle.memberships(messages)
    entities = oracle.entities(messages)
    sizes = Counter(entity for entity, _ in entities.members)
    bad = Counter(oracle.BAD[one.group] for one in messages if one.group in oracle.BAD)
    answers: dict[str, list[tuple[Any, ...]]] = {
        "accounts": [(ids[group], group, *seen) for group, seen in accounts.items()],
        "account_traits": [(ids[group], name, one) for (group, name), one in traits.items()],
        "account_memberships": [
            (profile, ids[group], *times) for (profile, group), times in memberships.items()
        ],
        "entity_merges": list(entities.merges.items()),
        "entity_members": list(entities.members),
        "entity": list(sizes.items()),
        "dropped values": list(entities.dropped.items()),
        "dropped group ids": list(bad.items()),
    }
    # Some entity has several values, or nothing was joined by more than one rule.
    assert len(set(entities.merges.values())) < len(entities.merges)
    return {name: {_plain(row) for row in rows} for name, rows in answers.items()}


def _plain(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(str(value) if isinstance(value, UUID) else value for value in row)
