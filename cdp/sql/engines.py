"""What engines do differently: reading text as typed values, sorted lists, byte order.

The one table of such differences for generated models (JSON access stands in
`json`, column types in `model`). Facts were tried on DuckDB 1.5, PostgreSQL 15 and
Spark 4.0; those for the other engines are from their manuals.
"""

from __future__ import annotations

from functools import cache

from sqlglot import exp

from cdp.sql.model import COLUMN_TYPES
from cdp.sql.types import (
    BOOLEAN,
    DECIMAL,
    DECIMAL_DIGITS,
    DECIMAL_PLACES,
    FLOAT,
    GREATEST_INTEGER,
    INTEGER,
    STRING,
    TIMESTAMP,
)

_NUMBER = r"^\s*[-+]?([0-9]{1,32}(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]{1,2})?\s*$"
# Beyond 15:59 PostgreSQL stops at a zone, and DuckDB counts on.
_ZONE = r"(Z|[-+](0[0-9]|1[0-5]):?[0-5][0-9])"
_TIME = r"([T ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})? ?" + _ZONE + "?)?"
_MOMENT = r"^[12][0-9]{3}-[0-9]{2}-[0-9]{2}" + _TIME + "$"
# PostgreSQL has no try_cast, and sqlglot prints a plain cast for Spark: there a pattern decides
# before the cast, and must let through days that exist, and no others.
_WITHOUT_TRY = ("postgres", "spark")
_REAL_DAY = (
    r"^([12][0-9]{3}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)"
    r"|02-(0[1-9]|1[0-9]|2[0-8]))|([12][0-9](0[48]|[2468][048]|[13579][26])|(1[26]|2[048])00)"
    r"-02-29)" + _TIME + "$"
)

# A number is read through a type that is too narrow for what no sum of many may hold.
_NARROW_DECIMALS = {
    "duckdb": f"decimal({DECIMAL_DIGITS + DECIMAL_PLACES}, {DECIMAL_PLACES})",
    "snowflake": f"number({DECIMAL_DIGITS + DECIMAL_PLACES}, {DECIMAL_PLACES})",
}

_SHORT_ZONE = ":[0-9]{2}([.][0-9]+)?[-+][0-9]{2}"
# Only where it writes JSON does Spark say the zone of a moment; how, is in these options.
_SPARK_FORMATS = (
    "timestampFormat",
    "yyyy-MM-dd HH:mm:ss.SSSSSSXXX",
    "timestampNTZFormat",
    "yyyy-MM-dd HH:mm:ss.SSSSSS",
)


def cast(value: exp.Expr, kind: str, dialect: str) -> exp.Expr:
    """A cast to one of our types."""
    return exp.Cast(this=value.copy(), to=_type(kind, dialect))


def typed(text: exp.Expr, kind: str, dialect: str) -> exp.Expr:
    """Text read as a type; null where it is not one."""
    if kind == STRING:
        return text.copy()
    if kind == BOOLEAN:
        return (
            exp.Case()
            .when(text.copy().eq(_text("true")), exp.true())
            .when(text.copy().eq(_text("false")), exp.false())
        )
    if kind == TIMESTAMP:
        return _moment(text, dialect)
    if kind == INTEGER:
        return _integer(text, dialect)
    return _number(text, kind, dialect)


def _number(text: exp.Expr, kind: str, dialect: str) -> exp.Expr:
    if dialect in _WITHOUT_TRY:
        inner = cast(text, kind, dialect)
        if kind == DECIMAL:
            size = exp.func("abs", cast(text, FLOAT, dialect))
            small = exp.LT(this=size, expression=_digits(f"1e{DECIMAL_DIGITS}"))
            inner = exp.Case().when(small, inner)
        return exp.Case().when(_matches(text, _NUMBER), inner)
    if dialect == "duckdb" and kind == DECIMAL:
        return _duckdb_decimal(text)
    attempt = _try(text, kind, dialect)
    if kind == DECIMAL and dialect in _NARROW_DECIMALS:
        attempt = cast(_try_as(text, _NARROW_DECIMALS[dialect], dialect), kind, dialect)
    return exp.Case().when(_matches(text, _NUMBER), attempt) if kind == FLOAT else attempt


def _duckdb_decimal(text: exp.Expr) -> exp.Expr:
    """Through a short decimal where both read the same, without exponent: 1.5 is 90 times faster.

    DuckDB alone reads 1_000 as a number; a pattern would cost more than the cast.
    """
    no_exponent = _call("strpos", exp.func("lower", text.copy()), _text("e")).eq(_digits("0"))
    short = exp.Case().when(no_exponent, _try_as(text, "decimal(18, 6)", "duckdb"))
    long = _try_as(text, _NARROW_DECIMALS["duckdb"], "duckdb")
    number = cast(exp.func("coalesce", short, long), DECIMAL, "duckdb")
    return exp.Case().when(_call("strpos", text, _text("_")).eq(_digits("0")), number)


def _integer(text: exp.Expr, dialect: str) -> exp.Expr:
    """Whole numbers that every engine keeps exactly; 2.5 is not one."""
    number = _number(text, DECIMAL, dialect)
    whole = number.copy().eq(exp.func("floor", number.copy()))
    small = exp.Between(
        this=number.copy(),
        low=exp.Neg(this=_digits(str(GREATEST_INTEGER))),
        high=_digits(str(GREATEST_INTEGER)),
    )
    return exp.Case().when(exp.and_(whole, small), cast(number, INTEGER, dialect))


def _moment(text: exp.Expr, dialect: str) -> exp.Expr:
    """ISO text as naive UTC. A date is its midnight, a time without a zone is UTC."""
    if dialect == "bigquery":
        instant = exp.Anonymous(
            this="datetime",
            expressions=[_try_as(text, "timestamptz", dialect), _text("UTC")],
        )
        return exp.Case().when(_matches(text, _MOMENT), instant)
    whole = (
        exp.Case()
        .when(_length(text).eq(_digits("10")), _joined(text, _text(" 00:00:00Z")))
        .when(_matches(text, r"^.*(Z|[-+][0-9]{2}:?[0-9]{2})$"), text.copy())
        .else_(_joined(text, _text("Z")))
    )
    if dialect == "postgres":
        zoned = exp.cast(whole, "timestamptz")
        moment: exp.Expr = exp.AtTimeZone(this=zoned, zone=_text("UTC"))
        return exp.Case().when(_matches(text, _REAL_DAY), moment)
    if dialect == "spark":
        micros = _call("unix_micros", exp.cast(whole, "timestamptz"))
        # Java's $ matches before a line break at the end too.
        is_moment = _matches(text, _REAL_DAY.removesuffix("$") + r"\z")
        return exp.Case().when(is_moment, since_1970(micros, dialect))
    if dialect == "duckdb":
        # A plain cast to timestamp forgets the zone, and the session's zone must not matter.
        micros = _call("epoch_us", _try_as(whole, "timestamptz", dialect))
        return exp.Case().when(_matches(text, _MOMENT), _call("make_timestamp", micros))
    utc = _call("convert_timezone", _text("UTC"), _call("try_to_timestamp_tz", whole))
    return exp.Case().when(_matches(text, _MOMENT), cast(utc, TIMESTAMP, dialect))


def since_1970(micros: exp.Expr, dialect: str) -> exp.Expr:
    """The moment that is so many microseconds after the start of 1970, whatever the session's
    zone."""
    if dialect in ("postgres", "spark"):
        start = cast(_text("1970-01-01 00:00:00"), TIMESTAMP, dialect)
        number, unit = ("1", "microsecond") if dialect == "postgres" else ("0.000001", "second")
        one = exp.Interval(this=_text(number), unit=exp.var(unit))
        return exp.paren(exp.Add(this=start, expression=exp.Mul(this=micros, expression=one)))
    if dialect == "snowflake":
        return _call("to_timestamp_ntz", micros, _digits("6"))
    if dialect == "bigquery":
        return _call("datetime", _call("timestamp_micros", micros))
    return _call("make_timestamp", micros)


def moment_text(value: exp.Expr, dialect: str) -> exp.Expr:
    """A column of a warehouse's table, which may be text or a moment of any type, as ISO text.

    With its zone in hours and minutes: engines print `+02` alone, and Spark prints none.
    """
    if dialect == "spark":
        document = _call("named_struct", _text("moment"), value)
        written = _call("to_json", document, _call("map", *map(_text, _SPARK_FORMATS)))
        text = _call("get_json_object", written, _text("$.moment"))
        return _call("regexp_replace", text, _text(f"({_SHORT_ZONE})$"), _text("$1:00"))
    text = cast(value, STRING, dialect)
    short = _matches(text, f"^.*{_SHORT_ZONE}$")
    return exp.Case().when(short, _joined(text, _text(":00"))).else_(text.copy())


def total(value: exp.Expr, kind: str, dialect: str) -> exp.Expr:
    """The sum of a group. A sum of whole numbers that no integer holds is missing, not an error."""
    # Spark's sum of whole numbers is one of 64 bits, which stops or turns negative.
    wide = kind == INTEGER and dialect == "spark"
    summed = exp.Sum(this=exp.cast(value, "decimal(38, 0)") if wide else value)
    if kind != INTEGER:
        return cast(summed, kind, dialect)
    greatest = _digits(str(2**63 - 1))
    fits = exp.Between(this=summed.copy(), low=exp.Neg(this=greatest), high=greatest.copy())
    return exp.Case().when(fits, cast(summed, kind, dialect))


def sorted_list(value: exp.Expr, condition: exp.Expr | None, dialect: str) -> exp.Expr:
    """The distinct texts of a group in byte order; null when there is none."""
    present = exp.Is(this=value.copy(), expression=exp.Not(this=exp.null()))
    kept = present if condition is None else exp.and_(condition.copy(), present)
    chosen = value.copy() if condition is None else exp.Case().when(condition.copy(), value.copy())
    if dialect in ("duckdb", "postgres"):
        order = exp.Ordered(this=binary(value, dialect))
        unique = exp.Distinct(expressions=[binary(value, dialect)])
        return exp.Filter(
            this=exp.ArrayAgg(this=exp.Order(this=unique, expressions=[order])),
            expression=exp.Where(this=kept),
        )
    some = exp.GT(this=exp.Count(this=chosen.copy()), expression=_digits("0"))
    if dialect == "spark":
        return exp.Case().when(some, _call("sort_array", _call("collect_set", chosen)))
    if dialect == "snowflake":
        return exp.Case().when(some, _call("array_sort", _call("array_unique_agg", chosen)))
    present_only = exp.IgnoreNulls(this=exp.Distinct(expressions=[chosen]))
    in_order = exp.Ordered(this=chosen.copy(), nulls_first=True)
    return exp.ArrayAgg(this=exp.Order(this=present_only, expressions=[in_order]))


def list_has(column: exp.Expr, text: exp.Expr, dialect: str) -> exp.Expr:
    """Whether a list has an element; null when there is no list."""
    if dialect == "postgres":
        return exp.EQ(this=text.copy(), expression=_call("any", column))
    if dialect == "bigquery":
        return exp.In(this=text.copy(), unnest=exp.Unnest(expressions=[column.copy()]))
    if dialect == "snowflake":
        return _call("array_contains", cast_variant(text), column)
    return _call("list_contains" if dialect == "duckdb" else "array_contains", column, text)


def cast_variant(text: exp.Expr) -> exp.Expr:
    """Snowflake's arrays hold variants."""
    return exp.cast(text.copy(), "variant", dialect="snowflake")


def binary(value: exp.Expr, dialect: str) -> exp.Expr:
    """Text that sorts by its bytes, not by a language's rules."""
    if dialect == "postgres":
        return exp.Collate(this=value.copy(), expression=exp.to_identifier("C", quoted=True))
    return value.copy()


def truncated(moment: exp.Expr, unit: str, dialect: str) -> exp.Expr:
    """The start of the calendar unit that a moment lies in; weeks start on Monday.

    Snowflake's weeks do so unless the account sets WEEK_START.
    """
    if dialect == "bigquery":
        return _call("datetime_trunc", moment, exp.var("isoweek" if unit == "week" else unit))
    if dialect == "spark":
        # Its date_trunc goes through the session's zone, where some days have no midnight.
        day = exp.cast(moment.copy(), "date")
        start = day if unit == "day" else _call("trunc", day, _text(unit))
        return cast(start, TIMESTAMP, dialect)
    return _call("date_trunc", _text(unit), moment)


def elapsed(start: exp.Expr, end: exp.Expr, dialect: str) -> exp.Expr:
    """The microseconds from one moment to another, as a whole number."""
    if dialect == "duckdb":
        return exp.Sub(this=_call("epoch_us", end), expression=_call("epoch_us", start))
    if dialect == "postgres":
        between = exp.Paren(this=exp.Sub(this=end.copy(), expression=start.copy()))
        seconds = exp.Extract(this=exp.var("epoch"), expression=between)
        return cast(exp.Mul(this=seconds, expression=_digits("1000000")), INTEGER, dialect)
    if dialect in ("spark", "snowflake"):
        return _call("timestampdiff", exp.var("microsecond"), start, end)
    return _call("datetime_diff", end, start, exp.var("microsecond"))


def days_elapsed(start: exp.Expr, end: exp.Expr, kind: str, dialect: str) -> exp.Expr:
    """Days of 24 hours from one moment to a later one; as integer those that are complete."""
    micros = elapsed(start, end, dialect)
    day = _digits(str(24 * 60 * 60 * 1_000_000))
    if kind == INTEGER and dialect == "spark":
        # It rounds a quotient of decimals to six places: nearly a day would be one.
        micros = exp.Sub(this=micros, expression=_call("pmod", micros, day))
    if kind == INTEGER:
        whole = exp.func("floor", divided(cast(micros, DECIMAL, dialect), day))
        return cast(whole, INTEGER, dialect)
    return cast(divided(cast(micros, DECIMAL, dialect), day), kind, dialect)


def exact(number: exp.Expr, kind: str, dialect: str) -> exp.Expr:
    """A number of any size as a decimal, or a decimal as a whole number, both rounded.

    Missing where it is 10^26 or more, or not a 64-bit integer. Others than DuckDB have no
    cast from numbers that gives null.
    """
    if kind == INTEGER:
        number = exp.Anonymous(this="round", expressions=[number.copy(), _digits("0")])
        if dialect == "duckdb":
            return _try(number, INTEGER, dialect)
        return cast(_within(number, str(2**63 - 1)), INTEGER, dialect)
    if dialect == "duckdb":
        return cast(_try_as(number, "decimal(32, 6)", dialect), DECIMAL, dialect)
    return cast(_within(number, "1e26"), DECIMAL, dialect)


def _within(number: exp.Expr, limit: str) -> exp.Expr:
    """The number, null from the limit on, in one reading of it."""
    high, low = _digits(limit), exp.Neg(this=_digits(limit))
    cut = _call("greatest", _call("least", number, high), low)
    return _call("nullif", _call("nullif", cut, high), low)


def divided(value: exp.Expr, by: exp.Expr) -> exp.Expr:
    """A division of numbers that are not both whole, as the engine divides them.

    Not `typed`, sqlglot would make a double of the first one on PostgreSQL.
    """
    return exp.Div(this=value, expression=by, typed=True)


def day_number(moment: exp.Expr, dialect: str) -> exp.Expr:
    """Days since 0001-01-01, which was a Monday: the day is one of week `number / 7`."""
    start, day = exp.cast(_text("0001-01-01"), "date"), exp.cast(moment.copy(), "date")
    if dialect == "duckdb":
        return _call("date_diff", _text("day"), start, day)
    if dialect == "postgres":
        return exp.Sub(this=day, expression=start)
    return exp.DateDiff(this=day, expression=start, unit=exp.var("day"))


def json_string(text: exp.Expr, dialect: str) -> exp.Expr:
    """Text as a JSON string, in its quotes."""
    if dialect == "spark":
        # A lone string is no JSON document for Spark: it is written as an array of one.
        array = _call("to_json", _call("array", text))
        inner = exp.Sub(this=_length(array), expression=_digits("2"))
        return _call("substr", array, _digits("2"), inner)
    if dialect == "snowflake":
        return _call("to_json", _call("to_variant", text))
    if dialect == "bigquery":
        return _call("to_json_string", text)
    return exp.cast(_call("to_json", text), "text")


def joined_in_order(text: exp.Expr, order: exp.Expr, dialect: str) -> exp.Expr:
    """The texts of a group with commas between them, in the byte order of another text."""
    if dialect == "spark":
        pair = _call("named_struct", _text("place"), order, _text("entry"), text)
        pairs = _call("sort_array", _call("collect_list", pair))
        entry = exp.Lambda(
            this=exp.column("entry", "pair"), expressions=[exp.to_identifier("pair")]
        )
        return _call("array_join", _call("transform", pairs, entry), _text(","))
    ordered = exp.Ordered(this=binary(order, dialect))
    if dialect == "snowflake":
        listed = _call("listagg", text, _text(","))
        return exp.WithinGroup(this=listed, expression=exp.Order(expressions=[ordered]))
    ordered.set("nulls_first", dialect == "bigquery" or None)
    comma = exp.Order(this=_text(","), expressions=[ordered])
    return exp.Anonymous(this="string_agg", expressions=[text.copy(), comma])


def share_hash(name: str, key: exp.Expr, dialect: str) -> exp.Expr:
    """Eight hexadecimal digits of a key under a name, equally likely: text that sorts by bytes."""
    text = _joined(_text(f"{name}:"), cast(key, STRING, dialect))
    hashed = _call("md5", text)
    digits = _call("to_hex", hashed) if dialect == "bigquery" else hashed
    return binary(_call("substr", digits, _digits("1"), _digits("8")), dialect)


def _type(kind: str, dialect: str) -> exp.DataType:
    return _parsed_type(kind, dialect).copy()


@cache
def _parsed_type(kind: str, dialect: str) -> exp.DataType:
    return exp.DataType.build(COLUMN_TYPES[kind][dialect], dialect=dialect)


def _try(value: exp.Expr, kind: str, dialect: str) -> exp.Expr:
    return _try_as(value, COLUMN_TYPES[kind][dialect], dialect)


def _try_as(value: exp.Expr, name: str, dialect: str) -> exp.Expr:
    # sqlglot prints Snowflake's try_cast only for values that are known to be text.
    return exp.TryCast(
        this=value.copy(), to=exp.DataType.build(name, dialect=dialect), requires_string=True
    )


def _matches(text: exp.Expr, pattern: str) -> exp.Expr:
    return exp.RegexpLike(this=text.copy(), expression=_text(pattern))


def _joined(start: exp.Expr, end: exp.Expr) -> exp.Expr:
    return exp.DPipe(this=start.copy(), expression=end, safe=True)


def _length(text: exp.Expr) -> exp.Expr:
    return exp.Length(this=text.copy())


def _call(function: str, *arguments: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this=function, expressions=[one.copy() for one in arguments])


def _text(value: str) -> exp.Expr:
    return exp.Literal.string(value)


def _digits(value: str) -> exp.Expr:
    return exp.Literal.number(value)
