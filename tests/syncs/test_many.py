"""Several syncs at once, and runs that somebody stops."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from cdp.errors import RunError
from cdp.syncs import run as running
from cdp.syncs.halt import Halt
from cdp.syncs.many import run_syncs
from cdp.syncs.run import RunOptions, SyncResult
from cdp.warehouse import Warehouse

from .harness import Server, Shop, wait_for
from .test_kill import SCRIPT

NAMES = ("apples", "berries", "customers")


def rows_of(name: str, version: str = "old") -> dict[str, str]:
    return {f"{name[0]}{number}": f"{number}@{version}" for number in range(6)}


def emails(server: Server) -> dict[str, str]:
    return {key: fields["email"] for key, fields in server.state.items()}


@pytest.fixture
def three(shop: Shop) -> Shop:
    """Three syncs of six rows each to one destination."""
    for name in NAMES:
        shop.sync(name)
        shop.desire(rows_of(name), name)
    return shop


def run_all(shop: Shop, **options: Any) -> list[Any]:
    options.setdefault("gate", threading.Lock())
    options.setdefault("sleep", shop.waits.append)
    return run_syncs(
        shop.project, shop.catalogue, NAMES, lambda name: RunOptions(**options), threads=3
    )


def test_syncs_are_sent_at_the_same_time_and_the_warehouse_is_opened_by_one(
    three: Shop, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    all_there = threading.Barrier(3, timeout=20)
    server.faults = [lambda body: all_there.wait() and None] * 3
    opened: list[int] = []
    is_open = [0]
    open_warehouse = running.open_warehouse

    @contextmanager
    def counted(*arguments: Any, **named: Any) -> Iterator[Warehouse]:
        is_open[0] += 1
        opened.append(is_open[0])
        time.sleep(0.02)
        with open_warehouse(*arguments, **named) as warehouse:
            yield warehouse
        is_open[0] -= 1

    monkeypatch.setattr(running, "open_warehouse", counted)
    results = run_all(three)
    assert [one.sync for one in results] == list(NAMES)
    assert [one.count("accepted") for one in results] == [6, 6, 6]
    assert emails(server) == {**rows_of("a"), **rows_of("b"), **rows_of("c")}
    assert (len(opened), set(opened)) == (6, {1})


def test_one_failing_sync_stops_no_other(three: Shop, server: Server) -> None:
    three.rows("drop table main.sync__berries")
    apples, berries, customers = run_all(three)
    assert str(berries).startswith("error[sync-not-built]: the desired state of sync 'berries'")
    assert (apples.count("accepted"), customers.count("accepted")) == (6, 6)


@pytest.mark.slow
def test_a_bug_in_one_run_stops_the_others_and_is_raised(
    three: Shop, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Any, *arguments: Any) -> Any:
        if self.sync.name == "berries":
            raise ZeroDivisionError
        return prepare(self, *arguments)

    prepare = running._Run._prepare
    monkeypatch.setattr(running._Run, "_prepare", fail)
    halt = Halt()
    with pytest.raises(ZeroDivisionError):
        run_all(three, halt=halt)
    assert halt.is_asked


def test_a_run_that_is_stopped_keeps_what_was_acknowledged(shop: Shop, server: Server) -> None:
    halt = Halt()
    server.faults = [lambda body: halt.ask()]
    shop.desire(rows_of("c"))
    stopped = shop.run(halt=halt)
    assert (stopped.count("accepted"), len(server.bodies)) == (4, 1)
    assert str(stopped.error) == (
        "error[sync-stopped]: sync 'customers' was stopped before it was done\n"
        "help: run it again; what was acknowledged is not sent twice"
    )
    runs = "select state, problem, accepted from main_ops.sync_runs"
    assert shop.rows(runs) == [("stopped", "sync-stopped", 4)]
    assert shop.rows("select count(*) from main_ops.sync_intents") == [(0,)]
    with pytest.raises(RunError, match="sync-stopped"):
        shop.run(halt=halt)
    assert shop.run().count("accepted") == 2


def test_a_wait_between_tries_ends_when_the_run_is_stopped(shop: Shop, server: Server) -> None:
    halt = Halt()

    def refuse_and_stop(body: object) -> object:
        halt.ask()
        return 429, {"Retry-After": "290"}, b""

    server.faults = [refuse_and_stop]
    shop.desire({"a": "a@x"})
    stopped = shop.run(halt=halt, sleep=None)
    assert (stopped.count("retry"), len(server.bodies)) == (1, 1)
    assert "error[sync-stopped]" in str(stopped.error)
    assert shop.run().count("accepted") == 1


def start(shop: Shop, *words: str) -> subprocess.Popen[str]:
    program = "from cdp.cli import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", program, "sync", "run", "--project-dir", str(shop.folder), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def hold(server: Server) -> None:
    """The first requests are answered only when the server is released."""

    def wait(body: object) -> None:
        server.arrived.set()
        server.released.wait(20)

    server.always = wait


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
)
def test_a_signal_stops_cleanly(three: Shop, server: Server, number: signal.Signals) -> None:
    hold(server)
    started = start(three, "--threads", "2")
    wait_for(server.arrived)
    started.send_signal(number)
    assert started.stderr is not None
    assert "once more to stop at once" in started.stderr.readline()
    server.released.set()
    out, err = started.communicate(timeout=30)
    assert started.returncode == 1
    printed = [json.loads(line) for line in out.splitlines()]
    assert all(one["accepted"] in (0, 4) for one in printed)
    assert sum(one["accepted"] for one in printed) == len(server.state) >= 4
    assert err.count("error[sync-stopped]") == 3
    assert three.rows("select distinct state from main_ops.sync_runs") == [("stopped",)]
    server.always = None
    assert all(isinstance(one, SyncResult) and one.error is None for one in run_all(three))
    assert len(server.state) == 18


@pytest.mark.slow
def test_a_second_signal_ends_the_process_and_loses_nothing(three: Shop, server: Server) -> None:
    hold(server)
    started = start(three)
    wait_for(server.arrived)
    started.send_signal(signal.SIGINT)
    assert started.stderr is not None
    started.stderr.readline()
    started.send_signal(signal.SIGINT)
    assert started.wait(30) == 130
    started.communicate()
    server.released.set()
    server.always = None
    assert all(one.error is None for one in run_all(three))
    assert len(server.state) == 18


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["hang-before", "hang-after"])
def test_nothing_is_lost_when_a_process_with_several_runs_is_killed(
    three: Shop, server: Server, fault: str
) -> None:
    run_all(three)
    for name in NAMES:
        changed = {**rows_of(name, "new"), f"{name[0]}9": "9@new"}
        del changed[f"{name[0]}0"]
        three.desire(changed, name)
    server.faults = [None, fault, fault]
    killed = subprocess.Popen([sys.executable, str(SCRIPT), str(three.folder), "many"])
    wait_for(server.arrived)
    killed.kill()
    killed.wait(20)
    server.released.set()
    assert [one.error for one in run_all(three)] == [None, None, None]
    wanted = {
        f"{name[0]}{number}": f"{number}@new" for name in NAMES for number in (1, 2, 3, 4, 5, 9)
    }
    assert emails(server) == wanted
    assert [one.sent for one in run_all(three)] == [0, 0, 0]
    assert three.spooled() == []
