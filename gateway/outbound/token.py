"""What a sign-in comes to, and how the refusals of those who give tokens are put in words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

from gateway.domain.message import HttpAnswer, NoAnswer, NotGranted
from gateway.domain.outcome import status_line

_LONGEST_TEXT = 200


class Token(NamedTuple):
    """`header`: the value of Authorization. `secret`: the part of it that nobody may see."""

    header: str
    secret: str
    lifetime_s: float


Granted: TypeAlias = Token | NotGranted | NoAnswer


def bearer(token: str, lifetime_s: float) -> Token:
    return Token(f"Bearer {token}", token, lifetime_s)


def json_of(body: bytes) -> Mapping[str, object]:
    """Nothing in it where it is no JSON object."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def refused(where: str, answer: HttpAnswer) -> NotGranted:
    """With what RFC 6749, 5.2, or Google's APIs say of an error; of anything else the status alone."""
    said = json_of(answer.body)
    error = said.get("error")
    texts = (
        (error.get("status"), error.get("message"))
        if isinstance(error, dict)
        else (error, said.get("error_description"))
    )
    words = [text.splitlines()[0][:_LONGEST_TEXT] for text in texts if isinstance(text, str) and text.strip()]
    reason = ": ".join([f"sign-in at {where}", status_line(answer.status), *words])
    return NotGranted(reason, answer.status, answer.headers.get("retry-after"))
