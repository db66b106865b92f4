"""Any lines: what is loaded, and why the rest is not, against the plain-Python rules."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdp.loader.load import load_files
from cdp.warehouse import Warehouse
from tests.loader.conftest import WEB
from tests.loader.oracle import TYPES, reason_code

ODD_TEXTS = st.sampled_from(
    ["", "x", "NaN", ": nan", ",}", "{}", "{", "\\u0000", "\0", "ü", "[" * 9]
)
SCALARS = st.none() | st.booleans() | st.integers() | ODD_TEXTS | st.text(max_size=5)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ODD_TEXTS, inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(st.sampled_from(["a", "traits", "app", "\0", "{"]), VALUES, max_size=3)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "type": st.sampled_from(sorted(TYPES)) | SCALARS,
    "messageId": st.text("abc", max_size=3) | SCALARS,
    "userId": st.just("u") | SCALARS,
    "anonymousId": st.just("a") | VALUES,
    "groupId": st.just("g") | SCALARS,
    "previousId": st.just("p") | SCALARS,
    "event": st.just("Seen") | VALUES,
    "name": st.just("Home") | SCALARS,
    "category": st.just("Docs") | SCALARS,
    "properties": OBJECTS | VALUES,
    "traits": OBJECTS | VALUES,
    "context": OBJECTS | VALUES,
    "else": VALUES,
}


def _with(likely: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Messages whose `likely` fields are right, and others that may be anything or absent."""
    fixed: dict[str, st.SearchStrategy[Any]] = {
        "type": st.sampled_from(sorted(TYPES)),
        **{name: st.just(value) for name, value in likely.items()},
    }
    rest = {name: values for name, values in FIELDS.items() if name not in fixed}
    return st.fixed_dictionaries(fixed, optional=rest)


MESSAGES = (
    st.fixed_dictionaries({}, optional=FIELDS)
    | _with({})
    | _with({"userId": "u", "event": "Seen"})
    | _with({"userId": "u", "groupId": "g", "previousId": "p", "event": "Seen", "context": {}})
)
CHANGES = st.sampled_from(
    [("", ""), ("null", "NaN"), ("}", ",}"), ('"a"', '"traits"'), ("true", "-inf"), ('"', "")]
)


@st.composite
def lines(draw: st.DrawFn) -> str:
    """A message as a line; sometimes damaged, with a key twice or with what is no JSON."""
    text = json.dumps(draw(MESSAGES), ensure_ascii=draw(st.booleans()))
    before, after = draw(CHANGES)
    text = text.replace(before, after, draw(st.integers(0, 2))) if before else text
    return text[: len(text) - draw(st.sampled_from([0, 0, 0, 0, 1, 5]))]


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(given_lines=st.lists(lines(), min_size=1, max_size=25))
def test_the_rules(tmp_path: Path, given_lines: list[str]) -> None:
    path = tmp_path / "a.ndjson"
    given_lines = [line for line in given_lines if line.strip()]
    path.write_bytes("\n".join(["{}", *given_lines]).encode("utf-8"))
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        warehouse = Warehouse(connection, tmp_path)
        result = load_files(warehouse, "raw", WEB, [path])
        refused = dict(warehouse.rows("select line_number, reason_code from raw.rejected"))
        loaded = dict(warehouse.rows("select line_number, payload from raw.events"))
    expected = {n: reason_code(line) for n, line in enumerate(given_lines, start=2)}
    assert refused == {1: "bad_request"} | {n: code for n, code in expected.items() if code}
    assert loaded == {
        n: line.strip() for n, line in enumerate(given_lines, start=2) if expected[n] is None
    }
    assert (result.event_count, result.rejected_count) == (len(loaded), len(refused))
