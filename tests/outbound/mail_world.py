"""A mail server of aiosmtpd that keeps what it takes, and a mail for it."""

from __future__ import annotations

import socket
import ssl
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

PASSWORD = "pa$$wörd"


def content() -> bytes:
    message = EmailMessage()
    message["Subject"] = "S3 bucket öffentlich"
    message.set_content("first\n.second begins with a dot\n")
    return message.as_bytes()


class Office:
    """Takes mail. Some addresses are refused, by what they say."""

    def __init__(self) -> None:
        self.taken: list[Envelope] = []
        self.over_tls: list[bool] = []
        self.logins: list[tuple[str, bytes, bytes]] = []

    async def handle_RCPT(  # noqa: N802 - aiosmtpd finds it by this name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        del server, session, options
        code = address.partition("@")[0]
        if code.isdigit():
            return f"{code} 5.1.1 <{address}> is\tnot served here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        del server
        self.taken.append(envelope)
        self.over_tls.append(session.ssl is not None)
        if envelope.mail_from == "later@example.com":
            return "452 4.3.1 no room"
        return "250 2.0.0 Ok: queued as 4ABC"

    def authenticate(self, *args: Any) -> AuthResult:
        _, _, _, mechanism, data = args
        assert isinstance(data, LoginPassword)
        self.logins.append((mechanism, data.login, data.password))
        return AuthResult(success=data.password == PASSWORD.encode(), handled=False)


class ImplicitTls(Controller):
    """aiosmtpd's own check at start speaks plain text with a default context; a connection is check enough."""

    def _trigger_server(self) -> None:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with socket.create_connection((self.hostname, self.port), 5) as sock, context.wrap_socket(sock):
            pass
