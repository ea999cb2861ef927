"""What went wrong, in words that are safe to show. An exception's own text is not: it may carry a URL with secrets."""

from __future__ import annotations

import errno
import os
import socket
import ssl

from gateway.domain.message import CONNECTION_REFUSED
from gateway.outbound.address import ForbiddenAddress

# The most that any receiver is waited for before a connection (with its TLS handshake) stands.
CONNECT_S = 10.0

_WORDS = {
    errno.ECONNREFUSED: CONNECTION_REFUSED,
    errno.ECONNRESET: "connection reset before the answer",
    errno.ECONNABORTED: "connection reset before the answer",
    errno.EPIPE: "connection closed by the receiver",
    errno.EHOSTUNREACH: "no route to the receiver",
    errno.ENETUNREACH: "no route to the receiver",
    errno.ETIMEDOUT: "no connection in time",
    errno.EMSGSIZE: "the message is too large for one datagram",
}


def of_network(error: OSError) -> str:
    """What an error of the socket, name resolution or TLS means."""
    match error:
        case ForbiddenAddress():
            return str(error)
        case ssl.SSLCertVerificationError():
            return f"certificate not trusted: {error.verify_message.rstrip('.')}"
        case ssl.SSLError():
            return f"TLS handshake failed: {_in_words(error.reason)}"
        case socket.gaierror():
            return f"name resolution failed: {_in_words(error.strerror)}"
        case ConnectionError() if error.errno is None:
            return "connection lost"
        case _:
            return _of_number(error.errno)


def _of_number(number: int | None) -> str:
    if number is None:
        return "connection failed"
    return _WORDS.get(number) or os.strerror(number).lower()


def _in_words(text: str | None) -> str:
    """OpenSSL and the resolver name their errors in fixed words, such as WRONG_VERSION_NUMBER."""
    return (text or "no details").replace("_", " ").lower()


def too_slow(timeout_s: float) -> str:
    return f"no answer within {timeout_s:g} s"


def not_connected(timeout_s: float) -> str:
    return f"no connection within {min(CONNECT_S, timeout_s):g} s"
