"""The extraction of identifiers from events, as a tree.

One wide pass over the new events reads, cleans and judges every place; the rest
turns that row into one row an identifier. External ids are a list on the event
and come as rows of their own. Pure: rules in, tree out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp, select

from cdp.identity.fields import FieldPath, Place
from cdp.identity.spec import IdentifierType, IdentityRules
from cdp.identity.values import LINK, TOO_LONG, dialled, dropped_reason, normalized
from cdp.sql.engines import binary
from cdp.sql.json import json_text
from cdp.sql.keys import key

EXTERNAL = "external_ids"
RECORDS = "record_identifiers"
_RECORD = "every_record"
Listed = Mapping[str, tuple[str, ...]]
"""For a type of identifier, what its values are called in an import that lists them."""
_ALIASED = Place(FieldPath("previous_id"), ("alias",))
_KEPT = ("event_id", "occurred_at", "load_id", "resolution")


@dataclass(frozen=True)
class _Value:
    """A place of an identifier type, and the column that holds its value on the wide row."""

    column: str
    type: IdentifierType
    place: Place
    is_link: bool = False

    @property
    def reason(self) -> str:
        return f"{self.column}_dropped"


def extraction(rules: IdentityRules, digest: str, dialect: str, records: Listed) -> exp.Query:
    """The body of the extraction model.

    Over its imports `events`, `external_ids` where a type reads them, and `record_identifiers`
    where `records` has something: for a type, what its values are called there.
    """
    values = [
        _Value(kind.name.replace(".", "_") + (f"_{number}" if number > 1 else ""), kind, place)
        for kind in rules.types
        for number, place in enumerate(kind.places, start=1)
    ]
    # After all sightings: a previous id that its type reads itself is seen, not linked.
    values += [
        _Value(f"{kind.name.replace('.', '_')}_link", kind, _ALIASED, is_link=True)
        for kind in rules.types
        if kind.name in rules.alias
    ]
    parts = _shared_objects(rules)
    external = [kind for kind in rules.types if kind.external_ids]
    rows = [
        _identifier_row(
            one, [other for other in values[:index] if other.type is one.type], digest, dialect
        )
        for index, one in enumerate(values)
    ] + [_listed_row(kind, EXTERNAL, digest, dialect) for kind in external]
    query = _owners(_union(rows), "every_row", dialect) if external else _union(rows)
    if records:
        owned = _owners(_union(_record_rows(rules, records, digest, dialect)), _RECORD, dialect)
        query = exp.union(query, owned, distinct=False, copy=False)
    query = (
        query.with_("opened", as_=_opened(parts, dialect))
        .with_("found", as_=_found(values, parts, dialect))
        .with_("judged", as_=_judged(values))
        .with_("owned", as_=_owned(rules, values, dialect))
    )
    for kind in external:
        query = query.with_(
            _listed(kind, EXTERNAL), as_=_listed_found(kind, EXTERNAL, (kind.name,), dialect)
        )
    if external:
        query = query.with_("every_row", as_=_union(rows))
    return _with_records(query, rules, records, digest, dialect) if records else query


def _with_records(
    query: exp.Query, rules: IdentityRules, records: Listed, digest: str, dialect: str
) -> exp.Query:
    for kind in rules.types:
        if names := records.get(kind.name):
            query = query.with_(
                _listed(kind, RECORDS), as_=_listed_found(kind, RECORDS, names, dialect)
            )
    return query.with_(_RECORD, as_=_union(_record_rows(rules, records, digest, dialect)))


def _record_rows(
    rules: IdentityRules, records: Listed, digest: str, dialect: str
) -> list[exp.Select]:
    """Records have owners of their own, found apart from events: these need no window for it."""
    return [
        _listed_row(kind, RECORDS, digest, dialect)
        for kind in rules.types
        if records.get(kind.name)
    ]


def _union(rows: Sequence[exp.Query]) -> exp.Query:
    return exp.union(*rows, distinct=False, copy=False) if rows[1:] else rows[0]


def _shared_objects(rules: IdentityRules) -> dict[FieldPath, str]:
    """Objects that several paths lie in, such as context.device: each is opened once."""
    paths = [place.path for kind in rules.types for place in kind.places]
    paths += [one.path for kind in rules.types for one in kind.when]
    prefixes = dict.fromkeys(
        FieldPath(path.column, path.keys[:1]) for path in paths if len(path.keys) > 1
    )
    return {
        prefix: f"{prefix.column}_object_{number}"
        for number, prefix in enumerate(prefixes, start=1)
    }


def _opened(parts: dict[FieldPath, str], dialect: str) -> exp.Select:
    names = (*_KEPT, "type", "user_id", "anonymous_id", "previous_id")
    columns = [exp.column(name, "events") for name in (*names, "traits", "properties", "context")]
    objects = [
        json_text(exp.column(prefix.column, "events"), prefix.keys, dialect).as_(name)
        for prefix, name in parts.items()
    ]
    return select(*columns, *objects).from_("events")


def _found(values: list[_Value], parts: dict[FieldPath, str], dialect: str) -> exp.Select:
    columns: list[exp.Expr] = [exp.column(name, "opened") for name in _KEPT]
    for one in values:
        value = _read(one.place.path, parts, dialect)
        needs: list[exp.Expr] = [
            _read(need.path, parts, dialect).eq(exp.Literal.string(need.equals))
            for need in one.type.when
        ]
        if one.place.calls:
            calls = [exp.Literal.string(call) for call in one.place.calls]
            needs.insert(0, exp.In(this=exp.column("type", "opened"), expressions=calls))
        if needs:
            value = exp.Case().when(exp.and_(*needs), value)
        columns.append(normalized(value, one.type, dialect).as_(one.column))
    return select(*columns).from_("opened")


def _read(path: FieldPath, parts: dict[FieldPath, str], dialect: str) -> exp.Expr:
    if not path.keys:
        return exp.column(path.column, "opened")
    shared = parts.get(FieldPath(path.column, path.keys[:1]))
    if shared and len(path.keys) > 1:
        return json_text(exp.column(shared, "opened"), path.keys[1:], dialect)
    return json_text(exp.column(path.column, "opened"), path.keys, dialect)


def _judged(values: list[_Value]) -> exp.Select:
    """Each value beside the reason that drops it, or null."""
    columns: list[exp.Expr] = [exp.column(name, "found") for name in _KEPT]
    for one in values:
        value = _complete(exp.column(one.column, "found"), one.type)
        columns.append(exp.alias_(value, one.column))
        reason = dropped_reason(value, one.type)
        if one.is_link:
            reason = exp.func("coalesce", reason, exp.Literal.string(LINK))
        columns.append(exp.alias_(reason, one.reason))
    return select(*columns).from_("found")


def _complete(value: exp.Expr, kind: IdentifierType) -> exp.Expr:
    return dialled(value, kind) if "phone" in kind.normalize else value


def _owned(rules: IdentityRules, values: list[_Value], dialect: str) -> exp.Select:
    """Adds the event's owner: its highest type, and inside a type its least value."""
    owner = exp.Case()
    for kind in rules.types:
        kept: list[exp.Expr] = [
            exp.Case().when(_absent(one.reason, "judged"), exp.column(one.column, "judged"))
            for one in values
            if one.type is kind and not one.is_link
        ]
        if not kept:
            continue
        value = kept[0]
        if len(kept) > 1:
            # `least` is null on some engines when one argument is.
            least = exp.func("least", *(binary(one, dialect) for one in kept))
            value = exp.func("coalesce", least, *kept)
        some = exp.or_(*(_present(one) for one in kept))
        owner = owner.when(some, key([exp.Literal.string(kind.name), value], dialect))
    names = [name for one in values for name in (one.column, one.reason)]
    columns_ = [exp.column(name, "judged") for name in (*_KEPT, *names)]
    owned = owner if owner.args.get("ifs") else exp.null()
    return select(*columns_, exp.alias_(owned, "owner_id")).from_("judged")


def _identifier_row(one: _Value, earlier: list[_Value], digest: str, dialect: str) -> exp.Select:
    value, reason = exp.column(one.column, "owned"), exp.column(one.reason, "owned")
    row = _row(one.type, value, reason, "owned", digest, dialect).where(_present(value))
    for other in earlier:
        same = exp.column(other.column, "owned").eq(value.copy())
        row = row.where(exp.not_(exp.func("coalesce", same, exp.false())))
    return row


def _listed_found(
    kind: IdentifierType, table: str, names: Sequence[str], dialect: str
) -> exp.Select:
    """The values of a type in an import that lists identifiers by name."""
    value = exp.column("identifier_value", table)
    columns: list[exp.Expr] = [exp.column(name, table) for name in _KEPT]
    named = [exp.Literal.string(name) for name in names]
    name = exp.column("identifier_type", table)
    return (
        select(*columns, normalized(value, kind, dialect).as_("value"))
        .from_(table)
        .where(exp.In(this=name, expressions=named) if named[1:] else name.eq(named[0]))
    )


def _listed_row(kind: IdentifierType, table: str, digest: str, dialect: str) -> exp.Select:
    name = _listed(kind, table)
    value = _complete(exp.column("value", name), kind)
    row = _row(kind, value, dropped_reason(value, kind), name, digest, dialect)
    return row.where(_present(value))


def _row(
    kind: IdentifierType,
    value: exp.Expr,
    reason: exp.Expr,
    table: str,
    digest: str,
    dialect: str,
) -> exp.Select:
    name = exp.Literal.string(kind.name)
    short = exp.Anonymous(
        this="substr",
        expressions=[value.copy(), exp.Literal.number(1), exp.Literal.number(kind.length)],
    )
    is_long = reason.copy().eq(exp.Literal.string(TOO_LONG))
    stored = exp.Case().when(is_long, short).else_(value.copy())
    owner = exp.column("owner_id", "owned") if table == "owned" else exp.null()
    return select(
        exp.column("event_id", table),
        key([name, value], dialect).as_("identifier_id"),
        exp.cast(name.copy(), "text").as_("identifier_type"),
        exp.alias_(stored, "identifier_value"),
        exp.cast(exp.Literal.number(kind.priority), "bigint").as_("priority"),
        exp.alias_(_uuid(owner, dialect), "owner_id"),
        exp.alias_(exp.cast(reason.copy(), "text"), "dropped_reason"),
        exp.column("occurred_at", table),
        exp.column("load_id", table),
        exp.column("resolution", table),
        exp.cast(exp.Literal.string(digest), "text").as_("definition_hash"),
    ).from_(table)


def _owners(rows: exp.Query, table: str, dialect: str) -> exp.Select:
    """One row an identifier and event; the owner is decided among all of the event's rows."""
    names = [column.alias_or_name for column in rows.selects]
    kept = exp.Case().when(_absent("dropped_reason", table), exp.Literal.number(0))
    order = exp.Order(
        expressions=[
            exp.Ordered(this=kept.else_(exp.Literal.number(1))),
            exp.Ordered(this=exp.column("priority", table)),
            exp.Ordered(this=binary(exp.column("identifier_value", table), dialect)),
        ]
    )
    event, identifier = (exp.column(one, table) for one in ("event_id", "identifier_id"))
    first = exp.Window(
        this=exp.Anonymous(
            this="first_value",
            expressions=[exp.Case().when(_absent("dropped_reason", table), identifier.copy())],
        ),
        partition_by=[event.copy()],
        order=order,
    )
    again = exp.Window(
        this=exp.Anonymous(this="row_number", expressions=[]),
        partition_by=[event.copy(), identifier.copy()],
        order=order.copy(),
    )
    columns = [
        exp.alias_(first, name) if name == "owner_id" else exp.column(name, table) for name in names
    ]
    ranked = select(*columns, exp.alias_(again, "repetition")).from_(table)
    return (
        select(*(exp.column(name, "ranked") for name in names))
        .from_(ranked.subquery("ranked"))
        .where(exp.column("repetition", "ranked").eq(exp.Literal.number(1)))
    )


def _listed(kind: IdentifierType, table: str) -> str:
    return f"{table.partition('_')[0]}_{kind.name.replace('.', '_')}"


def _uuid(value: exp.Expr, dialect: str) -> exp.Expr:
    if not isinstance(value, exp.Null):
        return value
    return exp.cast(value, "uuid" if dialect in ("duckdb", "postgres") else "text")


def _present(value: exp.Expr) -> exp.Expr:
    return exp.Is(this=value.copy(), expression=exp.Not(this=exp.null()))


def _absent(column: str, table: str) -> exp.Expr:
    return exp.Is(this=exp.column(column, table), expression=exp.null())
