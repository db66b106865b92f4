"""One identifier's value in SQL: how it is normalised, and why it is dropped.

The stated rules for bad values, in the order that they are judged; a value has
one reason at most:

    too_long            longer than the type's `length`
    control_characters  holds a character below U+0020, or U+007F
    not_text            an object, a list, true or false (numbers are their text)
    blocked             a placeholder that the rules block
    pattern             not of the type's `pattern`, or not an e-mail or phone number

Empty values and spaces alone are no values at all. Characters that look alike
are different characters: nothing is folded but what a normaliser says.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from cdp.identity.normalize import SqlStep, Step
from cdp.identity.spec import IdentifierType
from cdp.sql.expressions import applied

TOO_LONG = "too_long"
LINK = "link"
"""In the place of a reason: the previous id of an alias call. It joins, but is no sighting."""
# \x00 is left out: PostgreSQL has no text that could hold it.
_CONTROL = r"[\x01-\x1f\x7f]"
_NOT_TEXT = r"^(\{.*|\[.*|true|false)$"
_EMAIL = r"^[^@ ]+@[^@ ]+$"
_PHONE = r"^\+[0-9]{7,15}$"
_PHONE_MARKS = " -./()"


def normalized(value: exp.Expr, kind: IdentifierType, dialect: str) -> exp.Expr:
    """The value after the type's normalisers; null where nothing is left."""
    steps = kind.normalize
    at = next((place for place, one in enumerate(steps) if isinstance(one, SqlStep)), len(steps))
    value = _named(value, steps[:at])
    for step in steps[at : at + 1]:
        if isinstance(step, SqlStep):
            value = _custom(value, step, dialect)
    return exp.func("nullif", _named(value, steps[at + 1 :]), exp.Literal.string(""))


def _named(value: exp.Expr, steps: Sequence[Step]) -> exp.Expr:
    if "trim" in steps or "email" in steps:
        value = exp.func("trim", value)
    if "lower" in steps or "email" in steps:
        value = exp.func("lower", value)
    if "phone" in steps:
        value = exp.Anonymous(
            this="translate",
            expressions=[value, exp.Literal.string(_PHONE_MARKS), exp.Literal.string("")],
        )
    return value


def _custom(value: exp.Expr, step: SqlStep, dialect: str) -> exp.Expr:
    """The expression over a value that is text: it makes nothing of a missing one, and an
    object stays what it is, to be dropped."""
    is_text = exp.not_(_matches(value, _NOT_TEXT))
    made = exp.Case().when(is_text, applied(step.sql, value, dialect))
    return made.else_(value.copy())


def dialled(value: exp.Expr, kind: IdentifierType) -> exp.Expr:
    """A normalised phone number with its country: 00 is read as +, a leading 0 is the trunk's.

    A number without a country is left as it is, and its pattern drops it.
    """
    number = (
        exp.Case()
        .when(_starts(value, "+"), value.copy())
        .when(_starts(value, "00"), _joined("+", _after(value, 3)))
    )
    if kind.default_country:
        prefix = f"+{kind.default_country}"
        number = number.when(_starts(value, "0"), _joined(prefix, _after(value, 2)))
        return number.else_(_joined(prefix, value))
    return number.else_(value.copy())


def dropped_reason(value: exp.Expr, kind: IdentifierType) -> exp.Expr:
    """Why a normalised value identifies nobody; null when it does, or when it is null."""
    long = exp.GT(this=exp.Length(this=value.copy()), expression=_number(kind.length))
    reasons = (
        exp.Case()
        .when(long, exp.Literal.string(TOO_LONG))
        .when(_matches(value, _CONTROL), exp.Literal.string("control_characters"))
        .when(_matches(value, _NOT_TEXT), exp.Literal.string("not_text"))
    )
    if blocked := _blocked(value, kind):
        reasons = reasons.when(blocked, exp.Literal.string("blocked"))
    for pattern in _patterns(kind):
        fails = exp.not_(_matches(value, pattern))
        reasons = reasons.when(fails, exp.Literal.string("pattern"))
    return reasons


def _patterns(kind: IdentifierType) -> list[str]:
    patterns = [f"^(?:{kind.pattern})$"] if kind.pattern else []
    if "email" in kind.normalize:
        patterns.append(_EMAIL)
    if "phone" in kind.normalize:
        patterns.append(_PHONE)
    return patterns


def _blocked(value: exp.Expr, kind: IdentifierType) -> exp.Expr | None:
    tests: list[exp.Expr] = []
    if kind.blocked_values:
        literals = [exp.Literal.string(text.lower()) for text in kind.blocked_values]
        tests.append(exp.In(this=exp.func("lower", value.copy()), expressions=literals))
    tests += [_matches(value, f"^(?:{pattern})$") for pattern in kind.blocked_patterns]
    return exp.or_(*tests) if tests else None


def _starts(value: exp.Expr, start: str) -> exp.Expr:
    return _substring(value, 1, len(start)).eq(exp.Literal.string(start))


def _after(value: exp.Expr, first: int) -> exp.Expr:
    return _substring(value, first)


def _substring(value: exp.Expr, *numbers: int) -> exp.Expr:
    return exp.Anonymous(
        this="substr", expressions=[value.copy(), *(_number(one) for one in numbers)]
    )


def _joined(start: str, value: exp.Expr) -> exp.Expr:
    return exp.DPipe(this=exp.Literal.string(start), expression=value.copy(), safe=True)


def _matches(value: exp.Expr, pattern: str) -> exp.Expr:
    return exp.RegexpLike(this=value.copy(), expression=exp.Literal.string(pattern))


def _number(value: int) -> exp.Expr:
    return exp.Literal.number(value)
