"""Rows for a journal, as a run of a sync writes them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def write_lines(rows: Iterable[tuple[Any, ...]], path: Path) -> int:
    """Rows as a journal wants them: operation, key, hash, fields as JSON, remote id."""
    lines = [
        json.dumps(
            {
                "operation": operation,
                "key": key,
                "fields": json.loads(fields),
                **({"remote_id": more[0]} if more and more[0] else {}),
            },
            separators=(",", ":"),
        )
        + "\n"
        for operation, key, _, fields, *more in rows
    ]
    path.write_text("".join(lines), encoding="utf-8")
    return len(lines)
