"""The closed language of a normaliser's expression: what it computes, what it refuses."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
import sqlglot
from sqlglot import exp

from cdp.project import DIALECTS
from cdp.sql.expressions import NotAllowedError, applied, checked
from tests.definitions import problems_of

CASES = (
    "case when length(value) = 3 then 'A' || value when value like 'B%' then null "
    "else substr(value, 2, 3) end"
)
COMPUTED = [
    ("value", " Ab-12 ", " Ab-12 "),
    ("trim(lower(VALUE))", " Ab-12 ", "ab-12"),
    ("regexp_replace(value, '[^0-9]', '', 'g')", "+49 (30) 12", "493012"),
    ("ltrim(value, '0')", "0042", "42"),
    ("split_part(split_part(value, '@', 1), '+', 1) || '@' || split_part(value, '@', 2)",
     "ann+shop@x.org", "ann@x.org"),
    (CASES, "xabcde", "abc"),
    (CASES, "Bx", None),
    ("case value when 'a' then 'b' else value end", "a", "b"),
    ("if(value ~ '^[0-9]+$' and not value in ('1', '2'), right(value, 2), left(value, 1))",
     "12345", "45"),
    ("coalesce(nullif(replace(translate(value, 'ab', 'xy'), 'x', ''), ''), md5(value))",
     "aa", "4124bc0a9335c27f086f24ba207a4912"),
    ("case when strpos(value, '-') > 1 and value is not null then concat(value, '!') end",
     "a-b", "a-b!"),
    ("case when starts_with(value, 'it''s') or value <> value then upper(value) end",
     "it's", "IT'S"),
    ("cast(length(value) as varchar)", "abc", "3"),
    ("value -- a remark", "x", "x"),
]  # fmt: skip

REFUSED = {
    "select value from secrets": "is not one expression",
    "(select password from users)": "uses a query, which it may not",
    "exists(select 1)": "uses a query, which it may not",
    "value; drop table events": "is not one expression",
    "value) as x, (select 1": "is not one expression",
    "value, value": "is not one expression",
    "value as other": "is not one expression",
    "((((value": "is not one expression",
    "(" * 400 + "value" + ")" * 400: "is nested more than 20 deep",
    "lower(" * 30 + "value" + ")" * 30: "is nested more than 20 deep",
    "": "is not one expression",
    "user_id": "reads user_id, and only value is there",
    "opened.value": "reads opened.value, and only value is there",
    "read_text('/etc/passwd')": "uses read_text, which it may not",
    "getenv('HOME')": "uses getenv, which it may not",
    "lower(read_csv('x.csv'))": "uses read_csv, which it may not",
    "coalesce(value, getenv('HOME'))": "uses getenv, which it may not",
    "case when getenv('HOME') = 'x' then value end": "uses getenv, which it may not",
    "value || current_user": "uses current_user, which it may not",
    "max(value)": "uses max, which it may not",
    "first_value(value) over ()": "uses over (), which it may not",
    "columns('.*')": "uses columns, which it may not",
    "*": "uses star, which it may not",
    "$1": "uses placeholder, which it may not",
    "value[1:3]": "uses bracket, which it may not",
    "{'a': value}": "uses struct, which it may not",
    "value.lower()": "uses dot, which it may not",
    "value collate nocase": "uses collate, which it may not",
    "value similar to 'a'": "uses similar to, which it may not",
    "list_transform([value], x -> x)": "uses transform, which it may not",
    "value in (select 'a')": "uses in with something else than a list",
    "cast(value as integer)": "casts to something else than text, which a value may not be",
    "try_cast(value as integer)": "uses try_cast, which it may not",
    "value + 1": "uses add, which it may not",
    "case when value > 5 then value end": "mixes a number and text in gt",
    "nullif(value, length(value))": "mixes a number and text in nullif",
    "coalesce(value, 5)": "mixes a number and text in coalesce",
    "lower(length(value))": "gives lower a number in the place of text",
    "length(value)": "gives a number, not text",
    "value = 'a'": "gives true or false, not text",
    "case when value then 'a' end": (
        "uses case with a condition that is neither true nor false"
    ),
    "left(value, 10001)": "gives left a position that is no number from 1 to 10000",
    "substr(value, 0)": "gives substring a position that is no number from 1 to 10000",
    "regexp_replace(value, 'a', 'b')": (
        "uses regexp_replace without 'g', which engines read differently"
    ),
    "regexp_replace(value, 'a', 'b', 'gi')": "gives regexp_replace 'gi' in the place of 'g'",
    "regexp_replace(value, value, 'b', 'g')": (
        "gives regexp_replace something else than a text in quotes"
    ),
    "regexp_replace(value, '[', '', 'g')": (
        "has '[', which is not a pattern: unterminated character set at position 0"
    ),
    "regexp_matches(value, 'a', 'i') = true": (
        "gives regexp_like an argument that it may not have"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("sql", "value", "expected"), COMPUTED)
def test_an_expression_computes_what_it_says(sql: str, value: str, expected: str | None) -> None:
    column = exp.column("given", "row")
    text = applied(checked(sql), column, "duckdb").sql(dialect="duckdb")
    query = f"select {text} from (select ? as given) as row"
    assert duckdb.execute(query, [value]).fetchall() == [(expected,)]


@pytest.mark.parametrize("sql", REFUSED, ids=range(len(REFUSED)))
def test_whatever_is_not_of_the_language_is_refused_by_name(sql: str) -> None:
    with pytest.raises(NotAllowedError) as caught:
        checked(sql)
    assert str(caught.value) == REFUSED[sql]


def test_a_checked_expression_stays_what_it_is() -> None:
    """It is kept as text, and read again when it is compiled."""
    for sql, _, _ in COMPUTED:
        assert checked(checked(sql)) == checked(sql)
    assert checked("value /* '; drop table events */") == "value"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_has_the_language(dialect: str) -> None:
    for sql, _, _ in COMPUTED:
        tree = applied(checked(sql), exp.column("given", "found"), dialect)
        text = tree.sql(dialect=dialect, unsupported_level=sqlglot.ErrorLevel.RAISE)
        again = sqlglot.parse_one(text, dialect=dialect)
        assert {one.sql() for one in again.find_all(exp.Column)} <= {"found.given"}


def test_a_refusal_names_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = (
        "identifiers:\n  - type: user_id\n    paths: [userId]\n"
        "    normalize: [trim, {sql: \"read_text('/etc/passwd')\"}]\n"
    )
    assert problems_of(tmp_path, {"identity.yml": text}) == (
        "error[invalid-expression]: the sql of identifier 'user_id' uses read_text, "
        "which it may not\n"
        "  --> definitions/identity.yml:4:29\n"
        "   4 |     normalize: [trim, {sql: \"read_text('/etc/passwd')\"}]\n"
        "help: use value, texts, ||, case, comparisons, and, or, not, in, like, is null, lower, "
        "upper, trim, length, substr, left, right, replace, translate, split_part, strpos, "
        "starts_with, coalesce, nullif, md5, regexp_matches, and regexp_replace with 'g'"
    )


def test_one_expression_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = (
        "identifiers:\n  - type: user_id\n    paths: [userId]\n"
        "    normalize: [{sql: value}, {sql: lower(value)}]\n"
    )
    assert problems_of(tmp_path, {"identity.yml": text}) == (
        "error[duplicate-key]: identifier 'user_id' has two expressions\n"
        "  --> definitions/identity.yml:4:31\n"
        "   4 |     normalize: [{sql: value}, {sql: lower(value)}]\n"
        "help: write them as one"
    )


def test_an_expression_cannot_end_the_template(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = (
        "identifiers:\n  - type: user_id\n    paths: [userId]\n"
        "    normalize: {sql: \"value || '{% endraw %}{{ 1 }}'\"}\n"
    )
    assert problems_of(tmp_path, {"identity.yml": text}) == (
        "error[unsafe-text]: normalize of identifier 'user_id' has a text that cannot stand in a "
        "generated model\n"
        "  --> definitions/identity.yml:4:22\n"
        "   4 |     normalize: {sql: \"value || '{% endraw %}{{ 1 }}'\"}\n"
        "help: leave out line breaks, control characters and the word 'endraw'"
    )
