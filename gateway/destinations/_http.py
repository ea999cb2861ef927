"""What the destinations that post JSON have in common."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated

from pydantic import AfterValidator, SecretStr

from gateway.destinations import SecretAddress
from gateway.domain.alert import JSON
from gateway.domain.message import HttpAnswer, HttpRequest, Tls
from gateway.domain.outcome import Outcome, OutcomeClass
from gateway.domain.url import is_http


def _checked(url: SecretAddress) -> SecretAddress:
    if not is_http(url.get_secret_value()):
        raise ValueError("must be a whole URL, as in https://host/path, without blanks")
    return url


def _checked_token(token: SecretStr) -> SecretStr:
    text = token.get_secret_value()
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("must be the key alone, printable ASCII without blanks")
    return token


Token = Annotated[SecretStr, AfterValidator(_checked_token)]
"""A credential that goes into a header."""

HookUrl = Annotated[SecretAddress, AfterValidator(_checked)]
"""A URL that is itself the credential."""


def as_json(payload: Mapping[str, JSON] | Sequence[JSON]) -> bytes:
    """Compact UTF-8. An emoji is 4 bytes here, where an ASCII escape would take 12 of a receiver's limit."""
    text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "replace")


def post_json(
    url: str,
    payload: Mapping[str, JSON] | Sequence[JSON],
    headers: tuple[tuple[str, str], ...] = (),
    tls: Tls | None = None,
) -> HttpRequest:
    content_type = ("Content-Type", "application/json; charset=utf-8")
    return HttpRequest(url, as_json(payload), headers=(content_type, *headers), tls=tls or Tls())


def json_object(answer: HttpAnswer) -> Mapping[str, object]:
    """What the receiver answered, where it is a JSON object; nothing in it otherwise."""
    try:
        value = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def text_of(value: object, limit: int = 200) -> str:
    """A string or number of an answer as a short printable text, "" for anything else."""
    if not isinstance(value, str | int) or isinstance(value, bool):
        return ""
    return "".join(c for c in str(value)[:limit] if c.isprintable())


def explained(outcome: Outcome, *said: object) -> Outcome:
    """With what the receiver said of it after the reason; texts and numbers only, and no more than are there."""
    texts = [text for text in map(text_of, said) if text]
    return replace(outcome, reason=": ".join([outcome.reason, *texts]))


def unproven(outcome: Outcome, why: str) -> Outcome:
    """A success that does not look like this receiver's: a proxy's or a sign-in's page. It may pass, so: again."""
    return replace(outcome, kind=OutcomeClass.RETRY, reason=f"{outcome.reason}, but {why}")


def base_url(url: str) -> str:
    """A setting's address of a server, without the slash at its end. ValueError for what is none, or holds secrets."""
    if not is_http(url) or any(sign in url for sign in "@?#"):
        raise ValueError("must be a server's address, as in https://host/path, without user or query")
    return url.rstrip("/")


def seconds_of(value: object) -> float | None:
    """A wait in seconds out of an answer, as a number or as text; None where it is no such thing."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return None
    return seconds if 0 <= seconds < float("inf") else None
