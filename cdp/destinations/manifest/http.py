"""What all requests of an HTTP destination share.

Owns the specs and reading of addresses, authentication, rate limits, retries,
vendor headers, the harmless test request, and the rules for every reply.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from cdp.destinations.manifest.objects import IDEMPOTENCY, Object, read_objects
from cdp.destinations.manifest.reading import check_templates, seconds, statuses
from cdp.destinations.manifest.replies import Rule, read_rules
from cdp.destinations.manifest.request import Request, read_request
from cdp.destinations.manifest.settings import Setting
from cdp.destinations.template import Template, from_node
from cdp.yamlfile import Section

RETRY_STATUSES = (408, 423, 425, 429, *range(500, 600))
FATAL_STATUSES = (401, 403, 404)
RESET_FORMS = ("epoch_s", "epoch_ms", "delta_s", "http_date")
_TEMPLATES = ("base_url", "auth", "headers", "query", "signature", "ping")


@dataclass(frozen=True)
class Retry:
    """When and how often a request is tried again. Times in seconds."""

    statuses: tuple[int, ...] = RETRY_STATUSES
    attempts: int = 6
    base_s: float = 1.0
    cap_s: float = 60.0
    throttle_s: float = 0.0


@dataclass(frozen=True)
class RateLimit:
    """At most so many requests (or rows) in so many seconds, for the whole account."""

    per_s: float
    requests: int = 0
    rows: int = 0


@dataclass(frozen=True)
class ResetHeader:
    """A vendor's header that says when to try again."""

    name: str
    form: str


@dataclass(frozen=True)
class Ping:
    """A request that changes nothing, and the statuses that say that all is well."""

    request: Request
    ok: tuple[int, ...] = (200,)
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True)
class Http:
    """What all requests of an HTTP destination share, and its objects."""

    objects: Mapping[str, Object]
    base_url: Template = ""
    timeout_s: float = 30.0
    idempotency: str = "none"
    idempotency_header: str = "Idempotency-Key"
    auth: Mapping[str, Template] = field(default_factory=dict)
    headers: Mapping[str, Template] = field(default_factory=dict)
    query: Mapping[str, Template] = field(default_factory=dict)
    signature: Mapping[str, Template] = field(default_factory=dict)
    retry: Retry = field(default_factory=Retry)
    fatal: tuple[int, ...] = FATAL_STATUSES
    limits: tuple[RateLimit, ...] = ()
    resets: tuple[ResetHeader, ...] = ()
    rules: tuple[Rule, ...] = ()
    ping: Ping | None = None


def read_http(section: Section, settings: Mapping[str, Setting]) -> Http:
    """The `http` and `objects` of a manifest."""
    http = section.section("http", f"http of {section.what}", required=True)
    if http is None:
        return Http({})
    check_templates([http.node(key) for key in _TEMPLATES], settings, {}, http.problems)
    idempotency = http.choice("idempotency", IDEMPOTENCY, required=True, default="none")
    found = Http(
        read_objects(section, settings, idempotency),
        from_node(http.node("base_url")) or "",
        seconds(http, "timeout_s", 30.0),
        idempotency,
        http.text("idempotency_header", default="Idempotency-Key"),
        _templates(http, "auth"),
        _templates(http, "headers"),
        _templates(http, "query"),
        _templates(http, "signature"),
        _retry(http),
        statuses(http, "fatal", FATAL_STATUSES),
        tuple(_limit(one) for one in http.sections("limits", "limit")),
        tuple(_reset(one) for one in http.sections("resets", "reset header")),
        read_rules(http),
        _ping(http),
    )
    http.finish()
    return found


def _templates(section: Section, key: str) -> dict[str, Template]:
    return {name: from_node(node) for name, node, _ in section.mapping(key)}


def _retry(http: Section) -> Retry:
    retry = http.section("retry", "retry")
    if retry is None:
        return Retry()
    found = Retry(
        statuses(retry, "statuses", RETRY_STATUSES),
        retry.integer("attempts", default=6, minimum=1),
        seconds(retry, "base_s", 1.0),
        seconds(retry, "cap_s", 60.0),
        seconds(retry, "throttle_s", 0.0),
    )
    retry.finish()
    return found


def _limit(one: Section) -> RateLimit:
    per = one.node("per_s", required=True)
    per_s = 1.0
    if per is not None and isinstance(per.value, (int, Decimal)) and per.value > 0:
        per_s = float(per.value)
    elif per is not None:
        one.wrong("per_s", per, "a number of seconds above 0")
    found = RateLimit(
        per_s,
        one.integer("requests", default=0, minimum=1),
        one.integer("rows", default=0, minimum=1),
    )
    if not (found.requests or found.rows):
        one.problems.add(
            "missing-key",
            f"{one.what} limits neither requests nor rows",
            one.location,
            "add 'requests: ...' or 'rows: ...'",
        )
    one.finish()
    return found


def _reset(one: Section) -> ResetHeader:
    found = ResetHeader(
        one.text("header", required=True), one.choice("as", RESET_FORMS, required=True)
    )
    one.finish()
    return found


def _ping(http: Section) -> Ping | None:
    one = http.section("ping", "ping")
    if one is None:
        return None
    found = Ping(read_request(one), statuses(one, "ok", (200,)), read_rules(one))
    one.finish()
    return found
