"""What the tests publish, and what the destination makes of a refusal."""

from __future__ import annotations

from typing import Any

from gateway.destinations import load
from gateway.domain.message import Answer, Declined, Publication
from gateway.domain.outcome import OutcomeClass as Class
from tests.outbound.brokers import Inbox

TIMEOUT_S = 10.0


def a_publication(broker: str, url: str, inbox: Inbox, message_id: str = "a-1.soc") -> Publication:
    body = '{"summary":"A bucket is public: é 🪣"}'.encode()
    return Publication(
        broker=broker,  # type: ignore[arg-type]  # one of those that exist
        url=url,
        target=inbox.target,
        key=inbox.key,
        message_id=message_id,
        content_type="application/json",
        body=body,
        headers=(("key", "optix-0123"), ("test", "true")),
    )


def publication(broker: str, url: str, target: str, key: str = "", **more: Any) -> Publication:
    return Publication(broker, url, target, "a-1.soc", "application/json", b"{}", key=key, **more)  # type: ignore[arg-type]


def declined(kind: str, answer: Answer) -> tuple[str, Class]:
    """The code, and what the destination makes of it."""
    assert isinstance(answer, Declined), answer
    return answer.code, load(kind).read(answer, None).kind  # type: ignore[arg-type]  # no date is looked at
