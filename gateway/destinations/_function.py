"""What destinations that call somebody's function over HTTP have in common."""

from __future__ import annotations

from gateway.destinations import Context
from gateway.domain.http_header import Headers

_ID_HEADER, _TEST_HEADER = "webhook-id", "Optix-Gateway-Test"

MARKS = {
    "headers": f"{_ID_HEADER}: the delivery (the same in every attempt); {_TEST_HEADER}: true in trials",
    "repeats": f"rare: a function that changes something should remember {_ID_HEADER}",
}


def marks(context: Context) -> Headers:
    """As `webhook` marks its requests, so that the same function can stand behind both."""
    return ((_ID_HEADER, context.delivery_id), *(((_TEST_HEADER, "true"),) if context.test else ()))
