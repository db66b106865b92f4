"""Reading one profile out of the public tables. Read-only."""

from __future__ import annotations

from typing import Any

from cdp.errors import RunError, suggest
from cdp.project import Project
from cdp.warehouse import Warehouse

Fact = tuple[str, str, Any, Any]
"""(kind, name, value, at): an identifier, a trait, an account, an audience or an event."""


def find_profile(project: Project, warehouse: Warehouse, identifier: str) -> str:
    """The present profile id of an identifier's value or of a profile id ever issued.

    Raises RunError when nothing, or more than one profile, bears it.
    """
    schema = project.schema("public")
    if not warehouse.exists(schema, "identity_graph"):
        raise RunError(
            "not-built", "the profile tables do not exist yet", help="run 'cdp build' first"
        )
    wanted = identifier.strip()
    found = warehouse.rows(
        f"select distinct cast(canonical_profile_id as varchar) from {schema}.identity_graph "  # noqa: S608 (a schema's name)
        "where identifier_value in (?, lower(?)) "
        f"union select cast(canonical_profile_id as varchar) from {schema}.profile_merges "
        "where cast(profile_id as varchar) = lower(?)",
        [wanted, wanted, wanted],
    )
    if not found:
        raise RunError(
            "unknown-profile",
            "no profile has this identifier",
            help="give an e-mail address, a user id, an anonymous id or a profile id "
            "as it stands in user_identifiers",
        )
    if len(found) > 1:
        ids = ", ".join(sorted(str(row[0]) for row in found))
        raise RunError(
            "ambiguous-profile",
            f"{len(found)} profiles have this identifier: {ids}",
            help="give one of the profile ids",
        )
    return str(found[0][0])


def read_profile(
    project: Project, warehouse: Warehouse, profile_id: str, event_count: int
) -> list[Fact]:
    """Everything known of a profile, as rows: identifiers, traits, accounts, entities such as a
    household, audiences, recent events."""
    schema = project.schema("public")
    facts: list[Fact] = []
    for kind, (table, sql) in _QUERIES.items():
        # A warehouse that an older version built may lack a table until the next build.
        if not warehouse.exists(schema, table):
            continue
        rows = warehouse.rows(sql.replace("{schema}", schema), [profile_id])
        facts += [(kind, *row) for row in rows]
    facts += _computed_traits(warehouse, schema, profile_id)
    if warehouse.exists(schema, "profile_events") and event_count:
        facts += [
            ("event", name, message_id, at)
            for name, message_id, at in warehouse.rows(
                f"select coalesce(event_name, type), message_id, occurred_at "  # noqa: S608 (a schema's name)
                f"from {schema}.profile_events where canonical_profile_id = cast(? as uuid) "
                "order by occurred_at desc, message_id limit ?",
                [profile_id, event_count],
            )
        ]
    return facts


def read_trait_changes(
    project: Project, warehouse: Warehouse, profile_id: str, trait: str | None = None
) -> list[tuple[Any, ...]]:
    """Every change of a profile's traits, or of one of them, as `CHANGE_COLUMNS`.

    Raises RunError when the history, or the trait in it, does not exist.
    """
    schema = project.schema("public")
    if not warehouse.exists(schema, "profile_traits_history"):
        raise RunError(
            "not-built", "the profile tables do not exist yet", help="run 'cdp build' first"
        )
    rows = warehouse.rows(
        "select trait_name, trait_value, previous_value, occurred_at, valid_to, source, message_id "  # noqa: S608 (a schema's name)
        f"from {schema}.profile_traits_history where canonical_profile_id = cast(? as uuid) "
        "order by trait_name, change_number",
        [profile_id],
    )
    if trait is None:
        return rows
    names = {str(row[0]) for row in rows}
    if trait not in names:
        raise RunError(
            "unknown-trait",
            f"the profile never had a trait '{trait}'",
            help=suggest(trait, names),
        )
    return [row for row in rows if row[0] == trait]


CHANGE_COLUMNS = ("trait", "value", "before", "from", "until", "source", "message_id")
_QUERIES = {
    "identifier": (
        "user_identifiers",
        (
            "select identifier_type, identifier_value, last_seen_at "
            "from {schema}.user_identifiers where canonical_profile_id = cast(? as uuid) "
            "order by identifier_type, last_seen_at desc, identifier_value"
        ),
    ),
    "trait": (
        "user_traits",
        (
            "select trait_name, trait_value, occurred_at from {schema}.user_traits "
            "where canonical_profile_id = cast(? as uuid) order by trait_name"
        ),
    ),
    "account": (
        "account_memberships",
        (
            "select 'group_id', a.group_id, m.first_seen_at from {schema}.account_memberships as m "
            "inner join {schema}.accounts as a on m.account_id = a.account_id "
            "where m.canonical_profile_id = cast(? as uuid) order by a.group_id"
        ),
    ),
    "entity": (
        "entity_members",
        (
            "select m.entity_name, cast(m.entity_id as varchar), null "
            "from {schema}.entity_members as m "
            "where m.canonical_profile_id = cast(? as uuid) order by m.entity_name"
        ),
    ),
    "audience": (
        "audience_memberships",
        (
            "select audience_name, true, entered_at from {schema}.audience_memberships "
            "where canonical_profile_id = cast(? as uuid) order by audience_name"
        ),
    ),
}
"""Per kind of fact the table that must exist, and its rows of one profile."""


def _computed_traits(warehouse: Warehouse, schema: str, profile_id: str) -> list[Fact]:
    names, rows = warehouse.table(
        f"select * from {schema}.computed_traits where canonical_profile_id = cast(? as uuid)",  # noqa: S608 (a schema's name)
        [profile_id],
    )
    return [
        ("computed trait", name, value, None)
        for row in rows
        for name, value in zip(names, row, strict=True)
        if name != "canonical_profile_id"
    ]
