"""Decimals are read from text exactly, however many digits: short ones by another way than long."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal
from random import Random

import duckdb
from sqlglot import exp

from cdp.sql.engines import typed
from cdp.sql.text import sql_text
from cdp.sql.types import DECIMAL, DECIMAL_DIGITS

SEED = 1_414
MILLIONTH = Decimal("0.000001")
# Nines and exponents at the border of the short way, and what is no number.
EDGES = {
    "999999999999.999999": Decimal("999999999999.999999"),
    "999999999999.9999995": Decimal("1000000000000"),
    "-999999999999.9999994": Decimal("-999999999999.999999"),
    "99999999999.99999999e1": Decimal("1000000000000"),
    "-99999999999.999999999E1": Decimal("-1000000000000"),
    "1e2": Decimal(100),
    " 7 ": Decimal(7),
    "1_000": None,
    "1e": None,
    "e": None,
    "": None,
    "1" + "0" * DECIMAL_DIGITS: None,
}


def test_every_text_is_the_decimal_that_it_says() -> None:
    print(f"seed {SEED}")
    random = Random(SEED)
    texts = [_number(random) for _ in range(5_000)]
    wide = Context(prec=60, rounding=ROUND_HALF_UP)
    expected = {one: wide.quantize(Decimal(one), MILLIONTH) for one in texts}
    assert _read([*texts, *EDGES]) == expected | EDGES


def _number(random: Random) -> str:
    whole, after = random.randint(1, 19), random.choice((0, 1, 5, 6, 7, 7, 12))
    digits = "".join(random.choice(random.choice(("0123456789", "9", "05"))) for _ in range(40))
    point = "." if after else ""
    return random.choice(("", "-", "+")) + digits[:whole] + point + digits[whole : whole + after]


def _read(texts: list[str]) -> dict[str, Decimal | None]:
    value = sql_text(typed(exp.column("said", "texts"), DECIMAL, "duckdb"), "duckdb")
    with duckdb.connect(":memory:") as connection:
        rows = connection.execute(
            f"select said, {value} from (select unnest(?) as said) as texts", [texts]
        ).fetchall()
    return dict(rows)
