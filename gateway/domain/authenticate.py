"""Who sent it: pure, in constant time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest


@dataclass(frozen=True, slots=True)
class Source:
    """An inbound webhook. `header`: name of the header that carries the credential, compared without case. `accepted`:
    SHA-256 digests of every accepted value, so that lengths do not show in the time a comparison takes. No accepted
    value and `open_to_all` False means that nothing is let in.
    """

    name: str
    header: str = ""
    accepted: tuple[bytes, ...] = field(default=(), repr=False)
    open_to_all: bool = False


def digest_of(value: str) -> bytes:
    return sha256(value.encode("utf-8", "surrogatepass")).digest()


_NOBODY = Source("", "authorization", (bytes(32),))


def authenticate(name: str, headers: Mapping[str, str], sources: Mapping[str, Source]) -> Source | None:
    """The source of that name if the credential is right, else None. An unknown source takes as long as a known one.

    `headers` must look names up without case (as aiohttp's do).
    """
    source = sources.get(name, _NOBODY)
    value = headers.get(source.header, "")
    presented = digest_of(value)
    matched = False
    for accepted in source.accepted:
        matched |= compare_digest(presented, accepted)
    known = matched and value != ""  # nothing presented is never a credential, whatever is configured
    return source if (known or source.open_to_all) and source is not _NOBODY else None
