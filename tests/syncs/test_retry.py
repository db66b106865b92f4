"""How long the HTTP engine waits, and templates of manifests."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from cdp.destinations.manifest import Retry
from cdp.destinations.retry import TryAgain, call_with_retries, parse_retry_after
from cdp.destinations.template import render

NOW = datetime(2026, 11, 22, 10, 0, 0, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("Sun, 22 Nov 2026 10:01:30 GMT", 90.0),
        ("Sun, 22 Nov 2026 09:00:00 GMT", 0.0),
        ("Sun, 22 Nov 2026 10:01:30 -0000", 90.0),
        ("soon", None),
        ("-5", None),
        ("1e3", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    assert parse_retry_after(header, NOW) == seconds


def attempts(error: TryAgain, retry: Retry) -> list[float]:
    """The waits of a call that always fails."""
    waits: list[float] = []
    calls: list[int] = []

    def fail() -> None:
        calls.append(1)
        raise error

    with pytest.raises(TryAgain):
        call_with_retries(fail, retry, waits.append)
    assert len(calls) == len(waits) + 1
    return waits


def test_waits_grow_at_most_exponentially_and_are_capped() -> None:
    error = TryAgain("http_500", may_have_arrived=True)
    for _ in range(50):
        waits = attempts(error, Retry(attempts=6, base_s=1, cap_s=5))
        assert len(waits) == 5
        assert all(0 <= wait <= most for wait, most in zip(waits, [1, 2, 4, 5, 5], strict=True))


def test_the_destination_s_own_time_comes_first() -> None:
    error = TryAgain("http_429", may_have_arrived=False, retry_after_s=33)
    assert attempts(error, Retry(attempts=3)) == [33, 33]


def test_a_wait_that_is_too_long_is_not_begun() -> None:
    error = TryAgain("http_429", may_have_arrived=False, retry_after_s=86_400)
    assert attempts(error, Retry(attempts=3)) == []


def test_a_lone_placeholder_keeps_its_type_and_others_become_text() -> None:
    scope = {"rows": [{"key": "a", "fields": {"n": 1.5, "none": None}}], "sync": "s"}
    template = {
        "of": "sync {{ sync }}!",
        "rows": {
            "$each": "{{ rows }}",
            "$do": {"id": "{{row.key}}", "n": "{{ row.fields.n }}", "m": "<{{ row.fields.none }}>"},
        },
        "list": ["{{ missing }}", 3, True],
    }
    assert render(template, scope) == {
        "of": "sync s!",
        "rows": [{"id": "a", "n": 1.5, "m": "<>"}],
        "list": [None, 3, True],
    }


def test_what_looks_like_a_placeholder_in_a_value_stays_as_it_is() -> None:
    scope = {"row": {"key": "{{ settings.token }}"}, "settings": {"token": "secret"}}
    assert render({"key": "{{ row.key }}", "text": "k {{ row.key }}"}, scope) == {
        "key": "{{ settings.token }}",
        "text": "k {{ settings.token }}",
    }
