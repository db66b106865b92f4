"""SQL trees as text: lower case, pretty, one dialect at a time.

The only place where generated SQL is turned into a string. Does not build trees.
"""

from __future__ import annotations

import re

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.tokenizer_core import TokenType

INDENT = "    "
_OTHER_QUOTES = re.compile(r"[\"`\\$]|--|/\*")
_VERBATIM = {
    TokenType.STRING,
    TokenType.NATIONAL_STRING,
    TokenType.RAW_STRING,
    TokenType.HEREDOC_STRING,
    TokenType.BYTE_STRING,
    TokenType.UNICODE_STRING,
}


def sql_text(tree: exp.Expr, dialect: str, *, copy: bool = True) -> str:
    """The tree in a dialect's SQL, lower case outside literals, indented by four spaces.

    Without `copy` printing may change the tree: for one that nobody reads again.
    """
    text = tree.sql(
        dialect=dialect, pretty=True, indent=4, pad=4, normalize_functions="lower", copy=copy
    )
    return _lower_case(text, dialect)


def _lower_case(text: str, dialect: str) -> str:
    """Lower-case everything but literals and quoted identifiers, by the dialect's own tokens."""
    if not _OTHER_QUOTES.search(text):
        # Between single quotes stands a literal, and a doubled one is two literals side by side.
        # Nearly all texts are such, and tokens take a fifth of the time of compiling.
        parts = text.split("'")
        return "'".join(part if odd % 2 else part.lower() for odd, part in enumerate(parts))
    pieces: list[str] = []
    position = 0
    for token in Dialect.get_or_raise(dialect).tokenize(text):
        verbatim = token.token_type in _VERBATIM or (
            token.token_type == TokenType.IDENTIFIER and text[token.start] in '"`'
        )
        source = text[token.start : token.end + 1]
        pieces.append(text[position : token.start])
        pieces.append(source if verbatim else source.lower())
        position = token.end + 1
    pieces.append(text[position:])
    return "".join(pieces)


def indented(text: str, levels: int = 1) -> str:
    """The text with every line but the empty ones moved to the right."""
    pad = INDENT * levels
    return "\n".join(pad + line if line else line for line in text.split("\n"))
