"""What may be shown of a message and of an answer: everything but the secrets."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import assert_never
from urllib.parse import urlsplit

from gateway.domain.alert import JSON
from gateway.domain.message import HttpRequest, Mail, Message, SyslogRecord

MASK = "****"
_SHORTEST_PART = 8
_SHOWN_HEADERS = frozenset({"content-type", "accept", "user-agent", "webhook-id", "webhook-timestamp"})
_SHOWN_PREFIXES = ("ce-", "optix-gateway-")


def mask(text: str, secrets: Sequence[str]) -> str:
    """The text with every secret replaced, and every telling part of a secret URL."""
    for needle, instead in _needles(tuple(secrets)):
        if needle in text:
            text = text.replace(needle, instead)
    return text


@lru_cache(maxsize=4096)
def _needles(secrets: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """What to look for and what to put in its place, in order."""
    pairs = [[(secret, masked_url(secret)), *((part, MASK) for part in _parts(secret))] for secret in secrets]
    return tuple(pair for found in pairs for pair in found)


def masked_url(secret: str) -> str:
    """Origin of a URL, with the rest masked; anything else is masked whole."""
    if not secret.startswith(("http://", "https://")):
        return MASK
    parts = urlsplit(secret)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}/{MASK}" if parts.path.strip("/") or parts.query else f"{parts.scheme}://{host}"


def _parts(secret: str) -> list[str]:
    """Path segments, query values and passwords of a secret URL that are long enough to be secret themselves."""
    if not secret.startswith(("http://", "https://")):
        return []
    parts = urlsplit(secret)
    candidates = [*parts.path.split("/"), *(pair.partition("=")[2] for pair in parts.query.split("&"))]
    candidates += (parts.netloc.rpartition("@")[0]).split(":")
    return [part for part in candidates if len(part) >= _SHORTEST_PART]


def shown(message: Message, secrets: Sequence[str]) -> dict[str, JSON]:
    """A message as people may see it, for `explain` and route tests."""
    match message:
        case HttpRequest():
            return {
                "method": message.method,
                "url": mask(message.url, secrets),
                "headers": {name: _shown_header(name, value, secrets) for name, value in message.headers},
                "body": mask(message.body.decode("utf-8", "replace"), secrets),
            }
        case SyslogRecord():
            return {
                "to": f"{message.transport}://{message.host}:{message.port}",
                "framing": "" if message.transport == "udp" else message.framing,
                "body": mask(message.data.decode("utf-8", "replace"), secrets),
            }
        case Mail():
            return {
                "to": f"smtp://{message.host}:{message.port}",
                "security": message.security,
                "recipients": list(message.recipients),
                "body": mask(message.content.decode("utf-8", "replace"), secrets),
            }
        case _:
            assert_never(message)


def _shown_header(name: str, value: str, secrets: Sequence[str]) -> str:
    lower = name.lower()
    known = lower in _SHOWN_HEADERS or lower.startswith(_SHOWN_PREFIXES)
    return mask(value, secrets) if known else MASK
