"""What tests of several kinds ask in the same way: a message for an alert, and the class of an answer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from gateway.destinations import Context, load
from gateway.domain.alert import Alert, Resource
from gateway.domain.message import HttpAnswer, HttpRequest
from gateway.domain.outcome import Outcome
from gateway.domain.snapshot import encode, snapshot_of
from tests.destinations.examples import example_settings

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
SUPPRESSED = (Resource("bucket-1", "SUPPRESS"),)


def sent(kind: str, alert: Alert, *, made: Any = None, before: Alert | None = None, **said: Any) -> HttpRequest:
    """By the kind's own example unless `made` are other settings. `before`: what the receiver was told last."""
    told = encode(snapshot_of(before)) if before else None
    message = load(kind).format(
        alert, Context("d-1", "r", b"{}", NOW, before=told, **said), made or example_settings(kind)
    )
    assert isinstance(message, HttpRequest)
    return message


def payload(kind: str, alert: Alert, **said: Any) -> Any:
    return json.loads(sent(kind, alert, **said).body)


def outcome(kind: str, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Outcome:
    answer = HttpAnswer(status, headers or {}, body)
    return load(kind).outcome_of(answer, NOW, Context("d-1", "r", b"{}", NOW), example_settings(kind))


def by_score(low: str, medium: str, high: str, critical: str, unknown: str) -> list[tuple[int | None, str]]:
    """A receiver's word on both sides of each boundary between our bands, and for an alert without a score."""
    return [(49, low), (50, medium), (79, medium), (80, high), (89, high), (90, critical), (None, unknown)]


def texts(value: object) -> Iterator[str]:
    """Every text in a JSON value, names of keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from (key, *texts(inner))
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)


def huge(sign: str) -> dict[str, object]:
    """Fields of an alert that are all too long for everybody."""
    text = sign * 3000
    return {
        "summary": text, "environment": text, "alert_type": text, "provider": text, "rule": text,
        "details": text * 20, "last_seen": text, "policy_labels": (text,) * 50,
        "resources": (Resource(text, "OPEN"),) * 600, "alert_id": text,
    }  # fmt: skip
