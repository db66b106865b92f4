"""The text of representative generated models in every dialect, kept beside this file.

A change of the compiler, or of sqlglot, shows here as one readable difference. Write them
anew with: pytest tests/golden --update-golden
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import sqlglot

from cdp.audiences.compile import compile_audiences
from cdp.catalogue import load_catalogue
from cdp.entities.compile import compile_entities
from cdp.project import DIALECTS, Project
from cdp.sql.model import GeneratedModel, print_model
from cdp.sql.text import sql_text
from cdp.syncs.compile import compile_syncs
from cdp.traits.compile import compile_traits

FOLDER = Path(__file__).parent
MODELS = (
    "event__order_completed",
    "event__page_viewed",
    "table__support_tickets",
    "table__scores",
    "int_features__touched",
    "int_features__computed",
    "int_features__tables",
    "int_features",
    "traits__orders",
    "traits__behaviour",
    "computed_traits",
    "int_account_features",
    "account_computed_traits",
    "audience__every_operator",
    "audience__nested",
    "int_conditions__computed",
    "int_conditions__moving",
    "int_conditions",
    "audience__behaviour",
    "int_rankings",
    "audience__selections",
    "int_audiences__members",
    "int_entities__account_events",
    "int_entities__values",
    "entity__household",
    "sync__accounts",
    "sync__documents",
    "sync__households",
    "sync__orders",
    "sync__every_event",
)


@pytest.fixture(scope="module")
def models() -> dict[str, GeneratedModel]:
    """The hash of identity rules is a word here: changed rules change one line elsewhere."""
    catalogue = load_catalogue(Project(FOLDER))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cdp.traits.compile.rules_hash", lambda rules: "identity")
        traits, audiences = compile_traits(catalogue), compile_audiences(catalogue)
    parts = (traits, audiences, compile_entities(catalogue), compile_syncs(catalogue)[0])
    return {one.name: one for models in parts for one in models}


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", MODELS)
def test_a_model_prints_as_its_golden_file(
    models: dict[str, GeneratedModel], name: str, dialect: str, update_golden: bool
) -> None:
    text = print_model(models[name], dialect, "0" * 64, only_dialect=True)
    path = FOLDER / dialect / f"{name}.sql"
    if update_golden:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_body_is_one_statement_of_its_dialect(
    models: dict[str, GeneratedModel], dialect: str
) -> None:
    for name, model in models.items():
        statements = sqlglot.parse(sql_text(model.body(dialect), dialect), dialect=dialect)
        assert len(statements) == 1, name


@pytest.mark.parametrize("dialect", DIALECTS)
def test_keywords_are_lower_case_and_every_column_is_qualified(
    models: dict[str, GeneratedModel], dialect: str
) -> None:
    for name, model in models.items():
        tree = model.body(dialect)
        bare = [one.sql() for one in tree.find_all(sqlglot.exp.Column) if not one.table]
        assert bare == [], name
        without_texts = re.sub(r"'(?:[^'\\]|''|\\.)*'|\"[^\"]*\"", "", sql_text(tree, dialect))
        assert without_texts == without_texts.lower(), name
