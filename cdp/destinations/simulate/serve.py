"""A simulated destination as a server on this machine.

Owns the translation between WSGI and the simulator. It listens on the loopback
only; `GET /_simulator` shows what the destination holds. Decides nothing.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from cdp.destinations.simulate.replies import Reply
from cdp.destinations.simulate.routes import Received
from cdp.destinations.simulate.vendor import Lost, Simulator, TooSlow, dump
from cdp.errors import RunError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from werkzeug.serving import BaseWSGIServer

HOST = "127.0.0.1"
STATE = "/_simulator"


def make_app(simulator: Simulator, slow_s: float) -> WSGIApplication:
    """The simulator as a WSGI application; a slow reply ends after `slow_s` seconds."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        received = _received(environ)
        if received.path == STATE:
            start_response("200 OK", [("Content-Type", "application/json")])
            return [dump(simulator).encode()]
        try:
            status, headers, body = simulator.answer(received)
        except (Lost, TooSlow) as error:
            if isinstance(error, TooSlow):
                time.sleep(slow_s)
            return _hang_up(environ, start_response)
        return _reply((status, headers, body), start_response)

    return app


def make_server(simulator: Simulator, port: int, slow_s: float = 40.0) -> BaseWSGIServer:
    """A server that is ready; call `serve_forever`. Port 0 takes a free one.

    Raises RunError when the port is taken, or the server's package is not installed.
    """
    try:
        from werkzeug.serving import WSGIRequestHandler
        from werkzeug.serving import make_server as make_wsgi_server
    except ImportError:
        raise RunError(
            "simulator-not-installed",
            "the simulator needs a package that is not installed",
            help="pip install 'cdp[simulator]'",
        ) from None

    class Silent(WSGIRequestHandler):
        """Addresses have personal data in them: they are not logged."""

        def log(self, type: str, message: str, *args: Any) -> None:
            pass

    app = make_app(simulator, slow_s)
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((HOST, port))
        except OSError:
            raise RunError(
                "port-taken",
                f"port {port} of {HOST} is taken",
                help="name another one with --port",
            ) from None
    return make_wsgi_server(HOST, port, app, threaded=True, request_handler=Silent)


def _received(environ: WSGIEnvironment) -> Received:
    headers = {
        name.removeprefix("HTTP_").replace("_", "-").lower(): str(value)
        for name, value in environ.items()
        if name.startswith("HTTP_") or name in ("CONTENT_TYPE", "CONTENT_LENGTH")
    }
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(length) if length else b""
    return Received(environ["REQUEST_METHOD"], environ["RAW_URI"], headers, body)


def _reply(reply: Reply, start_response: Callable[..., Any]) -> Iterable[bytes]:
    status, headers, body = reply
    length = [] if status == 204 else [("Content-Length", str(len(body)))]
    start_response(f"{status} Simulated", [*headers.items(), *length])
    return [body]


def _hang_up(environ: WSGIEnvironment, start_response: Callable[..., Any]) -> Iterable[bytes]:
    """End the connection without a reply."""
    connection = environ.get("werkzeug.socket")
    if connection is not None:
        connection.shutdown(socket.SHUT_RDWR)
    start_response("200 OK", [])
    return []
