"""The hand-written membership models, run without dbt over tables of our choosing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
from jinja2 import Environment

from cdp.audiences.members import members_seen
from cdp.warehouse import Warehouse

MODELS = Path(__file__).parents[2] / "dbt_project" / "models" / "audiences"
START = datetime(2026, 5, 1)
Member = tuple[str, str]


class History:
    """A warehouse in which day after day is built; ids are single letters."""

    def __init__(self) -> None:
        self.day = -1
        self.connection = duckdb.connect(":memory:")

    def close(self) -> None:
        self.connection.close()

    def build(
        self, members: Iterable[Member], merges: Mapping[str, str], defined: Iterable[str]
    ) -> list[tuple[Any, ...]]:
        """One day's run; what it appends, as (audience, id, transition, reason), sorted.

        `merges` maps every id ever issued to its present profile.
        """
        self.day += 1
        return self.build_again(members, merges, defined)

    def build_again(
        self, members: Iterable[Member], merges: Mapping[str, str], defined: Iterable[str]
    ) -> list[tuple[Any, ...]]:
        """A second run on the same day."""
        self._table("int_audiences__members", ("audience_name", "canonical_profile_id"), members)
        self._table("int_audiences__defined", ("audience_name",), [(one,) for one in defined])
        self._table("profile_merges", ("profile_id", "canonical_profile_id"), merges.items())
        features = [(one, self.today) for one in set(merges.values())]
        self._table("int_features", ("canonical_profile_id", "as_of"), features, "timestamp")
        exists = self._exists("audience_transitions")
        query = render("audience_transitions", is_incremental=exists)
        self.connection.execute(f"create or replace table appended as {query}")
        append = "insert into audience_transitions from appended"
        create = "create table audience_transitions as from appended"
        self.connection.execute(append if exists else create)
        query = render("audience_memberships", is_incremental=False)
        self.connection.execute(f"create or replace table audience_memberships as {query}")
        self._count()
        return self.connection.execute(
            "select audience_name, canonical_profile_id, transition, reason from appended "
            "order by all"
        ).fetchall()

    def _count(self) -> None:
        """What dbt's delete+insert does with the rows of a run."""
        query = render("audience_sizes", is_incremental=True)
        if not self._exists("audience_sizes"):
            self.connection.execute(f"create table audience_sizes as {query}")
            return
        self.connection.execute(f"create or replace table counted as {query}")
        self.connection.execute(
            "delete from audience_sizes where (audience_name, as_of) in "
            "(select (c.audience_name, c.as_of) from counted as c)"
        )
        self.connection.execute("insert into audience_sizes from counted")

    def sizes(self) -> dict[tuple[str, int], tuple[int, int, int]]:
        """Members, entries and exits by audience and day."""
        rows = self.connection.execute(
            "select audience_name, as_of, member_count, entered_count, exited_count "
            "from audience_sizes"
        ).fetchall()
        found = {(name, (at - START).days): tuple(counts) for name, at, *counts in rows}
        assert len(found) == len(rows), "one row an audience and run"
        return found

    @property
    def today(self) -> datetime:
        return START + timedelta(days=self.day)

    def memberships(self) -> dict[Member, int]:
        """The day on which each present member entered."""
        rows = self.connection.execute("from audience_memberships").fetchall()
        return {(audience, one): (entered - START).days for audience, one, entered in rows}

    def members_seen(self, audience: str, day: int) -> dict[str, int]:
        """The day on which each member of a past day had entered, as the runs saw it."""
        warehouse = Warehouse(self.connection, Path())
        moment = START + timedelta(days=day)
        rows = members_seen(warehouse, "main", audience, moment)
        return {one: (entered - START).days for one, entered in rows}

    def _exists(self, table: str) -> bool:
        query = "select 1 from duckdb_tables() where table_name = ?"
        return bool(self.connection.execute(query, [table]).fetchall())

    def _table(
        self,
        name: str,
        columns: tuple[str, ...],
        rows: Iterable[tuple[Any, ...]],
        last_type: str = "text",
    ) -> None:
        types = ["text"] * (len(columns) - 1) + [last_type]
        described = ", ".join(
            f"{column} {type_}" for column, type_ in zip(columns, types, strict=True)
        )
        self.connection.execute(f"create or replace table {name} ({described})")
        marks = ", ".join("?" for _ in columns)
        for row in rows:
            self.connection.execute(
                f"insert into {name} values ({marks})",  # noqa: S608 (a table of this test)
                list(row),
            )


def render(model: str, *, is_incremental: bool) -> str:
    """A hand-written model as SQL over tables without a schema."""
    text = (MODELS / f"{model}.sql").read_text(encoding="utf-8")
    return (
        Environment(autoescape=False)
        .from_string(text)
        .render(
            config=lambda **settings: "",
            ref=lambda name: name,
            this="audience_transitions",
            is_incremental=lambda: is_incremental,
            cdp_as_of=lambda: "cast('2000-01-01' as timestamp)",
            cdp_refuse_earlier_clock=lambda history, column: "",
            dbt=SimpleNamespace(type_string=lambda: "text"),
            invocation_id="run",
        )
    )
