"""Which files a load means: files, folders and globs on the command line.

Owns the recognised endings. Does not open files.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from pathlib import Path

from cdp.errors import RunError
from cdp.loader.spec import Source

JSON_ENDINGS = (".ndjson", ".jsonl", ".json")
PARQUET_ENDING = ".parquet"
TABLE_ENDINGS = (".csv", ".tsv", ".txt", PARQUET_ENDING)
PACKED_ENDINGS = (".gz", ".zst")


def ending(path: Path) -> str:
    """The ending that tells the format, below that of a compression, in lower case."""
    name = path.name.lower()
    for packed in PACKED_ENDINGS:
        name = name.removesuffix(packed)
    return Path(name).suffix


def find_files(paths: Sequence[str | Path], source: Source) -> list[Path]:
    """The files that paths, folders and globs name, absolute, each once, in order.

    A folder stands for the files below it with an ending that the source can have.

    Raises RunError (`no-files`) for a path that names none.
    """
    found: dict[Path, None] = {}
    for path in paths:
        files = _expand(path, source)
        if not files:
            raise _no_files(path, source)
        found.update(dict.fromkeys(files))
    return list(found)


def _expand(path: str | Path, source: Source) -> list[Path]:
    plain = Path(path)
    if plain.is_file():
        return [plain.resolve()]
    if plain.is_dir():
        return _below(plain, source)
    files: list[Path] = []
    for name in sorted(glob.glob(str(path), recursive=True)):
        match = Path(name)
        files.extend(_below(match, source) if match.is_dir() else [_resolved(match)])
    return files


def _resolved(path: Path) -> Path:
    """Without links; a link that leads nowhere, or in a circle, stays for the reader to refuse."""
    return Path(os.path.realpath(path))


def _below(folder: Path, source: Source) -> list[Path]:
    endings = endings_of(source)
    files = (path for path in folder.rglob("*") if path.is_file() and ending(path) in endings)
    return sorted(path.resolve() for path in files if not path.name.startswith("."))


def endings_of(source: Source) -> tuple[str, ...]:
    """The endings that a folder's files must have to be taken for this source."""
    return JSON_ENDINGS + (TABLE_ENDINGS if source.table else ())


def is_table(path: Path, source: Source) -> bool:
    """Whether a file holds rows: by its ending, else by what the source's files are."""
    found = ending(path)
    return found in TABLE_ENDINGS or (source.table is not None and found not in JSON_ENDINGS)


def _no_files(path: str | Path, source: Source) -> RunError:
    if Path(path).is_dir():
        endings = ", ".join(endings_of(source))
        return RunError(
            "no-files",
            f"the folder {path} holds no file that can be loaded for source '{source.name}'",
            help=f"files end in one of {endings}, also with .gz or .zst",
        )
    return RunError(
        "no-files",
        f"no file matches {path}",
        help="check the path; quote a glob that the shell should not expand",
    )
