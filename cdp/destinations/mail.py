"""E-mail as a destination of alerts: a message for each row, over SMTP.

Owns the message and what the server's answers mean. What a server says has
addresses in it and is not passed on: only its number is.
"""

from __future__ import annotations

import hashlib
import smtplib
import ssl
from collections.abc import Sequence
from contextlib import ExitStack
from email.message import EmailMessage
from email.utils import formatdate
from pathlib import Path
from typing import Any

from cdp.destinations.delivery import (
    ACCEPTED,
    REJECTED,
    RETRY,
    UNKNOWN,
    Batch,
    Outcome,
    OutgoingRow,
    Refused,
    Stop,
    unwritable,
)
from cdp.destinations.secrets import resolve_settings
from cdp.destinations.spec import Destination

TIMEOUT_S = 30
_MOST_BYTES = 1_000_000
_PERMANENT = 500  # RFC 5321, 4.2.1: from here on the same message is refused again


class MailDriver:
    """Sends to the addresses of the settings."""

    is_idempotent = False
    snapshot_format: str | None = None

    def __init__(self, destination: Destination, project_folder: Path) -> None:
        self._settings = resolve_settings(destination)
        self._name = destination.name
        self._folder = project_folder

    def close(self) -> None:
        """Nothing stays open between batches."""

    def lane(self, operation: str) -> int:
        return 0

    def limits(self, operation: str) -> tuple[int, int]:
        return 1, _MOST_BYTES

    def ask(self) -> str:
        """Raises Stop when no server answers, or when it does not take the login."""
        with self._connect():
            return "the mail server answers"

    def send(self, batch: Batch) -> Sequence[Outcome] | Refused:
        """A message for each row. Raises Stop when the server cannot be reached or refuses all."""
        with self._connect() as server:
            return [self._send(server, row) for row in batch.rows]

    def _send(self, server: smtplib.SMTP, row: OutgoingRow) -> Outcome:
        try:
            server.send_message(self._message(row))
        except smtplib.SMTPRecipientsRefused as error:
            return _refused(max(code for code, _ in error.recipients.values()))
        except smtplib.SMTPResponseException as error:
            return _refused(error.smtp_code)
        except (OSError, smtplib.SMTPException) as error:
            return Outcome(UNKNOWN, type(error).__name__, "the server gave no answer")
        return Outcome(ACCEPTED)

    def _message(self, row: OutgoingRow) -> EmailMessage:
        sender = str(self._settings["from"])
        message = EmailMessage()
        message["From"], message["To"] = sender, str(self._settings["to"])
        message["Subject"] = f"cdp: {row.fields['sync']} {row.fields['alert']}"
        if row.fields["state"] == "over":
            message.replace_header("Subject", f"{message['Subject']} is over")
        message["Date"] = formatdate()
        told = hashlib.sha256(row.key.encode()).hexdigest()
        message["Message-ID"] = f"<{told}@{sender.rpartition('@')[2].strip('> ')}>"
        message.set_content(f"{row.fields['text']}\n")
        return message

    def _connect(self) -> smtplib.SMTP:
        settings = self._settings
        try:
            with ExitStack() as unless_ready:
                server = self._open()
                unless_ready.callback(server.close)
                if settings["security"] == "starttls":
                    server.starttls(context=self._tls())
                if settings.get("username"):
                    server.login(str(settings["username"]), str(settings.get("password") or ""))
                unless_ready.pop_all()
        except smtplib.SMTPResponseException as error:
            raise self._stop(f"status {error.smtp_code}") from None
        except (OSError, smtplib.SMTPException) as error:
            raise self._stop(type(error).__name__) from None
        return server

    def _open(self) -> smtplib.SMTP:
        host, port = str(self._settings["host"]), int(self._settings["port"])
        if self._settings["security"] == "tls":
            return smtplib.SMTP_SSL(host, port, timeout=TIMEOUT_S, context=self._tls())
        return smtplib.SMTP(host, port, timeout=TIMEOUT_S)

    def _tls(self) -> ssl.SSLContext:
        ca_file: Any = self._settings.get("ca_file")
        return ssl.create_default_context(cafile=self._folder / ca_file if ca_file else None)

    def _stop(self, what: str) -> Stop:
        help = "check the host, the port, the security and the login of its settings"
        return unwritable(self._name, what, help, RETRY)


def _refused(code: int) -> Outcome:
    state = REJECTED if code >= _PERMANENT else RETRY
    return Outcome(state, str(code), "the mail server did not take the message")
