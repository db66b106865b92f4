"""How values are written: normalising, hashing once, filters, templates, signatures."""

from __future__ import annotations

import hashlib
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from cdp.destinations.filters import FILTERS
from cdp.destinations.normalize import NORMALIZERS, ValueRule, prepare
from cdp.destinations.oauth1 import oauth1_header
from cdp.destinations.simulate.unrender import Mismatch, unrender
from cdp.destinations.template import render

EMAIL = ValueRule(("trim", "lower"), "email", "sha256")
PHONE = ValueRule(("e164",), "e164", "sha256")


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("value", "rule", "expected"),
    [
        (" Ann@X.example ", EMAIL, sha256("ann@x.example")),
        ("no address", EMAIL, None),
        ("a@b", EMAIL, None),
        ("", EMAIL, None),
        ("   ", EMAIL, None),
        (None, EMAIL, None),
        ({"a": 1}, EMAIL, None),
        (sha256("x").upper(), EMAIL, sha256("x")),
        (sha256("x")[:-1], EMAIL, None),
        (sha256("x"), ValueRule(EMAIL.normalize, "", "sha256", "never"), sha256(sha256("x"))),
        ("ann@x.example", ValueRule(EMAIL.normalize, "", "sha256", "always"), None),
        ("0049 151 / 23-45-67", PHONE, sha256("+49151234567")),
        ("0151 234567", PHONE, None),
        ("+0151234567", PHONE, None),
        (4711.0, ValueRule(("trim",)), "4711"),
        (True, ValueRule(("trim",)), "true"),
    ],
)
def test_a_value_is_prepared_once_or_not_at_all(
    value: Any, rule: ValueRule, expected: str | None
) -> None:
    assert prepare(value, rule) == expected


@given(st.text(), st.sampled_from([EMAIL, PHONE, ValueRule((), "", "md5")]))
def test_preparing_twice_changes_nothing(text: str, rule: ValueRule) -> None:
    once = prepare(text, rule)
    assert once is None or prepare(once, rule) == once


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("no_whitespace", " a\tb\n c ", "abc"),
        ("digits", "+49 (0) 151-٣", "490151"),
        ("no_leading_zeros", "00151", "151"),
        ("no_punctuation", "O’Neil-Smith, Jr.", "ONeilSmith Jr"),
        ("letters", "St. Gallen 9000", "StGallen"),
        ("before_dash", "94103-1234", "94103"),
        ("gmail", "a.n.n+tag@gmail.com", "ann@gmail.com"),
        ("gmail", "a.n.n+tag@gmail.evil.example", "a.n.n+tag@gmail.evil.example"),
        ("plain_local_part", "a.n+t@x.example", "an@x.example"),
        ("gender", " Female", "f"),
        ("gender", "other", ""),
    ],
)
def test_a_step_does_what_its_name_says(name: str, text: str, expected: str) -> None:
    assert NORMALIZERS[name](text) == expected


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("epoch_s", "2026-11-20T10:00:00.500Z", 1795168800),
        ("epoch_ms", "2026-11-20T10:00:00.500Z", 1795168800500),
        ("epoch_us", "1969-12-31T23:59:59.999999+00:00", -1),
        ("epoch_s", "2026-11-20T11:00:00+01:00", 1795168800),
        ("epoch_s", "2026-11-20T10:00:00", 1795168800),
        ("epoch_s", "soon", None),
        ("integer", "12.9", 12),
        ("number", "x", None),
        ("comma", ["a", 1.0], "a,1"),
        ("quoted_comma", ['a"b', "c"], '"a\\"b","c"'),
        ("list", "a", ["a"]),
        ("soql", "o'\\", "o\\'\\\\"),
        ("string", 3.0, "3"),
    ],
)
def test_a_filter_writes_a_value(name: str, value: Any, expected: Any) -> None:
    assert FILTERS[name](value) == expected


@pytest.mark.parametrize("name", sorted(FILTERS))
def test_null_stays_null_in_every_filter(name: str) -> None:
    assert FILTERS[name](None) is None


def test_structure_is_shaped_and_nothing_else() -> None:
    scope = {
        "row": {"key": "k", "fields": {"a": 1, "b": None}, "list": [1, 2]},
        "key": {"as": "Id"},
    }
    template = {
        "{{ key.as }}": "{{ row.key | upper }}",
        "given": {"$if": "{{ row.fields.b }}", "$then": 1, "$else": "no"},
        "joined": {"$merge": [{"x": 1}, "{{ row.fields }}", None]},
        "short": {"$omit_null": "{{ row.fields }}"},
        "named": {"$each": "{{ row.fields }}", "$as": "one", "$do": ["{{ one.name }}"]},
        "values": {"$each": "{{ row.list }}", "$as": "one", "$do": "{{ one }}"},
        "text": {"$json": {"a": "{{ row.key }}"}},
        "$set": {"n": "{{ row.list.1 }}"},
    }
    assert render(template, scope) == {
        "Id": "K",
        "given": "no",
        "joined": {"x": 1, "a": 1, "b": None},
        "short": {"a": 1},
        "named": [["a"], ["b"]],
        "values": [1, 2],
        "text": '{"a":"k"}',
        "$set": {"n": 2},
    }


@pytest.mark.parametrize("path", ["row.__class__", "row.key.__len__", "row.keys", "row.0"])
def test_a_template_cannot_reach_python(path: str) -> None:
    assert render(f"{{{{ {path} }}}}", {"row": {"key": "k"}}) is None


def test_a_template_is_read_backwards() -> None:
    template = {
        "list": "{{ options.list_id }}",
        "rows": {
            "$each": "{{ rows }}",
            "$do": {"$merge": [{"id": "{{ row.key }}"}, "{{ row.attributes }}"]},
        },
    }
    names = {"identifiers": frozenset[str](), "known": frozenset[str]()}
    sent = {"list": 7, "rows": [{"id": "a", "x": 1}, {"id": "b", "x": None}]}
    assert unrender(template, sent, names) == {
        "options.list_id": 7,
        "rows": [
            {"row.key": "a", "row.attributes": {"x": 1}},
            {"row.key": "b", "row.attributes": {"x": None}},
        ],
    }
    with pytest.raises(Mismatch):
        unrender(template, {**sent, "more": 1}, names)


def test_a_signature_is_that_of_the_standard() -> None:
    """The example of RFC 5849, section 1.2."""
    header = oauth1_header(
        "GET",
        "http://photos.example.net/photos?file=vacation.jpg&size=original",
        {
            "consumer_key": "dpf43f3p2l4k3l03",
            "consumer_secret": "kd94hf93k423kf44",
            "token": "nnch734d00sl2jdk",
            "token_secret": "pfkkdhi9sl3r4s00",
        },
        nonce="chapoH",
        timestamp=137131202,
    )
    assert 'oauth_signature="MdpQcU8iPSUjWoN%2FUDMsK2sui9I%3D"' in header
    assert header.startswith('OAuth oauth_consumer_key="dpf43f3p2l4k3l03", oauth_nonce="chapoH"')
