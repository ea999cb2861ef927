"""Alerts by number, and the digest of some."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from gateway.domain.alert import Alert, Resource
from gateway.domain.digest import Member, digest_of
from gateway.domain.grouping import Grouping, group_key
from gateway.domain.severity import severity_of

NOW = datetime(2026, 5, 4, tzinfo=UTC)
BY_ENVIRONMENT = Grouping(("environment",))
OPEN = (Resource("bucket-1", "OPEN"),)


def alert(number: int, score: float | None = 85, **fields: object) -> Alert:
    ordinary: dict[str, object] = {
        "source": "optix",
        "event_type": "ALERT",
        "environment": "44412345678075",
        "alert_id": f"A-{number}",
        "key": f"optix-{number:032}",
        "severity": severity_of(score),
        "score": score,
        "summary": f"Finding {number}",
        "alert_type": "Policy",
        "provider": "AWS",
        "rule": "AR-251",
        "resources": OPEN,
        "seen_at": NOW + timedelta(minutes=number),
    }
    return Alert(**(ordinary | fields))  # type: ignore[arg-type]  # a test names fields that exist


def digest(alerts: Sequence[Alert], grouping: Grouping = BY_ENVIRONMENT) -> Alert:
    members = [Member(each, f"dlv-{at}") for at, each in enumerate(alerts)]
    return digest_of(members, grouping, group_key(grouping, alerts[0]))
