"""E-mail as a destination of alerts, against a mail server on this machine."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from cdp.destinations.delivery import Batch, Outcome, OutgoingRow, Refused, Stop
from cdp.destinations.mail import MailDriver
from cdp.destinations.probe import probe

from .play import destination

aiosmtpd = pytest.importorskip("aiosmtpd.controller")
trustme = pytest.importorskip("trustme")

HELP = "check the host, the port, the security and the login of its settings"
ROW = OutgoingRow(
    "upsert",
    "customers:failed:broken:1",
    {
        "text": "cdp sync customers alert (failed): the last run failed: zürnt",
        "sync": "customers",
        "alert": "failed",
        "state": "broken",
    },
)


class Inbox:
    """What the server took; `answers` are given to the recipients, in turn, instead of yes."""

    def __init__(self) -> None:
        self.messages: list[Any] = []
        self.answers: list[str] = []

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str,  # noqa: N802
                          options: Any) -> str:  # fmt: skip
        answer = self.answers.pop(0) if self.answers else "250 OK"
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        message = message_from_bytes(envelope.content, policy=policy.default)
        self.messages.append((envelope.rcpt_tos, message))
        return "250 OK"


class Login:
    """Takes one password."""

    def __call__(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> Any:
        from aiosmtpd.smtp import AuthResult

        return AuthResult(success=data.password == b"right", handled=False)


class Server:
    def __init__(self, folder: Path, security: str) -> None:
        self.inbox, authority = Inbox(), trustme.CA()
        authority.cert_pem.write_to_path(str(folder / "ca.pem"))
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("localhost").configure_cert(context)
        how = {"ssl_context": context} if security == "tls" else {}
        if security == "starttls":
            how = {"tls_context": context, "require_starttls": True}
        self.controller = aiosmtpd.Controller(
            self.inbox,
            hostname="localhost",
            port=0,
            authenticator=Login(),
            auth_require_tls=security == "starttls",
            auth_required=security == "starttls",
            **how,
        )
        self.folder, self.security = folder, security

    def start(self) -> None:
        with socket.socket() as free:
            free.bind(("localhost", 0))
            self.controller.port = free.getsockname()[1]
        self.controller.start()

    def driver(self, **settings: Any) -> MailDriver:
        return MailDriver(self.destination(**settings), self.folder)

    def destination(self, **settings: Any) -> Any:
        given = {
            "host": "localhost",
            "port": self.controller.port,
            "security": self.security,
            "from": "CDP <cdp@shop.example>",
            "to": "data@shop.example, oncall@shop.example",
            "ca_file": "ca.pem",
        }
        if self.security != "none":
            given |= {"username": "cdp", "password": "right"}
        return destination("email", given | settings)


@pytest.fixture(params=["none", "starttls", "tls"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    found = Server(tmp_path, request.param)
    found.start()
    yield found
    found.controller.stop()


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Server]:
    found = Server(tmp_path, "none")
    found.start()
    yield found
    found.controller.stop()


def batch(row: OutgoingRow = ROW) -> Batch:
    return Batch("sync_alerts", "run", 1, [row], "key")


def send(driver: MailDriver, row: OutgoingRow = ROW) -> Outcome:
    answer = driver.send(batch(row))
    assert not isinstance(answer, Refused)
    return answer[0]


def test_an_alert_is_a_message_to_every_address(server: Server) -> None:
    assert send(server.driver()) == Outcome("accepted")
    assert probe(server.destination(), server.folder).detail == "the mail server answers"
    ((recipients, message),) = server.inbox.messages
    assert recipients == ["data@shop.example", "oncall@shop.example"]
    assert message["From"] == "CDP <cdp@shop.example>"
    assert message["Subject"] == "cdp: customers failed"
    assert message["Message-ID"].endswith("@shop.example>")
    assert message.get_content().splitlines() == [ROW.fields["text"]]


def test_the_same_alert_is_the_same_message(plain: Server) -> None:
    over = OutgoingRow("upsert", "customers:failed:over:1", {**ROW.fields, "state": "over"})
    for row in (ROW, ROW, over):
        send(plain.driver(), row)
    messages = [message for _, message in plain.inbox.messages]
    assert messages[0]["Message-ID"] == messages[1]["Message-ID"] != messages[2]["Message-ID"]
    assert messages[2]["Subject"] == "cdp: customers failed is over"


@pytest.mark.parametrize(
    ("answers", "outcome"),
    [
        (["550 nobody c@d.example", "550 nobody"], "rejected 550"),
        (["450 later", "450 later"], "retry 450"),
        (["550 nobody", "250 OK"], "accepted "),
    ],
)
def test_what_the_server_says_is_told_by_its_number(
    plain: Server, answers: list[str], outcome: str
) -> None:
    plain.inbox.answers = list(answers)
    found = send(plain.driver())
    assert f"{found.state} {found.code}" == outcome
    assert "example" not in found.reason


def test_a_server_that_goes_away_leaves_the_message_unknown(
    plain: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def vanish(self: Inbox, server: Any, session: Any, envelope: Any) -> str:
        server.transport.abort()
        return "250 OK"

    monkeypatch.setattr(Inbox, "handle_DATA", vanish)
    assert send(plain.driver()).state == "unknown"


def test_a_line_break_in_a_text_adds_no_header(plain: Server) -> None:
    text = "a\nBcc: eve@evil.example"
    send(plain.driver(), OutgoingRow("upsert", "k", {**ROW.fields, "text": text}))
    ((recipients, message),) = plain.inbox.messages
    assert message["Bcc"] is None
    assert "eve@evil.example" not in recipients


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"password": "wrong"}, "status 535"),
        ({"ca_file": ""}, "SSLCertVerificationError"),
        ({"port": 1}, "ConnectionRefusedError"),
    ],
)
def test_a_server_that_cannot_be_used_is_explained(
    tmp_path: Path, settings: dict[str, Any], what: str
) -> None:
    found = Server(tmp_path, "tls")
    found.start()
    try:
        with pytest.raises(Stop) as stopped:
            send(found.driver(**settings))
    finally:
        found.controller.stop()
    assert stopped.value.message == f"destination 'email' cannot be written to: {what}"
    assert stopped.value.help == HELP
    assert stopped.value.outcome.state == "retry"
