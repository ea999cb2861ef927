"""What a webhook route sends for a sample, by the settings of a test."""

from __future__ import annotations

from datetime import UTC, datetime

from gateway import samples
from gateway.destinations import Context, load
from gateway.destinations.webhook import WebhookSettings
from gateway.domain import optix
from gateway.domain.alert import Alert
from gateway.domain.message import HttpRequest
from gateway.domain.snapshot import OPEN, Snapshot, encode

KIND = load("webhook")
NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
URL = "https://soar.example.com/hooks/s3cr3t-path?sig=a%2Fb"
DELIVERY = "dlv-0123456789abcdef"
KNOWN = encode(Snapshot(70, (("old", OPEN),)))
"""What the receiver was told before."""


def made(**keys: str) -> WebhookSettings:
    return WebhookSettings.model_validate({"url": URL, **keys})


def context(
    body: bytes = b"{}", *, test: bool = False, sent_at: datetime = NOW, before: bytes | None = None
) -> Context:
    return Context(DELIVERY, "soc", body, sent_at, test=test, before=before)


def sample(name: str) -> tuple[Alert, bytes]:
    alert = optix.parse("optix", samples.load(name))
    assert isinstance(alert, Alert)
    return alert, samples.load(name)


EVERY_SAMPLE = tuple(sample(name) for name in samples.names())


def worded(alert: Alert, said: Context, keys: WebhookSettings) -> HttpRequest:
    message = KIND.format(alert, said, keys)
    assert isinstance(message, HttpRequest)
    return message


def sent(name: str = samples.DOCUMENTED, *, test: bool = False, sent_at: datetime = NOW, **keys: str) -> HttpRequest:
    alert, body = sample(name)
    return worded(alert, context(body, test=test, sent_at=sent_at), made(**keys))
