"""The chunks of the Graylog Extended Log Format over UDP.

Source: https://go2docs.graylog.org/current/getting_in_log_data/gelf.html (magic bytes 1e 0f, 8 bytes of the message's
id, number of the chunk, count of chunks, at most 128; a message whose chunks do not all come within 5 s is dropped).
"""

from __future__ import annotations

from hashlib import sha256

DATAGRAM = 8192
"""The longest datagram; a longer message goes in chunks of this length, headers included."""
MAX_CHUNKS = 128
_MAGIC = b"\x1e\x0f"
_ID_LENGTH = 8
_ROOM = DATAGRAM - len(_MAGIC) - _ID_LENGTH - 2
LARGEST = MAX_CHUNKS * _ROOM
"""Bytes of the longest message."""


class TooLong(Exception):
    """The text is safe to show."""


def chunks(data: bytes) -> tuple[bytes, ...]:
    """The datagrams of one message. The id is of its content, so that a repeat fills what was lost of it.

    Raises `TooLong` when it is longer than `LARGEST`.
    """
    if len(data) <= DATAGRAM:
        return (data,)
    if len(data) > LARGEST:
        raise TooLong(f"longer than {LARGEST} bytes, which is all that GELF has chunks for")
    parts = [data[start : start + _ROOM] for start in range(0, len(data), _ROOM)]
    identity = _MAGIC + sha256(data).digest()[:_ID_LENGTH]
    return tuple(identity + bytes((number, len(parts))) + part for number, part in enumerate(parts))
