"""Our side's SQL: the generated models that members need, as dbt would run them.

Owns the little of dbt that this takes: the order of the models and the clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from sqlglot import exp, select

from bench.audiences.conditions import AS_OF
from bench.audiences.definitions import Audience, write_definitions
from cdp.audiences.compile import MEMBERS
from cdp.audiences.past import members_query
from cdp.catalogue import Catalogue, load_catalogue
from cdp.generate import compile_catalogue
from cdp.project import find_project
from cdp.scaffold import create_project
from cdp.sql.model import GeneratedModel
from cdp.sql.text import sql_text

CLOCK = "clock"
WORLD = "world"
"""What the database of the events is attached as."""


def make_project(folder: Path, audiences: Sequence[Audience]) -> Catalogue:
    """A new project with the audiences, and its definitions as they were read."""
    create_project(folder)
    write_definitions(folder / "definitions", audiences)
    return load_catalogue(find_project(folder))


def statements(catalogue: Catalogue) -> list[tuple[str, str]]:
    """(model, statement) of all that members are made of, above events and profiles, in order."""
    models = {one.name: one for one in compile_catalogue(catalogue).models}
    above = {name for name in models if not name.startswith("event__")}
    return [(name, _statement(models[name])) for name in _in_order(models, above)]


def one_query(catalogue: Catalogue, audience: str) -> str:
    """All of it as one query over the world's tables, in which nothing is stored."""
    query = members_query(
        compile_catalogue(catalogue).models,
        catalogue.audiences[audience],
        datetime.fromisoformat(AS_OF),
        lambda name: exp.table_(
            name, db="main_internal" if name.startswith("event__") else "main", catalog=WORLD
        ),
    )
    return sql_text(query, "duckdb")


def _in_order(models: Mapping[str, GeneratedModel], above: set[str]) -> list[str]:
    done: dict[str, None] = {}
    stack = [(MEMBERS, False)]
    while stack:
        name, ready = stack.pop()
        if ready:
            done[name] = None
        elif name not in done:
            stack.append((name, True))
            stack += [(one.name, False) for one in models[name].imports if one.name in above]
    return list(done)


def _statement(model: GeneratedModel) -> str:
    """The model's query, with the one moment in the place of whatever clock it reads."""
    query = model.body("duckdb")
    if any(one.name == CLOCK for one in model.imports):
        moment = exp.cast(exp.Literal.string(AS_OF), "timestamp", dialect="duckdb")
        # It goes first, because the others read it.
        parts = query.ctes
        query.set("with_", None)
        query = query.with_(CLOCK, as_=select(moment.as_("as_of")), copy=False)
        for one in parts:
            query = query.with_(one.alias, as_=one.this, copy=False)
    kind = "view" if model.config["materialized"] == "view" else "table"
    return f"create {kind} {model.name} as {sql_text(query, 'duckdb')}"
