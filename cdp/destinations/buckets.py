"""Object storage as a place for files: S3 and what speaks like it, and Google Cloud Storage.

Owns the client (obstore, on the object_store crate) and its credentials: those of the
settings, else what the cloud gives the process. An object appears when its upload is
complete; large ones are uploaded in parts, and a killed upload leaves parts that only
a lifecycle rule of the bucket removes. What the client's errors say has addresses and
names in it, so that only their kind and the status are passed on.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cdp.destinations.delivery import RETRY, UNKNOWN
from cdp.destinations.dialects import not_installed
from cdp.destinations.places import WriteFile

if TYPE_CHECKING:
    from obstore.store import ClientConfig, GCSStore, RetryConfig, S3Store

_TYPES = {
    ".csv": "text/csv; charset=utf-8",
    ".jsonl": "application/x-ndjson",
    ".parquet": "application/vnd.apache.parquet",
}
_STATUS = re.compile(r"status code: (\d{3})")
_REFUSED = ("UnauthenticatedError", "PermissionDeniedError", "FileNotFoundError")


class Bucket:
    """A folder of a bucket. `variant` is s3 or gcs."""

    help = "check the bucket, its region or endpoint, and that the credentials may write there"

    def __init__(self, variant: str, settings: Mapping[str, Any]) -> None:
        self._variant = variant
        self._settings = settings
        self._store: S3Store | GCSStore | None = None

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        return (OSError, ValueError, _obstore().exceptions.BaseError)

    def publish(self, name: str, write: WriteFile) -> None:
        with tempfile.TemporaryDirectory() as folder:
            fresh = Path(folder) / Path(name).name
            write(fresh)
            attributes = {"Content-Type": _TYPES[fresh.suffix]}
            _obstore().put(self._opened(), name, fresh, attributes=attributes)

    def describe(self, error: Exception) -> str:
        status = _STATUS.search(str(error))
        return f"status {status[1]}" if status else type(error).__name__

    def state_after(self, error: Exception) -> str:
        return RETRY if type(error).__name__ in _REFUSED else UNKNOWN

    def ask(self) -> str:
        next(iter(_obstore().list(self._opened(), chunk_size=1)), None)
        return "the bucket answers"

    def _opened(self) -> S3Store | GCSStore:
        if self._store is None:
            self._store = self._s3() if self._variant == "s3" else self._gcs()
        return self._store

    def _s3(self) -> S3Store:
        from obstore.store import S3Store

        found = {name: self._settings.get(name) for name in _S3_OPTIONS}
        return S3Store(
            str(self._settings["bucket"]),
            prefix=self._prefix(),
            client_options=self._client_options(),
            retry_config=_retries(),
            **{name: str(value) for name, value in found.items() if value},  # type: ignore[arg-type]
        )

    def _gcs(self) -> GCSStore:
        from obstore.store import GCSStore

        given = {
            "service_account_key": self._settings.get("service_account"),
            "base_url": self._settings.get("endpoint"),
        }
        return GCSStore(
            str(self._settings["bucket"]),
            prefix=self._prefix(),
            client_options=self._client_options(),
            retry_config=_retries(),
            **{name: str(value) for name, value in given.items() if value},  # type: ignore[arg-type]
        )

    def _prefix(self) -> str | None:
        return str(self._settings.get("path") or "").strip("/") or None

    def _client_options(self) -> ClientConfig:
        is_plain = str(self._settings.get("endpoint") or "").startswith("http://")
        return {"timeout": "300s", "connect_timeout": "15s", "allow_http": is_plain}


_S3_OPTIONS = ("region", "endpoint", "access_key_id", "secret_access_key", "session_token")


def _retries() -> RetryConfig:
    return {
        "max_retries": 5,
        "retry_timeout": timedelta(minutes=3),
        "backoff": {
            "base": 2,
            "init_backoff": timedelta(milliseconds=200),
            "max_backoff": timedelta(seconds=15),
        },
    }


def _obstore() -> Any:
    try:
        import obstore
    except ImportError:
        raise not_installed("files in object storage need", "storage") from None
    return obstore
