"""Files in object storage, against moto's server on loopback: S3, and GCS by the same requests."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from cdp.destinations.delivery import Batch, Outcome, OutgoingRow, Stop
from cdp.destinations.files import FileDriver
from cdp.destinations.probe import probe
from cdp.errors import RunError

from .play import destination

HELP = "check the bucket, its region or endpoint, and that the credentials may write there"
NO_LOGIN = {"disable_oauth": True, "client_email": "", "private_key": "", "private_key_id": ""}
SIGNATURE = "AWS4-HMAC-SHA256 Credential=key/20260101/us-east-1/s3/aws4_request, Signature=none"
CREDENTIALS = {
    "s3_file": {"access_key_id": "key-7731", "secret_access_key": "secret-7731"},
    "gcs_file": {"service_account": json.dumps(NO_LOGIN)},
}
COLUMNS = [("email", "VARCHAR"), ("spend", "DECIMAL(38,6)"), ("tags", "VARCHAR[]")]
ROWS = [
    OutgoingRow("remove", "c", {}),
    OutgoingRow("upsert", "a", {"email": 'a "x",\n ü', "spend": 1.5, "tags": ["x"]}),
    OutgoingRow("upsert", "b", {"email": None, "spend": None, "tags": None}),
]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A server that keeps objects in memory."""
    moto = pytest.importorskip("moto.server")
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        def log(self, type: str, message: str, *rest: Any) -> None:
            pass

    server = make_server("127.0.0.1", 0, with_a_signature(moto), request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


def with_a_signature(moto: Any) -> Callable[..., Any]:
    """Google's client has a token, here empty or left out; moto wants a signature."""
    application = moto.DomainDispatcherApplication(moto.create_backend_app)

    def handle(environment: dict[str, Any], start: Any) -> Any:
        if environment.get("HTTP_AUTHORIZATION", "").strip() in ("", "Bearer"):
            environment["HTTP_AUTHORIZATION"] = SIGNATURE
        return application(environment, start)

    return handle


@pytest.fixture(params=["s3_file", "gcs_file"])
def store(request: pytest.FixtureRequest, address: str) -> Store:
    httpx.post(f"{address}/moto-api/reset")
    httpx.put(f"{address}/shop")
    return Store(request.param, address)


class Store:
    """An emptied bucket, and what is in it."""

    def __init__(self, name: str, address: str) -> None:
        self.name = name
        self.address = address

    def destination(self, **settings: Any) -> Any:
        given = {"bucket": "shop", "endpoint": self.address, **CREDENTIALS[self.name]}
        return destination(self.name, {**given, **settings})

    @property
    def reader(self) -> Any:
        from obstore.store import S3Store

        options = {"endpoint": self.address, "client_options": {"allow_http": True}}
        return S3Store("shop", access_key_id="a", secret_access_key="b", region="x", **options)

    def keys(self) -> list[str]:
        import obstore

        return [one["path"] for part in obstore.list(self.reader) for one in part]

    def get(self, key: str) -> tuple[bytes, str]:
        """The content of an object, and its type."""
        import obstore

        found = obstore.get(self.reader, key)
        return bytes(found.bytes()), str(found.attributes["Content-Type"])


def batch(**rest: Any) -> Batch:
    return Batch("people", "run7", 3, ROWS, "key", COLUMNS, **rest)


@pytest.mark.parametrize(
    ("kind", "content_type"),
    [
        ("csv", "text/csv; charset=utf-8"),
        ("jsonl", "application/x-ndjson"),
        ("parquet", "application/vnd.apache.parquet"),
    ],
)
def test_an_object_is_the_file_that_a_folder_would_get(
    store: Store, tmp_path: Path, kind: str, content_type: str
) -> None:
    driver = FileDriver(store.destination(path="/exports/eu/", format=kind), tmp_path)
    assert driver.send(batch()) == [Outcome("accepted")] * 3
    driver.send(batch())
    key = f"exports/eu/people/run7-000003.{kind}"
    assert store.keys() == [key]
    FileDriver(destination(f"{kind}_file", {"path": "."}), tmp_path).send(batch())
    local = tmp_path / "people" / f"run7-000003.{kind}"
    assert store.get(key) == (local.read_bytes(), content_type)


def test_a_snapshot_is_replaced_and_may_be_large(store: Store, tmp_path: Path) -> None:
    snapshot = tmp_path / "journal.snapshot"
    driver = FileDriver(store.destination(write="snapshot", format="csv"), tmp_path)
    assert driver.snapshot_format == "csv"
    for content in (b"old", b"0123456789" * 1_300_000):
        snapshot.write_bytes(content)
        driver.send(batch(snapshot=snapshot))
    assert store.keys() == ["people.csv"]
    assert store.get("people.csv")[0] == content
    assert snapshot.exists()


def test_a_bucket_that_is_not_there_ends_the_run(store: Store, tmp_path: Path) -> None:
    driver = FileDriver(store.destination(bucket="another"), tmp_path)
    with pytest.raises(Stop) as caught:
        driver.send(batch())
    stop = caught.value
    assert (stop.slug, stop.message, stop.help) == (
        "destination-unwritable",
        f"destination '{store.name}' cannot be written to: status 404",
        HELP,
    )
    assert stop.outcome.state == "retry"


def test_an_upload_without_an_answer_is_unknown(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datetime import timedelta

    from cdp.destinations import buckets

    brief = {"max_retries": 0, "retry_timeout": timedelta(seconds=1)}
    monkeypatch.setattr(buckets, "_retries", lambda: brief)
    driver = FileDriver(store.destination(endpoint="http://127.0.0.1:1"), tmp_path)
    with pytest.raises(Stop) as caught:
        driver.send(batch())
    assert caught.value.outcome == Outcome("unknown", "unwritable", "GenericError")
    assert "7731" not in caught.value.message


def test_a_bucket_is_asked_without_writing(store: Store, tmp_path: Path) -> None:
    found = probe(store.destination(), tmp_path)
    assert (found.was_asked, found.detail) == (True, "the bucket answers")
    assert store.keys() == []
    with pytest.raises(RunError) as caught:
        probe(store.destination(bucket="another"), tmp_path)
    assert str(caught.value) == (
        f"error[destination-unwritable]: destination '{store.name}' cannot be written to: "
        f"status 404\n  --> destinations.yml\nhelp: {HELP}"
    )


def test_a_client_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "obstore", None)
    with pytest.raises(RunError) as caught:
        FileDriver(destination("s3_file", {"bucket": "shop"}), tmp_path).send(batch())
    assert str(caught.value) == (
        "error[driver-not-installed]: files in object storage need a package that is not "
        "installed\nhelp: pip install 'cdp[storage]'"
    )
