"""What a run sends, acknowledges and remembers, against a destination over HTTP."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from cdp.errors import RunError, TransientError

from .harness import SIGNING, TOKEN, Server, Shop


def as_state(rows: dict[str, str | None], spend: float = 10.0) -> dict[str, dict[str, object]]:
    return {key: {"email": email, "spend": spend} for key, email in rows.items()}


def test_first_run_sends_every_row_and_the_second_sends_nothing(shop: Shop, server: Server) -> None:
    wanted = {f"k{number:02}": f"{number}@x.example" for number in range(10)}
    shop.desire(wanted)
    first = shop.run()
    assert (first.diff.added, first.sent, first.count("accepted")) == (10, 10, 10)
    assert server.state == as_state(wanted)
    assert [len(body["rows"]) for body in server.bodies] == [4, 4, 2]
    second = shop.run()
    assert (second.diff.to_send, second.sent, len(server.bodies)) == (0, 0, 3)
    assert second.diff.unchanged == 10
    assert shop.spooled() == []


def test_added_changed_and_removed_rows_reach_the_destination(shop: Shop, server: Server) -> None:
    shop.desire({"a": "a@x", "b": "b@x", "c": None})
    shop.run()
    shop.desire({"a": "a@x", "b": "new@x", "c": "", "d": "d@x"})
    changed = shop.run()
    assert (changed.diff.added, changed.diff.changed, changed.diff.removed) == (1, 2, 0)
    shop.desire({"a": "a@x", "c": "", "d": "d@x"})
    removed = shop.run()
    assert (removed.diff.removed, removed.count("accepted")) == (1, 1)
    assert server.bodies[-1]["rows"] == [{"operation": "remove", "key": "b", "fields": {}}]
    assert server.state == as_state({"a": "a@x", "c": "", "d": "d@x"})


def test_removals_are_sent_before_additions(shop: Shop, server: Server) -> None:
    shop.desire({"a": "a@x", "b": "b@x"})
    shop.run()
    shop.desire({"a": "a@x", "c": "c@x"})
    shop.run()
    operations = [row["operation"] for row in server.bodies[-1]["rows"]]
    assert operations == ["remove", "upsert"]


def test_rows_that_leave_stay_where_the_sync_says_nothing(shop: Shop, server: Server) -> None:
    shop.sync(more="on_leave: nothing")
    shop.desire({"a": "a@x", "b": "b@x"})
    shop.run()
    shop.desire({"a": "a@x"})
    result = shop.run()
    assert (result.diff.kept, result.diff.removed, result.sent) == (1, 0, 0)
    assert sorted(server.state) == ["a", "b"]


def test_null_and_repeated_keys_are_reported_and_never_sent(shop: Shop, server: Server) -> None:
    shop.desire([("a", "a@x", 1), (None, "n@x", 1), ("d", "1@x", 1), ("d", "2@x", 1)])
    result = shop.run()
    assert (result.diff.added, result.diff.invalid_null, result.diff.invalid_duplicate) == (1, 1, 2)
    assert list(server.state) == ["a"]
    reported = "select sync_key, reason_code, reason from main_ops.sync_rejected order by 1"
    expected = [("d", "duplicate_key", "2 rows"), (None, "null_key", "1 rows")]
    assert shop.rows(reported) == expected
    shop.run()
    assert shop.rows(reported) == expected


def test_a_key_that_becomes_repeated_is_not_removed(shop: Shop, server: Server) -> None:
    shop.desire({"a": "a@x", "b": "b@x"})
    shop.run()
    shop.desire([("a", "a@x", 10), ("b", "1@x", 10), ("b", "2@x", 10)])
    result = shop.run()
    assert (result.diff.removed, result.diff.invalid) == (0, 2)
    assert sorted(server.state) == ["a", "b"]


def test_rows_that_the_reply_rejects_are_not_acknowledged_and_wait_for_a_change(
    shop: Shop, server: Server
) -> None:
    def reject_b(body: dict[str, object]) -> tuple[int, dict[str, str], object]:
        rows = body["rows"]
        good = [row for row in rows if row["key"] != "b"]
        server.apply_rows(good)
        bad = {"status": "rejected", "reason": "b@x is not an address"}
        return (
            200,
            {},
            {"results": [bad if row["key"] == "b" else {"status": "accepted"} for row in rows]},
        )

    server.always = reject_b
    shop.desire({"a": "a@x", "b": "b@x"})
    first = shop.run()
    assert (first.count("accepted"), first.count("rejected")) == (1, 1)
    assert shop.rows("select sync_key, reason_code, reason from main_ops.sync_rejected") == [
        ("b", "rejected", "[redacted] is not an address")
    ]
    second = shop.run()
    assert (second.diff.held, second.sent) == (1, 0)
    assert shop.run(retry_rejected=True).count("rejected") == 1
    server.always = None
    shop.desire({"a": "a@x", "b": "better@x"})
    assert shop.run().count("accepted") == 1
    assert server.state == as_state({"a": "a@x", "b": "better@x"})


def test_a_refused_batch_is_halved_until_the_bad_row_is_found(shop: Shop, server: Server) -> None:
    def refuse_bad(body: dict[str, object]) -> object:
        is_bad = any(row["fields"].get("email") == "bad" for row in body["rows"])
        return (400, {}, {"error": "bad is no address"}) if is_bad else None

    server.always = refuse_bad
    wanted = {f"k{number}": f"{number}@x" for number in range(8)} | {"k5": "bad"}
    shop.desire(wanted)
    result = shop.run()
    assert (result.count("accepted"), result.count("rejected")) == (7, 1)
    del wanted["k5"]
    assert server.state == as_state(wanted)
    assert shop.rows("select sync_key, reason_code from main_ops.sync_rejected") == [
        ("k5", "http_400")
    ]
    assert [len(body["rows"]) for body in server.bodies] == [4, 4, 2, 1, 1, 2]


def test_requests_carry_auth_signature_and_one_idempotency_key_a_batch(
    shop: Shop, server: Server
) -> None:
    server.faults = [503, 503]
    shop.desire({f"k{number}": "x" for number in range(6)})
    shop.run()
    headers = server.headers
    assert {one["Authorization"] for one in headers} == {f"Bearer {TOKEN}"}
    keys = [one["Idempotency-Key"] for one in headers]
    assert keys[0] == keys[1] == keys[2] != keys[3]
    signed = hmac.new(SIGNING.encode(), server.raw[0], hashlib.sha256).hexdigest()
    assert headers[0]["X-Signature-256"] == signed


def test_a_busy_destination_is_tried_again_after_the_time_it_names(
    shop: Shop, server: Server
) -> None:
    server.faults = [(429, {"Retry-After": "7"}, b""), 500, "lose-after", 503]
    shop.desire({"a": "a@x"})
    result = shop.run()
    assert result.count("accepted") == 1
    assert shop.waits[0] == 7
    assert len(shop.waits) == 4
    assert all(0 <= wait <= 60 for wait in shop.waits)
    assert (server.state, server.repeated_keys) == (as_state({"a": "a@x"}), 1)


def test_a_destination_that_stays_away_leaves_rows_for_the_next_run(
    shop: Shop, server: Server
) -> None:
    server.faults = ["lose-before"] * 6
    shop.desire({"a": "a@x"})
    failed = shop.run()
    assert failed.count("unknown") == 1
    assert str(failed.error) == (
        "error[rows-undelivered]: sync 'customers' got no answer for 1 of 1 rows\n"
        "help: run the sync again; what was acknowledged is not sent twice"
    )
    assert server.state == {}
    assert shop.run().count("accepted") == 1
    assert server.state == as_state({"a": "a@x"})


def test_three_failed_batches_in_a_row_stop_the_run(shop: Shop, server: Server) -> None:
    server.always = lambda body: 503
    shop.desire({f"k{number:02}": "x" for number in range(40)})
    result = shop.run()
    assert str(result.error) == (
        "error[destination-unavailable]: destination 'hook' failed 3 batches in a row, the last "
        "with http_503, after 6 tries each\n"
        "help: run the sync again when the destination is back; nothing is lost"
    )
    assert len(server.bodies) == 18
    server.always = None
    assert shop.run().count("accepted") == 40
    assert len(server.state) == 40


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_of_the_caller_stops_at_once(shop: Shop, server: Server, status: int) -> None:
    server.faults = [None, status]
    shop.desire({f"k{number:02}": "x" for number in range(40)})
    result = shop.run()
    assert str(result.error) == (
        f"error[destination-refused]: destination 'hook' refused the run with status {status}\n"
        "help: check its address and its credentials"
    )
    assert len(server.bodies) == 2
    assert (result.count("accepted"), result.count("retry")) == (4, 4)
    assert shop.run().count("accepted") == 36


def test_a_redirect_to_another_host_is_refused(shop: Shop, server: Server) -> None:
    server.faults = [(307, {"Location": "http://localhost:1/elsewhere"}, b"")]
    shop.desire({"a": "a@x"})
    assert str(shop.run().error) == (
        "error[redirect-refused]: destination 'hook' answered with a redirect (307) that is not "
        "followed\n"
        "help: redirects to another host would carry the data and the secrets there; configure "
        "the final address"
    )


def test_a_redirect_on_the_same_host_is_followed(shop: Shop, server: Server) -> None:
    server.faults = [(308, {"Location": "/other"}, b"")]
    shop.desire({"a": "a@x"})
    assert shop.run().count("accepted") == 1


@pytest.mark.parametrize(
    "body", [{"results": []}, {"results": [{"status": "maybe"}]}, {"results": ["accepted"]}]
)
def test_a_reply_that_does_not_account_for_its_rows_leaves_them_unknown(
    shop: Shop, server: Server, body: object
) -> None:
    server.faults = [(200, {}, body)]
    shop.desire({"a": "a@x"})
    assert shop.run().count("unknown") == 1
    assert shop.rows("select remote_state, reason_code from main_ops.sync_ledger") == [
        ("unknown", "malformed_results")
    ]
    assert shop.run().count("accepted") == 1


def test_an_unknown_row_that_leaves_is_removed(shop: Shop, server: Server) -> None:
    shop.desire({"a": "a@x", "b": "b@x", "c": "c@x"})
    server.faults = ["lose-after"] * 6
    shop.run()
    shop.desire({"a": "a@x", "b": "b@x"})
    result = shop.run()
    assert result.diff.removed == 1
    assert server.state == as_state({"a": "a@x", "b": "b@x"})


def test_a_row_that_is_rejected_after_a_lost_answer_may_be_there_and_is_removed(
    shop: Shop, server: Server
) -> None:
    shop.desire({"a": "a@x"})
    shop.run()
    shop.desire({"a": "a@x", "b": "b@x", "c": "c@x"})
    server.faults = ["lose-after", 400, 400, None]
    result = shop.run()
    assert (result.count("accepted"), result.count("rejected")) == (1, 1)
    assert sorted(server.state) == ["a", "b", "c"]
    shop.desire({"a": "a@x", "c": "c@x"})
    assert shop.run().diff.removed == 1
    assert sorted(server.state) == ["a", "c"]


def test_the_warehouse_is_free_while_rows_are_sent(shop: Shop, server: Server) -> None:
    seen: list[list[tuple[object, ...]]] = []

    def look(body: object) -> None:
        seen.append(shop.rows("select state from main_ops.sync_runs"))

    server.faults = [look]
    shop.desire({"a": "a@x"})
    shop.run()
    assert seen == [[("sending",)]]


def test_a_destination_that_is_renamed_starts_from_nothing(shop: Shop, server: Server) -> None:
    shop.desire({"a": "a@x"})
    shop.run()
    shop.sync(destination="lines")
    assert shop.run().diff.added == 1


def test_a_destination_is_written_to_only_on_its_targets(shop: Shop, server: Server) -> None:
    from cdp.project import Project
    from cdp.syncs.run import run_sync

    shop.desire({"a": "a@x"})
    with pytest.raises(RunError) as caught:
        run_sync(Project(shop.folder, "staging"), shop.catalogue, "customers")
    place = shop.folder / "definitions" / "destinations.yml"
    assert str(caught.value) == (
        "error[destination-not-live]: destination 'hook' may not be written to on the target "
        f"'staging'\n  --> {place}:2:11\n   2 |   - name: hook\nhelp: use --target dev"
    )
    assert server.bodies == []


def test_a_missing_secret_is_named_and_nothing_is_begun(
    shop: Shop, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOOK_TOKEN")
    shop.desire({"a": "a@x"})
    with pytest.raises(RunError) as caught:
        shop.run()
    place = shop.folder / "definitions" / "destinations.yml"
    assert str(caught.value) == (
        "error[missing-secret]: destination 'hook' needs the environment variable HOOK_TOKEN, "
        f"which is not set\n  --> {place}:2:11\n   2 |   - name: hook\n"
        "help: set it: export HOOK_TOKEN=..."
    )
    assert server.bodies == []


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HOOK_URL", "no address"),
        ("HOOK_URL", "https://x.example:port/"),
        ("HOOK_TOKEN", "broken\nsecret-83"),
        ("HOOK_TOKEN", "sécret-83"),
    ],
)
def test_a_value_that_cannot_be_sent_is_not_shown(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    shop.desire({"a": "a@x"})
    assert str(shop.run().error) == (
        "error[destination-misconfigured]: destination 'hook' has an address or a header that "
        "cannot be sent\nhelp: check its url and the values of its secrets"
    )


def test_a_proxy_of_the_environment_is_not_used_on_this_machine(
    shop: Shop, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    shop.desire({"a": "a@x"})
    assert shop.run().count("accepted") == 1


def test_a_sync_that_was_never_built_says_so(shop: Shop) -> None:
    with pytest.raises(RunError) as caught:
        shop.run()
    assert str(caught.value) == (
        "error[sync-not-built]: the desired state of sync 'customers' has not been built: there "
        "is no main.sync__customers\nhelp: run 'cdp build' first"
    )


def test_two_runs_of_one_sync_do_not_overlap(shop: Shop, server: Server) -> None:
    import os
    import re

    held: list[TransientError] = []

    def run_again(body: object) -> None:
        with pytest.raises(TransientError) as caught:
            shop.run()
        held.append(caught.value)

    server.faults = [run_again]
    shop.desire({"a": "a@x"})
    assert shop.run().count("accepted") == 1
    assert re.fullmatch(
        rf"error\[sync-running\]: sync 'customers' is being run by process {os.getpid()} on \S+ "
        r"since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\n"
        r"help: let it finish; one run of a sync at a time",
        str(held[0]),
    )


def test_a_spool_that_cannot_be_made_is_explained(shop: Shop) -> None:
    shop.desire({"a": "a@x"})
    spool = shop.folder / "warehouse.duckdb.spool"
    spool.write_text("a file")
    with pytest.raises(RunError) as caught:
        shop.run()
    assert str(caught.value) == (
        f"error[spool-unwritable]: the private folder {spool} of the running syncs cannot be "
        "written to: File exists\n"
        "help: make room, or let the user that runs cdp write there; run the sync again"
    )


def test_a_journal_that_cannot_be_written_loses_nothing(
    shop: Shop, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sqlite3

    from cdp.syncs.journal import Journal

    def fill_the_disk(*arguments: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    shop.desire({"a": "a@x"})
    with monkeypatch.context() as patched:
        patched.setattr(Journal, "settle", fill_the_disk)
        with pytest.raises(RunError, match="database or disk is full"):
            shop.run()
    assert shop.run().error is None
    assert (server.state, server.repeated_keys) == (as_state({"a": "a@x"}), 1)


def test_a_warehouse_that_somebody_else_took_while_rows_were_sent_loses_nothing(
    shop: Shop, server: Server
) -> None:
    import subprocess
    import sys

    hold = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print(1, flush=True); input()"
    holders: list[subprocess.Popen[bytes]] = []

    def take_the_warehouse(body: object) -> None:
        holder = subprocess.Popen(
            [sys.executable, "-c", hold, str(shop.warehouse)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert holder.stdout is not None
        holder.stdout.readline()
        holders.append(holder)

    server.faults = [take_the_warehouse]
    shop.desire({"a": "a@x", "b": "b@x"})
    with pytest.raises(TransientError, match="warehouse-locked"):
        shop.run(lock_wait_s=0)
    holders[0].communicate(b"\n")
    again = shop.run()
    assert (again.sent, again.diff.unchanged, len(server.bodies)) == (0, 2, 1)
