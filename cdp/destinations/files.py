"""Files as a destination: change files, or one file with the present state.

Owns their names and contents; the same batch of the same run writes the same name
again. A row is acknowledged when its file is there. Where files appear, whole or not
at all, is `places`' and `buckets`'.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from cdp.destinations.delivery import ACCEPTED, RETRY, Batch, Outcome, Refused, Stop, unwritable
from cdp.destinations.places import LocalFolder, Place
from cdp.destinations.secrets import resolve_settings
from cdp.destinations.spec import Destination
from cdp.warehouse import quoted, quoted_text

COPY_OPTIONS = {
    "csv": "format csv, header true",
    "jsonl": "format json",
    "parquet": "format parquet, compression zstd",
}
MOST_ROWS = 100_000
MOST_BYTES = 64_000_000
_UNLIMITED = 2**62


class FileDriver:
    """Writes to `<path>/<sync>/<run>-<batch>.<ext>`, or to `<path>/<sync>.<ext>` (snapshot)."""

    is_idempotent = True

    def __init__(self, destination: Destination, project_folder: Path) -> None:
        settings = resolve_settings(destination)
        manifest = destination.manifest
        self._name = destination.name
        self._place: Place
        if manifest.driver == "bucket":
            from cdp.destinations.buckets import Bucket

            self._place = Bucket(manifest.variant, settings)
            self._format = str(settings["format"])
        else:
            self._place = LocalFolder(project_folder / str(settings["path"]))
            self._format = manifest.variant
        is_snapshot = settings["write"] == "snapshot"
        self.snapshot_format = self._format if is_snapshot else None

    def close(self) -> None:
        """Nothing is held between batches."""

    def lane(self, operation: str) -> int:
        return 0

    def limits(self, operation: str) -> tuple[int, int]:
        return (_UNLIMITED, _UNLIMITED) if self.snapshot_format else (MOST_ROWS, MOST_BYTES)

    def ask(self) -> str:
        """Raises Stop when the place cannot be reached, or surely not be written to."""
        try:
            return self._place.ask()
        except self._place.errors as error:
            raise self._stop(self._place.describe(error), RETRY) from None

    def send(self, batch: Batch) -> Sequence[Outcome] | Refused:
        """Raises Stop when the place cannot be written to."""
        import duckdb

        try:
            if batch.snapshot is not None:
                name = f"{batch.sync}.{self._format}"
                self._place.publish(name, lambda fresh: _copy_file(batch.snapshot, fresh))
            else:
                name = f"{batch.sync}/{batch.run_id}-{batch.number:06}.{self._format}"
                self._place.publish(name, lambda fresh: self._write_changes(batch, fresh))
        except duckdb.Error as error:
            # What DuckDB says may quote a row.
            raise self._stop(type(error).__name__, RETRY) from None
        except self._place.errors as error:
            state = self._place.state_after(error)
            raise self._stop(self._place.describe(error), state) from None
        return [Outcome(ACCEPTED)] * len(batch.rows)

    def _stop(self, what: str, state: str) -> Stop:
        return unwritable(self._name, what, self._place.help, state)

    def _write_changes(self, batch: Batch, path: Path) -> None:
        import duckdb

        with tempfile.TemporaryDirectory() as folder, duckdb.connect() as connection:
            rows = Path(folder) / "rows.jsonl"
            with rows.open("w", encoding="utf-8") as out:
                for row in batch.rows:
                    line = {"operation": row.operation, "key": row.key, "fields": row.fields}
                    out.write(json.dumps(line, ensure_ascii=False) + "\n")
            connection.execute("set preserve_insertion_order = true")
            fields = ", ".join(f"{quoted(name)} {kind}" for name, kind in batch.columns)
            shape = {"operation": "varchar", "key": "varchar"}
            if fields:
                shape["fields"] = f"struct({fields})"
            columns = ", ".join(f"{name}: {quoted_text(kind)}" for name, kind in shape.items())
            values = "".join(f", r.fields.{quoted(name)}" for name, _ in batch.columns)
            # Names and types come from the model's own columns, paths from code.
            connection.execute(
                f"copy (select r.operation, r.key{values} "  # noqa: S608
                f"from read_json({quoted_text(str(rows))}, format = 'newline_delimited', "
                f"columns = {{{columns}}}) as r) "
                f"to {quoted_text(str(path))} ({COPY_OPTIONS[self._format]})"
            )


def _copy_file(source: Path | None, target: Path) -> None:
    assert source is not None
    shutil.copyfile(source, target)
