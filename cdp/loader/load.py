"""One load: files in, events, refusals and ledger out, in one transaction.

Owns what is loaded, skipped or refused as a whole, and the totals. How a file is
read and how lines become rows is elsewhere in this folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cdp.clock import utc_now
from cdp.errors import Location, Problem, RunError
from cdp.loader.documents import BAD, Entry, read_documents, starts_document
from cdp.loader.paths import PARQUET_ENDING, ending, find_files, is_table
from cdp.loader.reading import Landed, Lines, Progress, ahead, inspect, lines
from cdp.loader.spec import Source
from cdp.loader.staging import Staging
from cdp.loader.tables import LedgerEntry, RawTables
from cdp.loader.tabular import read_csv, read_parquet
from cdp.warehouse import Warehouse

NOT_UTF8 = "not valid UTF-8"


@dataclass(frozen=True)
class Limit:
    """How many refused messages a load may have: a count, or a percentage of all messages."""

    value: float
    is_percent: bool = False

    def allows(self, rejected: int, total: int) -> bool:
        return rejected <= (total * self.value / 100 if self.is_percent else self.value)

    def __str__(self) -> str:
        return f"{self.value:g}%" if self.is_percent else f"{self.value:,.0f}"


@dataclass(frozen=True)
class SkippedFile:
    """A file whose content had been loaded before, and the path it had then."""

    path: Path
    loaded_as: str


@dataclass(frozen=True)
class LoadResult:
    """What a load did. `load_id` is None when there was nothing new.

    `rejected` counts refusals by reason code, most frequent first.
    """

    load_id: int | None
    source: str
    event_count: int
    rejected_count: int
    loaded: tuple[Path, ...]
    skipped: tuple[SkippedFile, ...]
    rejected: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Watcher:
    """Told how a load goes on: the number of bytes to read, then each bytes read."""

    begin: Callable[[int], None]
    advance: Progress


def load_files(
    warehouse: Warehouse,
    raw_schema: str,
    source: Source,
    paths: Sequence[str | Path],
    *,
    max_rejected: Limit | None = None,
    watcher: Watcher | None = None,
) -> LoadResult:
    """Load files, folders and globs of one source into the raw tables: all of them, or nothing.

    Content that the source has loaded before is skipped, whatever its path.

    Raises RunError: no file matches (`no-files`); a file cannot be read
    (`unreadable-file`); a path was loaded before with other content
    (`changed-file`); more messages were refused than `max_rejected` allows
    (`too-many-rejected`). Nothing is loaded then.
    """
    tables = RawTables(warehouse, raw_schema)
    files = [inspect(path) for path in find_files(paths, source)]
    new, skipped = _sort_out(files, tables.ledger(source.name))
    if not new:
        return LoadResult(None, source.name, 0, 0, (), skipped)
    if watcher:
        watcher.begin(sum(file.byte_count for file in new))
    with warehouse.transaction():
        tables.create()
        load_id, file_id = tables.next_ids()
        staging = Staging(tables, load_id, source.name, utc_now())
        for number, landed in enumerate(new, start=file_id):
            staging.add_file(number, landed)
            _stage(staging, number, landed, source, watcher.advance if watcher else None)
        staging.flush()
        _write_ledger(staging, file_id, new)
        result = _result(tables, load_id, source.name, new, skipped)
        _guard(result, max_rejected)
    return result


def _sort_out(
    files: Sequence[Landed], ledger: Sequence[LedgerEntry]
) -> tuple[list[Landed], tuple[SkippedFile, ...]]:
    """The files with new content, and the others. Raises RunError for changed ones."""
    by_content = {entry.content_sha256: entry.path for entry in ledger}
    by_path = {entry.path: entry for entry in ledger}
    new, skipped, changed = [], [], []
    for file in files:
        path = file.path.as_posix()
        if file.sha256 in by_content:
            skipped.append(SkippedFile(file.path, by_content[file.sha256]))
        elif path in by_path:
            changed.append(_changed(file, by_path[path]))
        else:
            new.append(file)
            by_content[file.sha256] = path
    if changed:
        raise RunError.of(changed)
    return new, tuple(skipped)


def _changed(file: Landed, entry: LedgerEntry) -> Problem:
    return Problem(
        "changed-file",
        f"{file.path.name} was loaded as load {entry.load_id} on "
        f"{entry.loaded_at:%Y-%m-%d %H:%M} UTC and has other content now; nothing was loaded",
        Location(file.path),
        "files are loaded once: put what is new into a file with another name",
    )


def _stage(
    staging: Staging, file_id: int, landed: Landed, source: Source, progress: Progress | None
) -> None:
    pieces = ahead(lines(landed, progress))
    first = next(pieces, None)
    if first is None:
        return
    if is_table(landed.path, source):
        _stage_table(staging, file_id, landed, source, _chain(first, pieces))
        return
    if starts_document(first.data.decode("utf-8", "replace")):
        staging.add_entries(file_id, read_documents(_texts(_chain(first, pieces))))
        return
    for piece in _chain(first, pieces):
        _stage_lines(staging, file_id, piece)


def _stage_table(
    staging: Staging, file_id: int, landed: Landed, source: Source, pieces: Iterator[Lines]
) -> None:
    if source.table is None:
        raise RunError(
            "no-table-mapping",
            f"{landed.path.name} is a table, and source '{source.name}' does not say how its "
            "rows become messages; nothing was loaded",
            location=source.location,
            help="add a 'table' to the source in definitions/sources.yml",
        )
    if ending(landed.path) == PARQUET_ENDING:
        for _ in pieces:
            pass
        staging.add_entries(file_id, read_parquet(source, source.table, landed))
    else:
        staging.add_entries(file_id, read_csv(source, source.table, pieces))


def _chain(first: Lines, rest: Iterator[Lines]) -> Iterator[Lines]:
    yield first
    yield from rest


def _texts(pieces: Iterator[Lines]) -> Iterator[str]:
    for piece in pieces:
        # Bytes that are not UTF-8 become surrogates, which the message that holds them fails on.
        yield piece.data.decode("utf-8", "surrogateescape")


def _stage_lines(staging: Staging, file_id: int, piece: Lines) -> None:
    """Lines as they are; when a byte is wrong somewhere, the bad lines are told apart."""
    try:
        text = piece.data.decode("utf-8")
    except UnicodeDecodeError:
        text = ""
    if text and "\0" not in text:
        staging.add_lines(file_id, piece.first, text)
        return
    good, bad = [], []
    for number, line in enumerate(piece.data.split(b"\n"), start=piece.first):
        reason = _unreadable_bytes(line)
        good.append(b"" if reason else line)
        if reason:
            bad.append(Entry(number, 0, line.decode("utf-8", "replace"), BAD, reason))
    staging.add_lines(file_id, piece.first, b"\n".join(good).decode("utf-8"))
    staging.add_entries(file_id, bad)


def _unreadable_bytes(line: bytes) -> str | None:
    if b"\0" in line:
        return "it contains a NUL character"
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return NOT_UTF8
    return None


def _write_ledger(staging: Staging, first_file_id: int, new: Sequence[Landed]) -> None:
    tables = staging.tables
    for file_id, landed in enumerate(new, start=first_file_id):
        tables.warehouse.execute(
            f"""
            insert into {tables.name("load_files")}
            select ?, ?, ?, ?, ?, ?,
                (select count(*) from {tables.name("events")} where file_id = ? and load_id = ?),
                (select count(*) from {tables.name("rejected")} where file_id = ? and load_id = ?),
                ?
            """,  # noqa: S608 - a checked schema name
            [
                file_id,
                staging.load_id,
                staging.source,
                landed.path.as_posix(),
                landed.sha256,
                landed.byte_count,
                *(file_id, staging.load_id) * 2,
                staging.loaded_at,
            ],
        )


def _result(
    tables: RawTables,
    load_id: int,
    source: str,
    new: Sequence[Landed],
    skipped: tuple[SkippedFile, ...],
) -> LoadResult:
    files, rejected = tables.name("load_files"), tables.name("rejected")
    counts = tables.warehouse.rows(
        f"select sum(row_count)::bigint, sum(rejected_count)::bigint from {files} "  # noqa: S608 - a checked name
        "where load_id = ?",
        [load_id],
    )[0]
    codes = tables.warehouse.rows(
        f"select reason_code, count(*) from {rejected} where load_id = ? "  # noqa: S608 - the same
        "group by reason_code order by count(*) desc, reason_code",
        [load_id],
    )
    loaded = tuple(file.path for file in new)
    return LoadResult(load_id, source, counts[0], counts[1], loaded, skipped, tuple(codes))


def _guard(result: LoadResult, limit: Limit | None) -> None:
    total = result.event_count + result.rejected_count
    if limit is None or limit.allows(result.rejected_count, total):
        return
    codes = ", ".join(f"{count:,} {code}" for code, count in result.rejected)
    raise RunError(
        "too-many-rejected",
        f"{result.rejected_count:,} of {total:,} messages were rejected ({codes}), and "
        f"--max-rejected allows {limit}; nothing was loaded",
        help="mend the files, or load without --max-rejected and look into the rejected table",
    )
