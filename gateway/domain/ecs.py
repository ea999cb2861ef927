"""Alerts in the Elastic Common Schema, version 8.17.

Fields and their allowed values: https://www.elastic.co/docs/reference/ecs/ecs-field-reference, of which `event.kind`,
`event.category` and `event.type` in https://www.elastic.co/docs/reference/ecs/ecs-category-field-values-reference.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime

from gateway.domain.alert import JSON, Alert
from gateway.domain.change import Change
from gateway.domain.document import change_document, document
from gateway.domain.finding_kind import FindingKind, finding_kind
from gateway.domain.optix import console_url
from gateway.domain.text import one_line, plain
from gateway.domain.wording import details, first_line

VERSION = "8.17.0"

_CATEGORIES: dict[FindingKind, list[JSON]] = {
    FindingKind.COMPLIANCE: ["configuration"],
    FindingKind.DETECTION: ["intrusion_detection"],
    FindingKind.MALWARE: ["malware"],
}


def event(
    alert: Alert,
    *,
    delivery_id: str,
    sent_at: datetime,
    change: Change | None = None,
    news: str = "",
    test: bool = False,
) -> dict[str, JSON]:
    """The alert with everything that ECS has no field for under `sophos.optix`, where each key always has the same
    type: what the sender may shape as it likes is JSON in a text there, so that an index keeps a fixed mapping.
    `@timestamp` is when the alert was seen last, or `sent_at` where that is not known.
    """
    found: dict[str, JSON] = {
        "@timestamp": _iso(alert.seen_at or sent_at),
        "ecs": {"version": VERSION},
        "message": first_line(alert, test=test, news=news),
        "event": _event(alert, delivery_id, change, news),
        "rule": _texts(id=alert.rule, name=alert.summary, category=alert.alert_type),
        "cloud": {"provider": one_line(alert.provider).lower(), "account": {"id": one_line(alert.environment)}},
        "observer": {"vendor": "Sophos", "product": "Cloud Optix"},
        "log": {"level": alert.severity.value},
        "tags": [alert.severity.value, *(["test"] if test else [])],
        "sophos": {"optix": _optix(alert, change)},
    }
    return found


def _event(alert: Alert, delivery_id: str, change: Change | None, news: str) -> JSON:
    return {
        "kind": "alert",
        "category": _CATEGORIES[finding_kind(alert)],
        "type": ["info"],
        "module": "sophos",
        "dataset": "sophos.optix",
        "id": delivery_id,
        "action": ",".join(change.reasons) if change else "digest",
        "severity": None if alert.score is None else round(alert.score),
        "risk_score": alert.score,
        "url": console_url(alert),
        **_texts(reason=news),
    }


def _texts(**found: str) -> dict[str, JSON]:
    return {name: line for name, text in found.items() if (line := one_line(text))}


def _optix(alert: Alert, change: Change | None) -> dict[str, JSON]:
    told = document(alert)
    resources: list[JSON] = [
        {
            "info": plain(found.info),
            "state": found.state,
            "details": _as_text(found.details),
            "extra": _as_text(dict(found.extra)),
        }
        for found in alert.resources
    ]
    return {
        **told,
        "details": details(alert),
        # A text that reads as a date would make its field one, and then every other text is refused.
        "last_seen": None if alert.seen_at else one_line(alert.last_seen),
        "score": None if alert.score is None else float(alert.score),
        "resources": resources,
        "extra": _as_text(dict(alert.extra)),
        "envelope_extra": _as_text(dict(alert.envelope_extra)),
        "change": change_document(change),
    }


def _as_text(value: JSON) -> JSON:
    """None for nothing, a text as it is, anything else as JSON."""
    if value is None or value == {}:
        return None
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
