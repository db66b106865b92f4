"""Desired states that the warehouse cannot read: which column, and never whose value."""

from __future__ import annotations

import pytest

from cdp.errors import RunError
from tests.syncs.harness import Shop

ROWS = "create or replace table main.customers as select 'a' as id, 'a@x' as email, 'much' as spend"
VIEW = """
create or replace view main.sync__customers as select
    c.id as sync_key, c.email, cast(c.spend as decimal(38, 6)) as spend
from main.customers as c
"""


@pytest.fixture
def stale(shop: Shop) -> Shop:
    with shop.connect() as connection:
        connection.execute(ROWS)
        connection.execute(VIEW)
    return shop


def test_a_value_that_cannot_be_cast_names_the_field_and_not_the_value(stale: Shop) -> None:
    with pytest.raises(RunError) as caught:
        stale.run()
    place = stale.folder / "definitions" / "syncs" / "customers.yml"
    assert str(caught.value) == (
        "error[unreadable-value]: field 'spend' of sync 'customers' has a value that cannot be "
        f"made what its definition says\n  --> {place}:8:19\n"
        "   8 |   spend: {column: spend, type: decimal}\n"
        "help: choose another 'type' for it, or correct the rows in a model"
    )


def test_a_column_that_has_gone_since_the_build_asks_for_another(stale: Shop) -> None:
    with stale.connect() as connection:
        connection.execute("alter table main.customers drop column spend")
    with pytest.raises(RunError) as caught:
        stale.run()
    place = stale.folder / "definitions" / "syncs" / "customers.yml"
    assert str(caught.value) == (
        "error[sync-stale]: the desired state of sync 'customers' reads a table or column that "
        f"is gone or of another type\n  --> {place}:1:7\n   1 | name: customers\n"
        "help: run 'cdp build' first"
    )
