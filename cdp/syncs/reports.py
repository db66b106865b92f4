"""What the ledger says, as views that anybody can query: rows, failures and what to do.

Owns the classes of reasons and the text of the views `sync_rows` and
`sync_failures`. A failure is shown with the number of its rows, one redacted
reason and one hashed key. Pure text; the tables are made by `cdp.syncs.tables`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cdp.warehouse import quoted_text


@dataclass(frozen=True)
class View:
    """A view; `columns` are (name, description), `sql` takes the schema, quoted."""

    name: str
    description: str
    columns: tuple[tuple[str, str], ...]
    sql: Callable[[str], str]


@dataclass(frozen=True)
class ReasonClass:
    """Reasons that ask for the same action. `codes` may end with `%`."""

    name: str
    codes: tuple[str, ...]
    advice: str


REASON_CLASSES = (
    ReasonClass(
        "invalid_row",
        (
            "null_key", "duplicate_key", "invalid_key", "missing_field", "too_large", "http_413",
            "private_address",
        ),
        "correct these rows in the source; the next run sends what was corrected",
    ),
    ReasonClass(
        "not_found",
        ("not_found",),
        "the destination does not know these keys; create them there, or send another key",
    ),
    ReasonClass(
        "no_access",
        ("http_401", "http_403", "token"),
        "check the credentials with 'cdp destination test', then run the sync again",
    ),
    ReasonClass(
        "misconfigured",
        ("http_404", "http_501", "redirect", "bad_request", "unwritable"),
        "check the settings of the destination with 'cdp destination test'",
    ),
    ReasonClass(
        "unavailable",
        ("http_408", "http_425", "http_429", "http_5%", "quota", "connection_failed"),
        "run the sync again later; nothing is lost",
    ),
    ReasonClass(
        "no_answer",
        ("timeout", "connection_lost", "interrupted", "journal_lost"),
        "run the sync again; rows that must not arrive twice wait for "
        "'cdp sync retry NAME --unknown'",
    ),
    ReasonClass(
        "unreadable_answer",
        ("malformed_results",),
        "the destination answers in another form than expected; check its address and version",
    ),
)  # fmt: skip
_UNCERTAIN = next(one for one in REASON_CLASSES if one.name == "no_answer")
_REFUSED = (
    "look at the reason; correct the rows, which sends them again, or what the destination "
    "expects, and then 'cdp sync retry NAME'"
)
_WAITING = "run the sync again; nothing is lost"
_OTHERWISE = (("rejected", "refused", _REFUSED), ("retry", "unavailable", _WAITING))


def _cases(code: str, outcome: str) -> tuple[str, str]:
    """SQL for the class of a reason, and for the advice; texts come from this module."""
    branches: list[tuple[str, str, str]] = []
    for one in REASON_CLASSES:
        plain = ", ".join(quoted_text(name) for name in one.codes if not name.endswith("%"))
        tests = [f"{code} in ({plain})"] if plain else []
        tests += [f"{code} like {quoted_text(name)}" for name in one.codes if name.endswith("%")]
        branches.append((" or ".join(tests), one.name, one.advice))
    for name, reason_class, advice in _OTHERWISE:
        branches.append((f"{outcome} = {quoted_text(name)}", reason_class, advice))
    branches.append((f"{outcome} = 'unknown'", _UNCERTAIN.name, _UNCERTAIN.advice))
    by_class = " ".join(f"when {test} then {quoted_text(name)}" for test, name, _ in branches)
    by_advice = " ".join(f"when {test} then {quoted_text(advice)}" for test, _, advice in branches)
    return f"case {by_class} end", f"case {by_advice} end"


def _rows_sql(schema: str) -> str:
    reason_class, _ = _cases("l.reason_code", "l.last_outcome")
    # The schema is quoted by the caller, everything else is written here.
    return (
        "select l.sync_name, l.destination_name, l.sync_key, "  # noqa: S608
        "left(sha256(l.sync_key), 12) as key_sha256, l.remote_state, l.last_operation, "
        "l.last_outcome, case when l.last_outcome in ('rejected', 'retry', 'unknown') then "
        f"{reason_class} end as reason_class, l.reason_code, l.reason, "
        "coalesce(l.attempts, 1) as attempts, "
        "coalesce(l.first_attempted_at, l.attempted_at) as first_attempted_at, "
        "l.attempted_at as last_attempted_at, l.acknowledged_at, l.run_id "
        f"from {schema}.sync_ledger as l"
    )


def _failures_sql(schema: str) -> str:
    reason_class, advice = _cases("f.reason_code", "f.outcome")
    return (
        "with failures as (select r.sync_name, r.destination_name, "  # noqa: S608
        "r.last_outcome as outcome, r.reason_code, r.reason, r.key_sha256, "
        "r.first_attempted_at, r.last_attempted_at, 1 as row_count "
        f"from {schema}.sync_rows as r where r.last_outcome in ('rejected', 'retry', 'unknown') "
        "union all select i.sync_name, i.destination_name, 'invalid', i.reason_code, i.reason, "
        "left(sha256(i.sync_key), 12), i.rejected_at, i.rejected_at, "
        # Of an invalid key the reason says how many rows have it.
        "cast(split_part(i.reason, ' ', 1) as bigint) "
        f"from {schema}.sync_rejected as i "
        "where i.reason_code in ('null_key', 'duplicate_key') and i.payload_hash is null "
        "and i.operation = 'upsert') "
        f"select f.sync_name, f.destination_name, f.outcome, {reason_class} as reason_class, "
        "f.reason_code, cast(sum(f.row_count) as bigint) as row_count, "
        "min(f.first_attempted_at) as first_attempted_at, "
        "max(f.last_attempted_at) as last_attempted_at, "
        "first(f.reason order by f.last_attempted_at desc, f.key_sha256) as sample_reason, "
        "first(f.key_sha256 order by f.last_attempted_at desc, f.key_sha256) "
        f"as sample_key_sha256, {advice} as advice from failures as f "
        "group by f.sync_name, f.destination_name, f.outcome, f.reason_code"
    )


_SYNC = ("sync_name", "The sync.")
_DESTINATION = ("destination_name", "The destination, by its name in destinations.yml.")
_CLASS = (
    "reason_class",
    ", ".join(f"`{one.name}`" for one in REASON_CLASSES)
    + " or `refused` (any other refusal of the destination); null for a row that was accepted.",
)
_CODE = ("reason_code", "Why, in a word: the destination's own, or one of the engine.")
ROWS = View(
    "sync_rows",
    "A (sync, destination, key) that was ever tried, with its last outcome.",
    (
        _SYNC,
        _DESTINATION,
        ("sync_key", "What identifies the row at the destination."),
        ("key_sha256", "The first 12 digits of the key's SHA-256, as commands show it."),
        ("remote_state", "What is known of the destination: present, absent or unknown."),
        ("last_operation", "What was tried last: upsert or remove."),
        (
            "last_outcome",
            "accepted, rejected, retry, unknown, staged or withdrawn (see `sync_ledger`).",
        ),
        _CLASS,
        _CODE,
        ("reason", "Why, in the destination's words, redacted."),
        ("attempts", "How many runs tried this very content."),
        ("first_attempted_at", "When this very content was first tried."),
        ("last_attempted_at", "When it was last tried."),
        ("acknowledged_at", "When the destination last took the row."),
        ("run_id", "The run of the last try."),
    ),
    _rows_sql,
)
FAILURES = View(
    "sync_failures",
    "A reason for which rows of a sync are not as they should be: (sync, destination, outcome, "
    "reason_code).",
    (
        _SYNC,
        _DESTINATION,
        ("outcome", "rejected, retry, unknown or invalid."),
        _CLASS,
        _CODE,
        ("row_count", "Rows with this reason now."),
        ("first_attempted_at", "When the first of them was first tried."),
        ("last_attempted_at", "When the last of them was last tried."),
        ("sample_reason", "The reason of one of them, redacted."),
        ("sample_key_sha256", "The key of the same one, hashed as in `sync_rows`."),
        ("advice", "What to do."),
    ),
    _failures_sql,
)
VIEWS = (ROWS, FAILURES)
