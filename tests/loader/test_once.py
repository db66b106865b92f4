"""Each file is loaded exactly once: again, changed, under other names, killed, in a race."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

from cdp.errors import RunError
from cdp.loader.load import Limit
from cdp.loader.spec import Source
from tests.loader.conftest import WEB, Shop, message


def test_the_same_file_again_loads_nothing(shop: Shop) -> None:
    path = shop.write("a.ndjson", [message(), {}])
    assert shop.load(path).load_id == 1
    again = shop.load(path)
    assert (again.load_id, again.event_count, again.rejected_count) == (None, 0, 0)
    assert [(one.path, one.loaded_as) for one in again.skipped] == [(path, path.as_posix())]
    assert len(shop.events("1")) == len(shop.rejected()) == 1


def test_the_same_content_under_another_name_is_loaded_once(shop: Shop) -> None:
    first, second = shop.write("a.ndjson", [message()]), shop.write("b.ndjson", [message()])
    result = shop.load(first, second)
    assert result.loaded == (first,)
    assert [(one.path, one.loaded_as) for one in result.skipped] == [(second, first.as_posix())]


def test_the_same_content_may_come_from_two_sources(shop: Shop) -> None:
    path = shop.write("a.ndjson", [message()])
    shop.load(path)
    shop.load(path, source=Source("app", WEB.location))
    assert shop.events("load_id, file_id, source") == [(1, 1, "web"), (2, 2, "app")]


def test_changed_files_are_refused_before_anything_is_loaded(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shop.folder)
    monkeypatch.setattr("cdp.loader.load.utc_now", lambda: "2026-05-01 10:00:00")
    first, second = shop.write("a.ndjson", [message()]), shop.write("b.ndjson", [message(x=1)])
    shop.load(first, second)
    shop.write("a.ndjson", [message(x=2)])
    shop.write("b.ndjson", [message(x=3)])
    with pytest.raises(RunError) as caught:
        shop.load(shop.write("new.ndjson", [message(x=4)]), first, second)
    assert str(caught.value) == "\n\n".join(
        f"error[changed-file]: {name} was loaded as load 1 on 2026-05-01 10:00 UTC and has other "
        f"content now; nothing was loaded\n  --> {name}\n"
        "help: files are loaded once: put what is new into a file with another name"
        for name in ("a.ndjson", "b.ndjson")
    )
    assert len(shop.events("1")) == 2


def test_the_ledger_says_what_was_loaded(shop: Shop) -> None:
    path = shop.write("a.ndjson", [message(), message(), {}])
    shop.load(path)
    columns = "file_id, load_id, source, path, byte_count, row_count, rejected_count"
    assert shop.warehouse.rows(
        f"select {columns}, length(content_sha256) from raw.load_files"  # noqa: S608 - constant
    ) == [(1, 1, "web", path.as_posix(), path.stat().st_size, 2, 1, 64)]


@pytest.mark.parametrize(
    ("limit", "loads"),
    [(Limit(1), False), (Limit(2), True), (Limit(39, True), False), (Limit(40, True), True)],
)
def test_too_many_rejected_load_nothing(shop: Shop, limit: Limit, loads: bool) -> None:
    path = shop.write("a.ndjson", [message(), {}, message(), message(userId=1), message()])
    if loads:
        assert shop.load(path, max_rejected=limit).event_count == 3
        return
    with pytest.raises(RunError) as caught:
        shop.load(path, max_rejected=limit)
    assert str(caught.value) == (
        "error[too-many-rejected]: 2 of 5 messages were rejected (1 bad_request, "
        f"1 id_not_string), and --max-rejected allows {limit}; nothing was loaded\n"
        "help: mend the files, or load without --max-rejected and look into the rejected table"
    )
    assert not shop.warehouse.exists("raw", "events")


def test_a_raw_schema_that_is_no_name(shop: Shop) -> None:
    from cdp.loader.load import load_files

    path = shop.write("a.ndjson", [message()])
    with pytest.raises(RunError) as caught:
        load_files(shop.warehouse, "raw; drop", WEB, [path])
    assert str(caught.value) == (
        "error[invalid-name]: the raw schema is named 'raw; drop'\n"
        "help: set the var cdp_raw_schema to lower-case letters, digits and '_'"
    )


def _command(project: Path, *arguments: str | Path) -> list[str]:
    code = "from cdp.cli import main; main()"
    options = ["--project-dir", project, "--profiles-dir", project, "--source", "web"]
    return [sys.executable, "-c", code, "load", *map(str, options), *map(str, arguments)]


def _contents(project: Path) -> list[tuple[object, ...]]:
    with duckdb.connect(str(project / "warehouse.duckdb"), read_only=True) as connection:
        return connection.execute(
            "select e.source, e.message_id, e.line_number, f.path, e.payload from raw.events as e "
            "inner join raw.load_files as f on e.file_id = f.file_id order by all"
        ).fetchall()


def test_a_kill_at_any_moment_loses_and_duplicates_nothing(
    loading_project: Path, tmp_path: Path
) -> None:
    files = tmp_path / "landing"
    files.mkdir()
    expected = []
    for number in range(3):
        path = files / f"{number}.ndjson"
        lines = [message(messageId=f"{number}-{n}", properties={"n": n}) for n in range(3_000)]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        expected += [
            ("web", line["messageId"], n, path.as_posix(), json.dumps(line))
            for n, line in enumerate(lines, start=1)
        ]
    seed = random.randrange(10_000)
    print(f"seed {seed}")  # noqa: T201 - to repeat a failure
    moments = random.Random(seed)
    command = _command(loading_project, files)
    started = time.monotonic()
    subprocess.run([*command[:-1], str(files / "none*")], capture_output=True, check=False)
    idle = time.monotonic() - started
    killed = 0
    for wait in (0.5, *(moments.uniform(0.8, 1.6) for _ in range(4))):
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        time.sleep(wait * idle)
        process.send_signal(signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
    assert killed
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    assert _contents(loading_project) == sorted(expected)  # type: ignore[type-var]


def test_two_loads_at_once_take_turns(loading_project: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    path.write_text("".join(json.dumps(message(messageId=f"m{n}")) + "\n" for n in range(2_000)))
    command = _command(loading_project, path)
    racers = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = sorted(racer.communicate(timeout=60)[1] for racer in racers)
    assert [racer.returncode for racer in racers] == [0, 0]
    assert said == [
        "a.ndjson: already loaded\nnothing to load: 1 file already loaded\n",
        "load 1: 2,000 events from 1 file\n",
    ]
    assert len(_contents(loading_project)) == 2_000


def test_a_held_warehouse_is_waited_for_and_its_holder_named(
    loading_project: Path, tmp_path: Path
) -> None:
    path = tmp_path / "a.ndjson"
    path.write_text(json.dumps(message()))
    with duckdb.connect(str(loading_project / "warehouse.duckdb")):
        loaded = subprocess.run(
            _command(loading_project, path, "--lock-wait", "0"),
            capture_output=True,
            text=True,
            check=False,
        )
    assert loaded.returncode == 1
    assert loaded.stderr.startswith("error[warehouse-locked]: ")
    assert "Traceback" not in loaded.stderr
