"""Why the rows of a desired state could not be read, in words that quote no row.

Owns the messages of what DuckDB says about the view of a sync. Neither reads rows for
anybody else nor decides what is sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from cdp.errors import RunError
from cdp.syncs.compile import KEY_COLUMN
from cdp.syncs.spec import Sync
from cdp.warehouse import Warehouse, quoted


@contextmanager
def reading_desired(
    warehouse: Warehouse, sync: Sync, relation: str, columns: Sequence[tuple[str, str]]
) -> Iterator[None]:
    """A block that reads the rows of a desired state.

    Raises RunError when it cannot be read as it is.
    """
    import duckdb

    try:
        yield
    except (duckdb.BinderException, duckdb.CatalogException):
        raise RunError(
            "sync-stale",
            f"the desired state of sync '{sync.name}' reads a table or column that is gone "
            "or of another type",
            location=sync.location,
            help="run 'cdp build' first",
        ) from None
    except (duckdb.DataError, duckdb.InvalidInputException):
        # What DuckDB says quotes the value.
        raise _bad_value(warehouse, sync, relation, [name for name, _ in columns]) from None


def _bad_value(warehouse: Warehouse, sync: Sync, relation: str, columns: Sequence[str]) -> RunError:
    """Which column it is, found by reading each alone."""
    import duckdb

    for name in (*columns, KEY_COLUMN):
        try:
            warehouse.value(
                # The relation is from code, the column of the built model.
                f"select max(cast(d.{quoted(name)} as varchar)) from {relation} as d"  # noqa: S608
            )
        except duckdb.Error:
            break
    else:
        name = KEY_COLUMN
    field = next((one for one in sync.fields if one.name == name), None)
    return RunError(
        "unreadable-value",
        f"{'field' if field else 'column'} '{name}' of sync '{sync.name}' has a value that "
        "cannot be made what its definition says",
        location=field.location if field else sync.location,
        help="choose another 'type' for it, or correct the rows in a model",
    )
