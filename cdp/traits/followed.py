"""Tables that follow the touched profiles, each with the view that it is verified by.

Owns what they have in common; the macros are those of `macros/profile_features.sql`. What is
computed belongs to `feature_table` and to `audiences.condition_table`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from cdp.sql.model import Body, Column, GeneratedModel, Import
from cdp.sql.names import digest
from cdp.sql.text import sql_text

_WHOSE = "whose"


@dataclass(frozen=True)
class Followed:
    """A table of one row a profile, of which a run computes the touched profiles.

    `name` is the table, `recomputed` the view that `test` compares it with. `keyed` are the
    models that say whose everything is: of the first the touched profiles alone are read, of the
    others those of the first.
    `upstream_version` changes when a row of what is read would be another from the same events.
    `after` is the followed table that is read, whose clock is this one's too. `compared` are the
    traits that the table keeps, by the view that has them, each with its column: profiles of which
    one is another now are computed too.
    """

    name: str
    recomputed: str
    test: str
    folder: str
    definitions: tuple[PurePosixPath, ...]
    description: str
    columns: tuple[Column, ...]
    keyed: tuple[str, ...]
    others: tuple[str, ...]
    body: Body
    upstream_version: str
    after: str = ""
    compared: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """Changes when the rows would: also a new way of computing must reach every profile."""
        return digest(f"{self.upstream_version} {sql_text(self.body('duckdb'), 'duckdb')}")


def computed_model(table: Followed, clock: tuple[Import, ...] = ()) -> GeneratedModel:
    """The table. `clock` is the import of the run's clock, where it is read here."""
    version = table.version
    more = f", '{table.after}'" if table.after else ""
    more += f", {table.compared}" if table.compared else ""
    return GeneratedModel(
        name=table.name,
        folder=table.folder,
        definitions=table.definitions,
        description=f"{table.description} A run computes the profiles of int_features__touched.",
        columns=table.columns,
        imports=(*_imports(table), *clock),
        body=table.body,
        config={
            "materialized": "profile_features",
            "schema": "internal",
            "meta": {"definition_hash": version, "after": table.after},
        },
        settings={_WHOSE: f"cdp.cdp_where_touched('{version}'{more})"},
    )


def recomputed_model(table: Followed, clock: tuple[Import, ...] = ()) -> GeneratedModel:
    """What the table would hold, of a sample, had it been computed whole; and the comparison.

    `clock` is the import of the clock that the table was computed by.
    """
    same = {"name": table.test, "arguments": {"table": table.name}}
    return GeneratedModel(
        name=table.recomputed,
        folder=table.folder,
        definitions=table.definitions,
        description=f"What {table.name} would hold had it been computed whole: of a sample of "
        "the profiles, another one after each run. There where the var cdp_verify_features is.",
        columns=table.columns,
        imports=(*_imports(table), *clock),
        body=table.body,
        config={"materialized": "view", "schema": "internal"},
        tests=({"cdp.is_followed_by": same},),
        enabled="var('cdp_verify_features', '') != ''",
        settings={_WHOSE: f"cdp.cdp_where_sampled('{table.name}')"},
    )


def _imports(table: Followed) -> list[Import]:
    first, *keyed = table.keyed
    whose = f"select {first}.canonical_profile_id from {first}"  # noqa: S608 (a model's name)
    same = f"where canonical_profile_id in ({whose})"
    endings = {first: "{{ " + _WHOSE + " }}"}
    endings |= dict.fromkeys(keyed, "{{ '" + same + "' if " + _WHOSE + " }}")
    limited = [Import(one, f"{Import.ref(one).sql}\n{end}") for one, end in endings.items()]
    return [*limited, *(Import.ref(one) for one in table.others)]
