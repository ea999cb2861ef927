"""The last line of defence: configured secrets never stand in a log line, whoever put them there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import lru_cache
from urllib.parse import quote, unquote, urlsplit

MASK = "***"
_SHORTEST = 6  # a shorter "secret" would blank out ordinary words
_SHORTEST_PART = 16  # of a secret URL: `webhooks` is a word, a token is longer
_CACHED = 512
_CACHED_LENGTH = 256


def masker(secrets: Iterable[str]) -> Callable[[str], str]:
    """A function that replaces each secret in a text, also where it stands JSON-escaped or percent-encoded."""
    needles = _needles(secrets)
    if not needles:
        return str
    shortest = len(needles[-1])

    def replace(text: str) -> str:
        for needle in needles:
            if needle in text:
                text = text.replace(needle, MASK)
        return text

    cached = lru_cache(_CACHED)(replace)  # reasons repeat: "200 OK"

    def mask(text: str) -> str:
        if len(text) < shortest:
            return text
        return cached(text) if len(text) <= _CACHED_LENGTH else replace(text)

    return mask


def _needles(secrets: Iterable[str]) -> tuple[str, ...]:
    """Longest first, so that a secret inside another one leaves no rest."""
    found = set[str]()
    for secret in secrets:
        for part in (secret, *_telling_parts(secret)):
            found |= {
                part,
                unquote(part),
                json.dumps(part)[1:-1],
                quote(part, safe="", errors="replace"),
                repr(part)[1:-1],
            }
    return tuple(sorted((needle for needle in found if len(needle) >= _SHORTEST), key=len, reverse=True))


def _telling_parts(secret: str) -> list[str]:
    """What of a secret URL is secret by itself: the request target and each long piece of it."""
    if "://" not in secret:
        return []
    try:
        url = urlsplit(secret)
    except ValueError:
        return []
    target = url.path + (f"?{url.query}" if url.query else "")
    pieces = [*url.path.split("/"), *(pair.partition("=")[2] for pair in url.query.split("&")), url.password or ""]
    return [part for part in (target, *pieces) if len(part) >= _SHORTEST_PART]
