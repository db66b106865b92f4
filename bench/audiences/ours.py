"""Our side's SQL: the generated models that members need, as dbt would run them.

Owns the little of dbt that this takes: names of other models and the clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace

from jinja2 import Environment

from bench.audiences.conditions import AS_OF
from bench.audiences.definitions import Audience, write_definitions
from cdp.audiences.compile import MEMBERS
from cdp.catalogue import Catalogue, load_catalogue
from cdp.generate import compile_catalogue
from cdp.project import find_project
from cdp.scaffold import create_project
from cdp.sql.model import GeneratedModel, print_model


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
    text = print_model(model, "duckdb", "", only_dialect=True)
    query = (
        Environment(autoescape=False)
        .from_string(text)
        .render(
            config=lambda **settings: "",
            ref=lambda name: name,
            is_incremental=lambda: False,
            cdp=SimpleNamespace(cdp_as_of=lambda: f"cast('{AS_OF}' as timestamp)"),
        )
    )
    kind = "view" if model.config["materialized"] == "view" else "table"
    return f"create {kind} {model.name} as {query}"
