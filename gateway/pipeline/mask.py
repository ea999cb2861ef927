"""What may be shown of a message and of an answer: everything but the secrets."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import assert_never
from urllib.parse import quote, urlsplit

from gateway.domain.alert import JSON
from gateway.domain.message import (
    HttpRequest,
    HttpRequests,
    Line,
    Mail,
    Message,
    Notification,
    Publication,
    SyslogRecord,
)

MASK = "****"
_SHORTEST_PART = 8
_UNCHANGED = re.compile(r"[A-Za-z0-9_-]{12,}")  # the same in every escaping, be it an escaping of an escaping
_REPEATED_LENGTH = 256
_CUT_LENGTH = 150
_SHOWN_HEADERS = frozenset(
    {"content-type", "accept", "user-agent", "webhook-id", "webhook-timestamp", "idempotency-key"}
)
_SHOWN_PREFIXES = ("ce-", "optix-gateway-")


def mask(text: str, secrets: Sequence[str]) -> str:
    """The text with every secret replaced, and every telling part of a secret URL, also where they stand encoded."""
    kept = tuple(secrets)
    return _masked_once(text, kept) if len(text) <= _REPEATED_LENGTH else _masked(text, kept)


def _masked(text: str, secrets: tuple[str, ...]) -> str:
    needles = _needles(secrets)
    for needle, instead in needles:
        if needle in text:
            text = text.replace(needle, instead)
    return text if len(text) < _CUT_LENGTH else _without_half_a_secret(text, needles)


_masked_once = lru_cache(maxsize=2048)(_masked)  # "200 OK" and header values come again and again


def _without_half_a_secret(text: str, needles: Sequence[tuple[str, str]]) -> str:
    """Long texts may have been cut by whoever wrote them, in the middle of what they quoted."""
    end = text.rstrip("…")
    for needle, _ in needles:
        for length in range(len(needle) - 1, _SHORTEST_PART - 1, -1):
            if end.endswith(needle[:length]):
                return end[:-length] + MASK
    return text


@lru_cache(maxsize=4096)
def _needles(secrets: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """What to look for and what to put in its place, in order."""
    found: dict[str, str] = {}
    for secret in secrets:
        found.setdefault(secret, masked_url(secret))
        for part in (*_parts(secret), secret):
            for spelt in (part, *_spellings(part)):
                found.setdefault(spelt, MASK)
    return tuple(found.items())


def _spellings(secret: str) -> Iterator[str]:
    """How receivers quote what they got: in URLs, in JSON, and in what authenticates (RFC 7617, RFC 4616)."""
    if len(secret) < _SHORTEST_PART:
        return
    yield quote(secret, safe="", errors="replace")
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    plain = secret.encode("utf-8", "replace")
    for shift in range(3):
        # Whatever stands before it, one of three groupings by threes is that of the text it is part of.
        whole = bytes(shift) + plain
        yield b64encode(whole[3 if shift else 0 : len(whole) // 3 * 3]).decode("ascii")
    yield from _UNCHANGED.findall(secret)


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
        case HttpRequests():
            return {"requests": [shown(request, secrets) for request in message.requests]}
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
        case Publication():
            return _shown_publication(message, secrets)
        case Notification():
            return {
                "to": f"{message.url.partition('://')[0]}://{MASK}",
                "title": mask(message.title, secrets),
                "body": mask(message.bodies[0], secrets),
            }
        case Line():
            body = mask(message.data.decode("utf-8", "replace"), secrets)
            return {"to": message.path or "standard output", "body": body}
        case _:
            assert_never(message)


def _shown_publication(message: Publication, secrets: Sequence[str]) -> dict[str, JSON]:
    return {
        "to": mask(message.url, secrets),
        "target": message.target,
        "key": message.key,
        "id": message.message_id,
        "content_type": message.content_type,
        "headers": {name: mask(value, secrets) for name, value in message.headers},
        "options": {name: mask(value, secrets) for name, value in message.options},
        "body": mask(message.body.decode("utf-8", "replace"), secrets),
    }


def _shown_header(name: str, value: str, secrets: Sequence[str]) -> str:
    lower = name.lower()
    known = lower in _SHOWN_HEADERS or lower.startswith(_SHOWN_PREFIXES)
    return mask(value, secrets) if known else MASK
