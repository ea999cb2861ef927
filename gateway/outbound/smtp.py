"""Carries mail: one connection for each message, which mail servers are used to and which leaves no state behind."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from contextlib import suppress
from ipaddress import ip_address
from ssl import SSLContext

from aiosmtplib import SMTP
from aiosmtplib.errors import (
    SMTPException,
    SMTPHeloError,
    SMTPRecipientRefused,
    SMTPResponseException,
    SMTPTimeoutError,
)

from gateway.domain.message import Mail, MailAnswer, NoAnswer
from gateway.domain.text import cut, one_line
from gateway.outbound.address import dial
from gateway.outbound.reasons import CONNECT_S, not_connected, of_network, too_slow
from gateway.outbound.tls import CaFileUnusable, TlsContexts

_TEXT_LENGTH = 300
_QUIT_S = 1.0


class CannotSend(Exception):
    """The server does not offer what the settings require, so nothing was sent. The text is safe to show."""


class SmtpTransport:
    def __init__(self, tls: TlsContexts) -> None:
        self._tls = tls

    async def send(self, mail: Mail, timeout_s: float) -> MailAnswer | NoAnswer:
        """Recipients are answered for one by one. When all are refused, the answer is that of the most hopeful one."""
        try:
            return await self._deliver(mail, timeout_s)
        except SMTPResponseException as error:
            return _refused(error.code, error.message, {})
        except (CannotSend, CaFileUnusable) as error:
            return NoAnswer(str(error))
        except (SMTPException, OSError, ValueError) as error:
            return NoAnswer(_reason(error, timeout_s))

    async def _deliver(self, mail: Mail, timeout_s: float) -> MailAnswer | NoAnswer:
        deadline_s = asyncio.get_running_loop().time() + timeout_s
        async with asyncio.timeout_at(deadline_s):
            context = await self._tls.of(mail.tls)
            sock = await _connect(mail, timeout_s)
        client = _client(mail, sock, context, timeout_s)
        try:
            async with asyncio.timeout_at(deadline_s):
                await _enter(client, mail)
                return await _transact(client, mail)
        finally:
            # Outside the time-out: a farewell that hangs does not undo what the server took responsibility for.
            await _leave(client, sock)


async def _connect(mail: Mail, timeout_s: float) -> socket.socket:
    try:
        async with asyncio.timeout(CONNECT_S):
            sock = await dial(mail.host, mail.port)
    except TimeoutError as error:
        raise CannotSend(not_connected(timeout_s)) from error
    if mail.username and mail.security == "none" and not ip_address(sock.getpeername()[0]).is_loopback:
        sock.close()
        raise CannotSend("refused: without TLS, credentials are sent to this machine only")
    return sock


def _client(mail: Mail, sock: socket.socket, context: SSLContext, timeout_s: float) -> SMTP:
    return SMTP(
        hostname=mail.host,
        sock=sock,
        local_hostname=_our_name(sock),
        use_tls=mail.security == "tls",
        start_tls=False,
        tls_context=context,
        timeout=timeout_s,
    )


def _our_name(sock: socket.socket) -> str:
    """For EHLO: a full name, else an address literal (RFC 5321, 4.1.3), which strict servers prefer to a short name."""
    name = socket.gethostname()
    if "." in name and name.isascii():
        return name
    address = sock.getsockname()[0].partition("%")[0]
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


async def _enter(client: SMTP, mail: Mail) -> None:
    await client.connect()
    if mail.security == "starttls":
        await client.ehlo()
        if not client.supports_extension("starttls"):
            raise CannotSend("the mail server offers no STARTTLS, so nothing was sent")
        await client.starttls()
    await _greet(client)
    if mail.username:
        await _log_in(client, mail)


async def _greet(client: SMTP) -> None:
    """HELO for servers that do not know EHLO (RFC 5321, 3.2)."""
    try:
        await client.ehlo()
    except SMTPHeloError:
        await client.helo()


async def _log_in(client: SMTP, mail: Mail) -> None:
    """With one method only: several failed tries for one wrong password get accounts locked."""
    methods = {"plain": client.auth_plain, "login": client.auth_login, "cram-md5": client.auth_crammd5}
    offered = [log_in for name, log_in in methods.items() if name in client.server_auth_methods]
    if not offered:
        raise CannotSend("the mail server offers no way to log in that the gateway knows (PLAIN, LOGIN, CRAM-MD5)")
    await offered[0](mail.username, mail.password)


async def _transact(client: SMTP, mail: Mail) -> MailAnswer | NoAnswer:
    # The library's own transaction ends a refusal with a RSET, whose silence would hide the answer, and forgets which
    # recipients were refused when the content is.
    content = mail.content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    options, encoding = _options(client, mail, len(content))
    await client.mail(mail.sender, options=options, encoding=encoding)
    refused = await _name_recipients(client, mail.recipients, encoding)
    accepted = tuple(recipient for recipient in mail.recipients if recipient not in refused)
    if not accepted:
        return _all_refused(refused)
    try:
        response = await client.data(content)
    except SMTPResponseException as error:
        return _refused(error.code, error.message, refused)
    return MailAnswer(response.code, _safe(response.message), accepted, refused)


def _options(client: SMTP, mail: Mail, size: int) -> tuple[list[str], str]:
    """Of MAIL FROM (RFC 1870, RFC 6531), and how addresses are written."""
    for address in (mail.sender, *mail.recipients):
        _check(address)
    options = [f"SIZE={size}"] if client.supports_extension("size") else []
    if "".join((mail.sender, *mail.recipients)).isascii():
        return options, "ascii"
    if not client.supports_extension("smtputf8"):
        raise CannotSend("the mail server takes no addresses outside ASCII")
    return [*options, "SMTPUTF8"], "utf-8"


def _check(address: str) -> None:
    """The library would cut a strange address down to what looks like one, and the answer would be about another."""
    if not address.isprintable() or not set(" <>").isdisjoint(address):
        raise ValueError


async def _name_recipients(client: SMTP, recipients: tuple[str, ...], encoding: str) -> dict[str, tuple[int, str]]:
    refused = {}
    for recipient in recipients:
        try:
            await client.rcpt(recipient, encoding=encoding)
        except SMTPRecipientRefused as error:
            refused[recipient] = (error.code, _safe(error.message))
    return refused


async def _leave(client: SMTP, sock: socket.socket) -> None:
    transport = client.transport
    with suppress(SMTPException, OSError):
        await client.quit(timeout=_QUIT_S)
    client.close()
    if isinstance(transport, asyncio.WriteTransport):
        transport.abort()
    # The transport closes its socket in the loop's next turn; whatever failed before there was one leaves it open.
    await asyncio.sleep(0)
    sock.close()


def _all_refused(refused: dict[str, tuple[int, str]]) -> MailAnswer | NoAnswer:
    """4xx before 5xx: as long as one recipient may be served later, the mail is worth another try."""
    if not refused:
        return NoAnswer("the mail has no recipients")
    code, text = min(refused.values())
    return _refused(code, text, refused)


def _refused(code: int, text: str, refused: Mapping[str, tuple[int, str]]) -> MailAnswer | NoAnswer:
    if 400 <= code <= 599:
        return MailAnswer(code, _safe(text), refused=refused)
    return NoAnswer("malformed answer from the mail server")


def _safe(text: str) -> str:
    return cut(one_line(text), _TEXT_LENGTH)


def _reason(error: SMTPException | OSError | ValueError, timeout_s: float) -> str:
    match error:
        case SMTPTimeoutError():
            return too_slow(timeout_s)
        case SMTPException():
            # The library wraps what the socket or TLS said, and words it with the host's name.
            cause = error.__cause__
            if isinstance(cause, SMTPException) or not isinstance(cause, OSError):
                return _plain_reason(error)
            return of_network(cause)
        case TimeoutError():
            return too_slow(timeout_s)
        case OSError():
            return of_network(error)
        case _:
            return "an address of the mail cannot be sent as it is"


def _plain_reason(error: SMTPException) -> str:
    if isinstance(error, ConnectionError):
        return "connection closed before the answer"
    return "the mail server does not support what the mail needs"
