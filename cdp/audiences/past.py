"""An audience's members at another moment: what today's data say about it.

Runs the compiled models with another clock, in one query that writes nothing. Every generated
model between the audience and the clock is inlined; what does not read the clock (event
tables, profiles, identity) is read as the last build made it. So profiles, their identity and the
traits of identify calls are today's. What the runs said then is in `members`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlglot import exp, select

from cdp.audiences.compile import model_name
from cdp.audiences.spec import Audience
from cdp.catalogue import Catalogue
from cdp.errors import RunError
from cdp.generate import compile_catalogue
from cdp.project import Project
from cdp.sql.model import GeneratedModel
from cdp.sql.text import sql_text
from cdp.sql.values import parse_moment
from cdp.warehouse import Warehouse

_DIALECT = "duckdb"
_CLOCK = "clock"
"""The import of a model that reads the time."""


@dataclass(frozen=True)
class Change:
    """A profile that is a member at the second of two moments alone (entered), or at the first."""

    change: str
    profile: str


def read_moment(text: str) -> datetime:
    """ISO text as naive UTC; a date is its midnight.

    Raises RunError when it is none.
    """
    moment = parse_moment(text)
    if moment is None:
        raise RunError(
            "invalid-moment",
            f"'{text}' is not a moment",
            help="write it as 2026-05-01 or 2026-05-01T12:00:00Z",
        )
    return moment


def members_at(
    warehouse: Warehouse,
    project: Project,
    catalogue: Catalogue,
    audience: Audience,
    moment: datetime,
) -> list[str]:
    """The profile ids of the members at a moment (naive UTC), sorted. Writes nothing.

    Raises RunError when the warehouse lacks a table or column that the definition needs.
    """
    import duckdb

    schemas = (project.schema("public"), project.schema("internal"))
    query = members_query(
        compile_catalogue(catalogue).models,
        audience,
        moment,
        lambda name: _built(warehouse, schemas, name),
    )
    text = sql_text(query.order_by(exp.column("canonical_profile_id")), _DIALECT)
    try:
        return [str(row[0]) for row in warehouse.rows(text)]
    except (duckdb.BinderException, duckdb.CatalogException) as error:
        raise _not_built(str(error).splitlines()[0]) from None


def changes_between(
    warehouse: Warehouse,
    project: Project,
    catalogue: Catalogue,
    audience: Audience,
    moments: tuple[datetime, datetime],
) -> list[Change]:
    """Who is a member at the second moment and not at the first, and the other way round."""
    first, second = (
        set(members_at(warehouse, project, catalogue, audience, one)) for one in moments
    )
    found = [Change("entered", one) for one in second - first]
    found += [Change("exited", one) for one in first - second]
    return sorted(found, key=lambda one: (one.change, one.profile))


def members_query(
    models: Iterable[GeneratedModel],
    audience: Audience,
    moment: datetime,
    built: Callable[[str], exp.Table],
) -> exp.Select:
    """One statement with every model that reads the clock as a CTE, in their order.

    `built` gives the table of any other model by its name.
    """
    named = {one.name: one for one in models}
    clocked = _clocked(named)
    last = model_name(audience.name)
    query = select(exp.column("canonical_profile_id", last)).from_(last)
    defined: set[str] = set(clocked)
    for model in _in_order(last, named, clocked):
        for one in model.imports:
            if one.name not in defined:
                defined.add(one.name)
                read = _moment(moment) if one.name == _CLOCK else select("*").from_(built(one.name))
                query = query.with_(one.name, as_=read, copy=False)
        query = query.with_(model.name, as_=model.body(_DIALECT), copy=False)
    return query


def _clocked(models: Mapping[str, GeneratedModel]) -> frozenset[str]:
    """The models that read the clock, or one that does."""
    found: set[str] = set()
    pending = [one.name for one in models.values() if any(i.name == _CLOCK for i in one.imports)]
    users: dict[str, list[str]] = {}
    for model in models.values():
        for one in model.imports:
            users.setdefault(one.name, []).append(model.name)
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            pending += users.get(name, [])
    return frozenset(found)


def _in_order(
    last: str, models: Mapping[str, GeneratedModel], clocked: frozenset[str]
) -> Iterator[GeneratedModel]:
    """The model and those of `clocked` that it needs, each after what it needs itself."""
    seen: set[str] = set()
    stack = [(last, False)]
    while stack:
        name, ready = stack.pop()
        if ready:
            yield models[name]
        elif name not in seen:
            seen.add(name)
            stack.append((name, True))
            needed = [one.name for one in models[name].imports if one.name in clocked]
            stack.extend((one, False) for one in reversed(needed))


def _moment(moment: datetime) -> exp.Select:
    text = exp.Literal.string(f"{moment:%Y-%m-%d %H:%M:%S.%f}")
    return select(exp.cast(text, "timestamp", dialect=_DIALECT).as_("as_of"))


def _built(warehouse: Warehouse, schemas: Sequence[str], name: str) -> exp.Table:
    """A table of the last build, in whichever schema it is."""
    for schema in schemas:
        if warehouse.exists(schema, name):
            return exp.table_(name, db=schema, quoted=True)
    raise _not_built(f"there is no table {name}")


def _not_built(what: str) -> RunError:
    return RunError(
        "not-built",
        f"the last build did not make what the definition needs: {what}",
        help="run 'cdp build', then ask again",
    )
