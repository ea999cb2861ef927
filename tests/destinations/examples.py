"""What each kind sends by the settings of its own example, for each sample and as a follow-up."""

from __future__ import annotations

from datetime import UTC, datetime
from io import StringIO
from typing import Any

from dotenv import dotenv_values
from hypothesis import HealthCheck, settings

from gateway import samples
from gateway.destinations import Context, Destination, DestinationSettings, load
from gateway.domain import optix
from gateway.domain.alert import Alert
from gateway.domain.message import Message
from gateway.domain.snapshot import OPEN, Snapshot, encode
from gateway.settings.guards import GUARD_KEYS
from gateway.settings.telling import TELLING_KEYS

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
FILTER_KEYS = frozenset(
    {"SOURCES", "ENVIRONMENTS", "ALERT_TYPES", "SEVERITIES", "MIN_SEVERITY", "PROVIDERS", "RULES", "POLICY_LABELS"}
    | {"STATES", "RESOURCES", "EVENT_TYPES"}
)
POLICY_KEYS = frozenset({"ENABLED", "RETRY_SCHEDULE", "RETRY_FOR", "TIMEOUT", "CONCURRENCY", "RATE_LIMIT"})
ROUTE_KEYS = (
    FILTER_KEYS | {f"NOT_{key}" for key in FILTER_KEYS} | POLICY_KEYS | {*TELLING_KEYS, *GUARD_KEYS, "DESTINATION"}
)
few_examples = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def example_values(kind: str) -> dict[str, str | None]:
    return dict(dotenv_values(stream=StringIO(load(kind).example), interpolate=False))


def example_settings(kind: str) -> DestinationSettings:
    own = {key.lower(): value for key, value in example_values(kind).items() if key not in ROUTE_KEYS}
    model: type[DestinationSettings] = load(kind).settings
    return model.model_validate(own)


def context(
    body: bytes = b"{}", *, test: bool = False, shrink: bool = False, before: bytes | None = None, reference: str = ""
) -> Context:
    return Context(
        "dlv-0123456789abcdef", "soc", body, NOW, shrink=shrink, test=test, before=before, reference=reference
    )


def read_sample(name: str) -> Alert:
    alert = optix.parse("optix", samples.load(name))
    assert isinstance(alert, Alert)
    return alert


def formatted(kind: str, name: str, *, test: bool = False, shrink: bool = False) -> Message:
    destination: Destination[Any] = load(kind)
    said = context(samples.load(name), test=test, shrink=shrink)
    message: Message = destination.format(read_sample(name), said, example_settings(kind))
    return message


def known(score: int, *names: str) -> bytes:
    """A state that the receiver was told before."""
    return encode(Snapshot(score, tuple((name, OPEN) for name in names)))


FOLLOW_UPS = {
    f"{samples.DOCUMENTED}, told before": (samples.DOCUMENTED, known(70, "demo-bucket-0", "demo-bucket-1")),
    f"{samples.DOCUMENTED}, told before, nothing changed": (samples.DOCUMENTED, b""),
    "suppressed, told before": ("suppressed", known(80, "demo-bucket-1", "demo-bucket-2")),
}
"""Name in the golden file -> the sample, and what the receiver was told of it before."""
BEFORE = "<dlv-first@example.com>"


def followed_up(kind: str, name: str, before: bytes) -> Message:
    destination: Destination[Any] = load(kind)
    said = context(samples.load(name), before=before, reference=BEFORE)
    message: Message = destination.format(read_sample(name), said, example_settings(kind))
    return message
