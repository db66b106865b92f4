"""A vendor in the place of connections: a function from httpx's request to httpx's reply."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import httpcore
import httpx

Answer = Callable[[httpx.Request], httpx.Response]


class Answering:
    """A network in which one function answers everything. It may raise httpcore's exceptions."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def handle_request(self, request: httpcore.Request) -> httpcore.Response:
        url = request.url
        assert isinstance(request.stream, Iterable)
        reply = self._answer(
            httpx.Request(
                request.method.decode(),
                httpx.URL(
                    scheme=url.scheme.decode(),
                    host=url.host.decode(),
                    port=url.port,
                    raw_path=url.target,
                ),
                headers=request.headers,
                content=b"".join(request.stream),
            )
        )
        return httpcore.Response(
            reply.status_code, headers=reply.headers.raw, content=reply.content
        )

    def close(self) -> None: ...
