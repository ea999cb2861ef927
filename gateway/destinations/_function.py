"""What destinations that call somebody's function over HTTP have in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from gateway.destinations import Context
from gateway.domain.http_header import Headers
from gateway.domain.url import is_http

_ID_HEADER, _TEST_HEADER = "webhook-id", "Optix-Gateway-Test"

MARKS = {
    "headers": f"{_ID_HEADER}: the delivery (the same in every attempt); {_TEST_HEADER}: true in trials",
    "repeats": f"rare: a function that changes something should remember {_ID_HEADER}",
}


def _checked(url: str) -> str:
    if not is_http(url) or "@" in url or "#" in url:
        raise ValueError("must be a whole URL, as in https://host/path, without user or fragment")
    return url


FunctionUrl = Annotated[str, AfterValidator(_checked)]
"""Kept byte for byte."""


def marks(context: Context) -> Headers:
    """As `webhook` marks its requests, so that the same function can stand behind both."""
    return ((_ID_HEADER, context.delivery_id), *(((_TEST_HEADER, "true"),) if context.test else ()))
