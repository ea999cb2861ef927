"""HTTP/1.1 as far as a load generator and a counting receiver need it: whole messages with a Content-Length."""

from __future__ import annotations

from typing import NamedTuple

_LENGTH = b"content-length:"


class Message(NamedTuple):
    """`first` is the request or status line."""

    first: bytes
    body: bytes


def take(buffer: bytearray) -> Message | None:
    """The first message, taken out of the buffer; None while it is incomplete."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = bytes(buffer[:end])
    whole = end + 4 + _length(head.lower())
    if len(buffer) < whole:
        return None
    message = Message(head[: head.find(b"\r\n")], bytes(buffer[end + 4 : whole]))
    del buffer[:whole]
    return message


def _length(head: bytes) -> int:
    at = head.find(_LENGTH)
    if at < 0:
        return 0
    at += len(_LENGTH)
    end = head.find(b"\r", at)
    return int(head[at:] if end < 0 else head[at:end])
