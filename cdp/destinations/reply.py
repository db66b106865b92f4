"""From a reply to what became of each row. Pure but for the exceptions that it raises.

Order: the operation's rules, the destination's rules (the first that fits
decides), single rows that the reply names (`results`), then the status. Texts
from outside are redacted. Knows no vendor.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import httpx

from cdp.destinations.delivery import ACCEPTED, REJECTED, STAGED, UNKNOWN, Outcome, Refused
from cdp.destinations.manifest import Http, Operation
from cdp.destinations.manifest.jobs import Job
from cdp.destinations.manifest.replies import RemoteId, Results, Rule, holds
from cdp.destinations.retry import TryAgain, parse_reset, parse_retry_after
from cdp.destinations.rows import Row
from cdp.destinations.secrets import redact
from cdp.destinations.template import look_up
from cdp.json_bytes import read_json

SURELY_NOT_APPLIED = (425, 429)
_FIRST_NUMBER = r"(?:^|/)(?P<index>\d+)(?:/|$)"
ROOT = "."
"""The path of a list that is the whole body."""
Outcomes = list[Outcome | None]
"""An outcome for each row; None for a row that is to be sent again without the others."""


class TokenExpired(Exception):  # noqa: N818
    """The reply says that the token is no longer valid."""


class FatalReply(Exception):  # noqa: N818
    """The reply is a refusal that holds for every row."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


class _Unaccounted(Exception):  # noqa: N818
    """The reply does not say what became of its rows."""


def read_reply(
    response: httpx.Response,
    http: Http,
    operation: Operation,
    rows: Sequence[Row],
    hidden: Iterable[Any],
) -> Outcomes | Refused:
    """What became of the rows. Raises TryAgain, TokenExpired and FatalReply."""
    status, body = response.status_code, parse_body(response)
    rule = find_rule((*operation.rules, *http.rules), response, body)
    if rule is not None and rule.then != "ok":
        return _ruled(rule, http, response, body, rows, hidden)
    if status == 401:
        raise TokenExpired
    if rule is None and status in http.retry.statuses and status != 501:
        raise _try_again(http, response, f"http_{status}", status not in SURELY_NOT_APPLIED)
    is_fine = rule is not None or 200 <= status < 300
    if rule is None and is_fine and operation.expects == "json" and body is None:
        raise TryAgain("malformed_body", may_have_arrived=True)
    try:
        named = _named(operation.results, response, body, rows, hidden)
    except _Unaccounted as error:
        return [Outcome(UNKNOWN, "malformed_results", str(error))] * len(rows)
    if named is None and not is_fine:
        if status in http.fatal or status >= 500 or status < 400:
            raise FatalReply(status, f"http_{status}")
        return Refused(f"http_{status}", redact(response.text, hidden))
    found: Outcomes = named if named is not None else [Outcome(ACCEPTED)] * len(rows)
    found = _with_remote_ids(found, operation.remote_id, body, rows)
    is_taken = any(one is not None and one.state == ACCEPTED for one in found)
    return _in_job(found, operation.job, body) if operation.job and is_taken else found


def _in_job(found: Outcomes, job: Job, body: Any) -> Outcomes:
    """Rows that were taken are in the job that the reply names. Raises TryAgain without one."""
    job_id = look_up(body, job.id)
    if not isinstance(job_id, (str, int)) or job_id == "":
        raise TryAgain("malformed_body", may_have_arrived=True)
    return [
        replace(one, state=STAGED, code="job", job=str(job_id))
        if one is not None and one.state == ACCEPTED
        else one
        for one in found
    ]


def check_answer(response: httpx.Response, http: Http, rules: Sequence[Rule]) -> None:
    """Raises TryAgain, TokenExpired and FatalReply when a reply is no answer to a question."""
    rule = find_rule((*rules, *http.rules), response, parse_body(response))
    status = response.status_code
    if rule is not None and rule.then in ("refresh", "fatal", "retry", "throttle"):
        _ruled(rule, http, response, None, [], [])
    if status == 401:
        raise TokenExpired
    if status in http.retry.statuses and status != 501:
        raise _try_again(http, response, f"http_{status}", False)
    if status != 404 and (status in http.fatal or status >= 500 or 300 <= status < 400):
        raise FatalReply(status, f"http_{status}")


def parse_body(response: httpx.Response) -> Any:
    """The JSON of a reply; None when it has none."""
    try:
        return read_json(response.content)
    except (ValueError, RecursionError):
        return None


def find_rule(rules: Sequence[Rule], response: httpx.Response, body: Any) -> Rule | None:
    """The first rule that fits."""
    for rule in rules:
        if rule.statuses and response.status_code not in rule.statuses:
            continue
        if rule.contains and rule.contains not in response.text:
            continue
        # A body that cannot be read says nothing, not even that something is missing in it.
        if rule.where and body is None:
            continue
        if holds(body, rule.where):
            return rule
    return None


def _ruled(
    rule: Rule,
    http: Http,
    response: httpx.Response,
    body: Any,
    rows: Sequence[Row],
    hidden: Iterable[Any],
) -> Outcomes | Refused:
    code = rule.code or f"http_{response.status_code}"
    if rule.then == "refresh":
        raise TokenExpired
    if rule.then == "fatal":
        raise FatalReply(response.status_code, code)
    if rule.then in ("retry", "throttle"):
        raise _try_again(http, response, code, rule.then == "retry", rule.wait_s)
    reason = look_up(body, rule.reason) if rule.reason else response.text
    text = redact(str(reason or ""), hidden)
    if rule.then == "unknown":
        return [Outcome(UNKNOWN, code, text)] * len(rows)
    return Refused(code, text)


def _try_again(
    http: Http,
    response: httpx.Response,
    code: str,
    may_have_arrived: bool,
    wait_s: float | None = None,
) -> TryAgain:
    now = datetime.now(timezone.utc)
    named = parse_retry_after(response.headers.get("Retry-After"), now)
    for reset in http.resets:
        if named is None:
            named = parse_reset(response.headers.get(reset.name), reset.form, now)
    if named is None:
        named = wait_s
    if not may_have_arrived and http.retry.throttle_s:
        named = max(named or 0.0, http.retry.throttle_s)
    return TryAgain(code, may_have_arrived=may_have_arrived, retry_after_s=named)


def _named(
    shapes: Sequence[Results],
    response: httpx.Response,
    body: Any,
    rows: Sequence[Row],
    hidden: Iterable[Any],
) -> Outcomes | None:
    """Outcomes where the reply names rows; None where it names none and must not be trusted."""
    status = response.status_code
    fitting = [
        one for one in shapes if (status in one.statuses if one.statuses else 200 <= status < 300)
    ]
    if not fitting:
        return None
    found: dict[int, Outcome] = {}
    rest = "accepted"
    for shape in fitting:
        for index, outcome in _entries(shape, body, rows, hidden):
            found[index] = outcome
        rest = shape.rest if shape.rest != "accepted" else rest
    if not found and not 200 <= status < 300:
        return None
    if rest == "refused" and found and len(found) < len(rows):
        return None
    other = None if rest == "resend" and found else Outcome(ACCEPTED)
    if not found:
        return [other] * len(rows)
    return [found.get(index, other) for index in range(len(rows))]


def _entries(
    shape: Results, body: Any, rows: Sequence[Row], hidden: Iterable[Any]
) -> Iterator[tuple[int, Outcome]]:
    """(position, outcome) of each row that a reply names. Raises _Unaccounted."""
    entries = look_up(body, shape.list) if shape.list else body
    if shape.by == "map" and isinstance(entries, Mapping):
        entries = [{"key": key, "value": value} for key, value in entries.items()]
    if shape.by == "message" and not isinstance(entries, list):
        entries = [entries]
    if not isinstance(entries, list):
        if shape.is_required:
            raise _Unaccounted("the reply has no list of results")
        return
    if shape.by == "position" and len(entries) != len(rows):
        raise _Unaccounted(f"{len(entries)} results for {len(rows)} rows")
    for position, entry in enumerate(entries):
        for index in _positions(shape, entry, position, rows):
            yield index, _outcome(shape, entry, hidden)


def _positions(shape: Results, entry: Any, position: int, rows: Sequence[Row]) -> list[int]:
    """The rows that an entry is about. Raises _Unaccounted when it is about none of ours."""
    if shape.by == "position":
        return [position]
    at = "key" if shape.by == "map" else shape.at
    named = look_up(entry, at) if at else entry
    if shape.by == "message":
        return _in_message(shape, str(named or ""), rows)
    if shape.by == "pointer":
        match = re.search(shape.pattern or _FIRST_NUMBER, str(named or ""))
        found = [int(match["index"])] if match else []
    elif shape.by == "index":
        texts = named if isinstance(named, list) else [named]
        found = [int(one) for one in texts if str(one).isdigit()]
    else:
        texts = named if isinstance(named, list) else [named]
        found = [i for one in texts for i in _having(str(one), rows, shape.by == "trace")]
    if not found or not all(0 <= index < len(rows) for index in found):
        raise _Unaccounted("the reply names a row that was not sent")
    return found


def _in_message(shape: Results, text: str, rows: Sequence[Row]) -> list[int]:
    found: list[int] = []
    for match in re.finditer(shape.pattern, text):
        groups = match.groupdict()
        if groups.get("index") is not None and int(groups["index"]) < len(rows):
            found.append(int(groups["index"]))
        elif groups.get("value") is not None:
            found += _having(groups["value"], rows, False)
    return found


def _having(value: str, rows: Sequence[Row], is_trace: bool) -> list[int]:
    """The rows with a trace id, or with an identifier or field of this value in any case."""
    if is_trace:
        return [index for index, row in enumerate(rows) if row["ref"] == value]
    folded = value.casefold()
    return [
        index
        for index, row in enumerate(rows)
        if any(
            str(one).casefold() == folded
            for one in (
                row["key"],
                row["remote_id"],
                *row["identifiers"].values(),
                *row["known"].values(),
            )
        )
    ]


def _outcome(shape: Results, entry: Any, hidden: Iterable[Any]) -> Outcome:
    if shape.ok and holds(entry, shape.ok):
        return Outcome(ACCEPTED)
    value = entry["value"] if shape.by == "map" else entry
    found = look_up(value, shape.code) if shape.code else None
    code = redact(str(found), hidden) if found is not None else shape.named or REJECTED
    said = look_up(value, shape.reason) if shape.reason else None
    if shape.refused and not holds(entry, shape.refused):
        return Outcome(UNKNOWN, "malformed_results", "a row's result has no known status")
    reason = redact(str(said if said is not None else ""), hidden)
    state = shape.codes.get(str(found), shape.codes.get("*", REJECTED))
    return Outcome(state, code, reason)


def _with_remote_ids(
    outcomes: Outcomes, where: RemoteId | None, body: Any, rows: Sequence[Row]
) -> Outcomes:
    if where is None:
        return outcomes
    entries = body if where.list == ROOT else look_up(body, where.list) if where.list else [body]
    if not isinstance(entries, list):
        return outcomes
    if where.match:
        ids = {str(look_up(one, where.match)).casefold(): look_up(one, where.at) for one in entries}
        found = [ids.get(str(row["key"]).casefold()) for row in rows]
    else:
        found = [look_up(one, where.at) for one in entries]
    if len(found) != len(rows):
        return outcomes
    return [
        replace(outcome, remote_id=str(one)) if outcome and one is not None else outcome
        for outcome, one in zip(outcomes, found, strict=True)
    ]
