"""The one place where Python asks what time it is."""

from __future__ import annotations

from datetime import datetime, timezone


def utc_now() -> datetime:
    """The present moment as a naive UTC datetime, as the warehouse stores it."""
    return datetime.now(timezone.utc).replace(tzinfo=None)
