"""The rules of traits as a table: `int_profiles__trait_rules`.

The rules are data, so that a changed rule rebuilds no event table; what they mean is
hand-written dbt (`int_profiles__trait_states`, `user_traits`). Pure: rules in,
models out.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from sqlglot import exp, select

from cdp.profiles.spec import TraitRule, TraitRules
from cdp.sql.engines import cast
from cdp.sql.model import Column, GeneratedModel
from cdp.sql.types import INTEGER, STRING

if TYPE_CHECKING:
    from cdp.catalogue import Catalogue

RULES = "int_profiles__trait_rules"
DEFINITION = PurePosixPath("definitions/profile_traits.yml")
ANY_OTHER = ""
"""The trait without a rule of its own, which takes the default, and the source without a rank."""
COLUMNS = (
    Column("trait_name", "string", "As it is sent; empty: every other trait.", ("not_null",)),
    Column("keep", "string", "latest, first, most_frequent or source_priority.", ("not_null",)),
    Column("source", "string", "The source that is asked; empty: every other.", ("not_null",)),
    Column("source_rank", "integer", "In which order sources are asked; 1 is the first."),
)


def compile_trait_rules(catalogue: Catalogue) -> list[GeneratedModel]:
    """The rules of a catalogue's traits, one row a trait and source that it asks."""
    rules = catalogue.trait_rules
    return [
        GeneratedModel(
            name=RULES,
            folder="profiles",
            definitions=(DEFINITION,),
            description="One row a trait with a rule of its own and source that the rule asks; "
            "the empty trait is the default, the empty source any that is not listed.",
            columns=COLUMNS,
            imports=(),
            body=lambda dialect: _rules(rules, dialect),
            config={"materialized": "view", "schema": "internal"},
        )
    ]


def _rules(rules: TraitRules, dialect: str) -> exp.Query:
    rows = [
        _row(name, rule, source, rank, dialect)
        for name, rule in ((ANY_OTHER, rules.default), *rules.traits)
        for rank, source in enumerate((*(one.name for one in rule.sources), ANY_OTHER), start=1)
    ]
    return exp.union(*rows, distinct=False, copy=False) if rows[1:] else rows[0]


def _row(name: str, rule: TraitRule, source: str, rank: int, dialect: str) -> exp.Select:
    return select(
        cast(exp.Literal.string(name), STRING, dialect).as_("trait_name"),
        cast(exp.Literal.string(rule.keep), STRING, dialect).as_("keep"),
        cast(exp.Literal.string(source), STRING, dialect).as_("source"),
        cast(exp.Literal.number(rank), INTEGER, dialect).as_("source_rank"),
    )
