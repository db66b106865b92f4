"""DuckDB has one writer: who waits, for how long, and what readers do meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cdp.dbt import run_dbt
from cdp.errors import RunError, TransientError
from cdp.project import Project
from cdp.publish import publish
from cdp.warehouse import Warehouse, open_for_reading, open_warehouse, read_copy

HOLD = (
    "import duckdb, sys, time; c = duckdb.connect(sys.argv[1]); "
    "print('held', flush=True); time.sleep(float(sys.argv[2]))"
)


@contextmanager
def held(path: Path, seconds: float = 60) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the warehouse open for writing."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path), str(seconds)], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        try:
            yield holder
        finally:
            holder.kill()


def test_a_locked_warehouse_names_the_process_that_holds_it(project: Project) -> None:
    with open_warehouse(project) as warehouse:
        path = warehouse.path
    with (
        held(path) as holder,
        pytest.raises(TransientError) as caught,
        open_warehouse(project, lock_wait_s=0.5),
    ):
        pass
    problem = caught.value.problems[0]
    assert problem.slug == "warehouse-locked"
    assert problem.message.startswith(f"{path} is held by process {holder.pid} (python")
    assert problem.message.endswith("; waited 0.5 s")
    assert problem.help == (
        "let it finish, or wait longer with --lock-wait; DuckDB has one writer at a time"
    )


def test_a_command_waits_until_the_holder_lets_go(project: Project) -> None:
    with open_warehouse(project) as warehouse:
        path = warehouse.path
    with held(path, seconds=1):
        before = time.monotonic()
        with open_warehouse(project, lock_wait_s=30) as warehouse:
            assert warehouse.value("select 1") == 1
        assert time.monotonic() > before


def test_readers_get_the_published_copy_while_somebody_writes(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_warehouse(project) as warehouse:
        warehouse.execute("create table main.profiles as select 1 as canonical_profile_id")
        publish(project, warehouse)
        path = warehouse.path
    with held(path), open_for_reading(project) as reader:
        assert reader.path == read_copy(path)
        assert reader.rows("select * from main.profiles") == [(1,)]
    assert "reading the published copy instead" in capsys.readouterr().err


def test_publishing_replaces_the_copy_in_one_step(project: Project) -> None:
    """A reader that has the former copy open keeps its rows; the next one sees the new."""
    with open_warehouse(project) as warehouse:
        warehouse.execute("create table main.profiles as select 1 as canonical_profile_id")
        warehouse.execute("create view main.profile_events as select 1 as event_id")
        copy = publish(project, warehouse)
        with duckdb.connect(str(copy), read_only=True) as reader:
            warehouse.execute("update main.profiles set canonical_profile_id = 2")
            publish(project, warehouse)
            assert reader.execute("from main.profiles").fetchall() == [(1,)]
    with duckdb.connect(str(copy), read_only=True) as reader:
        assert reader.execute("from main.profiles").fetchall() == [(2,)]
        tables = reader.execute("select table_name from information_schema.tables").fetchall()
        assert tables == [("profiles",)], "events stay in the warehouse"
    assert not copy.with_name(copy.name + ".new").exists()


def test_a_view_of_what_is_gone_does_not_stop_publishing(project: Project) -> None:
    """dbt drops no view whose definition was removed, and its columns may have gone since."""
    with open_warehouse(project) as warehouse:
        warehouse.execute("create table main.profiles as select 1 as canonical_profile_id, 2 as x")
        warehouse.execute("create view main.sync__old as select x from main.profiles")
        warehouse.execute("alter table main.profiles drop column x")
        left_out: list[str] = []
        copy = publish(project, warehouse, left_out.append)
    assert left_out == ["sync__old"]
    with duckdb.connect(str(copy), read_only=True) as reader:
        assert reader.execute("from main.profiles").fetchall() == [(1,)]


def test_a_view_with_a_value_that_cannot_be_cast_does_not_stop_publishing(
    project: Project,
) -> None:
    """dbt makes a view without reading it."""
    with open_warehouse(project) as warehouse:
        warehouse.execute("create table main.profiles as select 'much' as x")
        warehouse.execute("create view main.casts as select cast(x as int) as x from main.profiles")
        left_out: list[str] = []
        copy = publish(project, warehouse, left_out.append)
    assert left_out == ["casts"]
    with duckdb.connect(str(copy), read_only=True) as reader:
        assert reader.execute("from main.profiles").fetchall() == [("much",)]


def test_a_file_that_is_no_database_is_said_so(project: Project) -> None:
    path = project.folder / "warehouse.duckdb"
    path.write_text("not a database, and longer than a header would be" * 100)
    with pytest.raises(RunError) as caught, open_warehouse(project):
        pass
    problem = caught.value.problems[0]
    assert problem.slug == "unreadable-warehouse"
    assert problem.message.startswith(f"{path} cannot be opened: ")
    assert problem.help == "check the path in profiles.yml; it must be a DuckDB database"


def test_a_broken_warehouse_is_not_taken_for_a_locked_one(project: Project) -> None:
    with open_warehouse(project) as warehouse:
        warehouse.execute("create table kept as select * from range(100000)")
        path = warehouse.path
    content = bytearray(path.read_bytes())
    # DuckDB's three headers end at 12,288; what follows are blocks with a checksum each.
    for at in range(12_288 + 64, len(content), 4_096):
        content[at] ^= 255
    path.write_bytes(content)
    with pytest.raises(RunError) as caught, open_warehouse(project):
        pass
    assert caught.value.problems[0].slug == "unreadable-warehouse"
    assert "in block" in caught.value.problems[0].message


def test_a_reader_without_a_warehouse_is_told_what_to_run(project: Project) -> None:
    with pytest.raises(RunError) as caught, open_warehouse(project, read_only=True):
        pass
    assert str(caught.value) == (
        f"error[no-warehouse]: there is no warehouse at {project.folder / 'warehouse.duckdb'}\n"
        "help: load events with 'cdp load' and run 'cdp build' first"
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_said_so(project: Project) -> None:
    project.folder.chmod(0o500)
    try:
        with pytest.raises(RunError, match="unreadable-warehouse"), open_warehouse(project):
            pass
    finally:
        project.folder.chmod(0o700)


def test_dbt_waits_again_when_somebody_was_faster(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file was free when looked at, and is taken while dbt reads the project."""
    with open_warehouse(project) as warehouse:
        path = warehouse.path
    holders: list[subprocess.Popen[str]] = []
    with ExitStack() as stack:

        @contextmanager
        def looked_at(project: Project, **settings: Any) -> Iterator[Warehouse]:
            for holder in holders:
                holder.kill()
                holder.wait()
            with open_warehouse(project, **settings) as warehouse:
                yield warehouse
            if not holders:
                holders.append(stack.enter_context(held(path)))

        monkeypatch.setattr("cdp.dbt.open_warehouse", looked_at)
        run_dbt(project, "show", ["--quiet", "--log-level-file", "none", "--inline", "select 1"])
    assert len(holders) == 1
