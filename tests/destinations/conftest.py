"""No test of destinations asks a real name server."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from cdp.destinations import transport

ADDRESSES = {
    "partner.example": ["93.184.216.34"],
    "internal.example": ["10.0.0.7"],
    "both.example": ["93.184.216.34", "127.0.0.1"],
    "metadata.example": ["169.254.169.254"],
    "six.example": ["fd00::1"],
}


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name server that knows a few hosts, and addresses as they are."""

    def resolve(host: str, port: int, **rest: Any) -> list[Any]:
        found = ADDRESSES.get(host)
        if found is None and not host.replace(".", "").replace(":", "").isalnum():
            raise socket.gaierror
        if found is None and any(letter.isalpha() for letter in host):
            raise socket.gaierror
        kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        return [(*kind, (one, port)) for one in found or [host]]

    monkeypatch.setattr(transport, "resolve", resolve)
