"""How identifiers and fields are written before they are sent: normalise, validate, hash.

Owns the named steps that manifests compose. They are pure; what a step gives may
never change, because a later removal must send the same hash: a better rule is a
new step and a new `version` of the object, which sends every row again. Empty
values are never hashed, and what already looks like a hash of the same kind is
passed on in lower case (`hashed: auto`), so that nothing is hashed twice.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+\Z")
_E164 = re.compile(r"\+[1-9]\d{6,14}\Z")
_GENDERS = {"m": "m", "male": "m", "f": "f", "female": "f"}


def _only(keep: Callable[[str], bool]) -> Callable[[str], str]:
    return lambda text: "".join(letter for letter in text if keep(letter))


def _e164(text: str) -> str:
    """`+` and digits. No country code is guessed: a number without one becomes empty."""
    text = text.strip()
    if text.startswith("00"):
        text = "+" + text[2:]
    if not text.startswith("+"):
        return ""
    return "+" + "".join(letter for letter in text if letter.isascii() and letter.isdigit())


def _gmail(text: str) -> str:
    """Without the dots and the +tag that Gmail ignores; other domains as they are."""
    local, _, domain = text.rpartition("@")
    if domain not in ("gmail.com", "googlemail.com"):
        return text
    return f"{local.partition('+')[0].replace('.', '')}@{domain}"


def _plain_local_part(text: str) -> str:
    """Without dots and +tag before the @, whatever the domain."""
    local, _, domain = text.rpartition("@")
    return f"{local.partition('+')[0].replace('.', '')}@{domain}"


NORMALIZERS: Mapping[str, Callable[[str], str]] = {
    "trim": str.strip,
    "lower": str.lower,
    "upper": str.upper,
    "no_whitespace": lambda text: "".join(text.split()),
    "digits": _only(lambda letter: letter.isascii() and letter.isdigit()),
    "no_leading_zeros": lambda text: text.lstrip("0"),
    "no_punctuation": _only(lambda letter: not unicodedata.category(letter).startswith("P")),
    "letters": _only(str.isalpha),
    "before_dash": lambda text: text.partition("-")[0],
    "e164": _e164,
    "gmail": _gmail,
    "plain_local_part": _plain_local_part,
    "gender": lambda text: _GENDERS.get(text.strip().lower(), ""),
}
VALIDATORS: Mapping[str, Callable[[str], bool]] = {
    "email": lambda text: bool(_EMAIL.match(text)),
    "e164": lambda text: bool(_E164.match(text)),
    "country": lambda text: bool(re.fullmatch(r"[A-Za-z]{2}", text)),
}
_HASHES: Mapping[str, tuple[Callable[[bytes], str], int]] = {
    "sha256": (lambda data: hashlib.sha256(data).hexdigest(), 64),
    "sha512": (lambda data: hashlib.sha512(data).hexdigest(), 128),
    "md5": (lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(), 32),
}
HASHES = tuple(_HASHES)
HASHED = ("auto", "never", "always")


@dataclass(frozen=True)
class ValueRule:
    """What is done to one value. `hashed` says whether it arrives as a hash: auto looks at it."""

    normalize: tuple[str, ...] = ()
    validate: str = ""
    hash: str = ""
    hashed: str = "auto"

    @property
    def is_plain(self) -> bool:
        """Whether the value is sent as it is."""
        return not (self.normalize or self.validate or self.hash)


def prepare(value: Any, rule: ValueRule) -> str | None:
    """The value as the vendor wants it; None when there is nothing fit to be sent."""
    text = as_text(value)
    if text is None:
        return None
    if rule.hash and rule.hashed != "never" and looks_hashed(text, rule.hash):
        return text.strip().lower()
    if rule.hash and rule.hashed == "always":
        return None
    for name in rule.normalize:
        text = NORMALIZERS[name](text)
    if not text or (rule.validate and not VALIDATORS[rule.validate](text)):
        return None
    return _HASHES[rule.hash][0](text.encode()) if rule.hash else text


def looks_hashed(text: str, kind: str) -> bool:
    """Whether a text has the length and the letters of a hexadecimal hash of this kind."""
    return bool(re.fullmatch(rf"[0-9a-fA-F]{{{_HASHES[kind][1]}}}", text.strip()))


def as_text(value: Any) -> str | None:
    """A scalar as text; whole numbers without a fraction."""
    if value is None or isinstance(value, (dict, list)):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
