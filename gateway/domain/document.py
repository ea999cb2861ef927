"""The alert as others read it: webhook bodies, template variables and the API all say the same words."""

from __future__ import annotations

from datetime import UTC

from gateway.domain.alert import JSON, Alert, Resource
from gateway.domain.change import Change
from gateway.domain.change_wording import words
from gateway.domain.optix import console_url

MOST_CHANGED = 500
"""Entries in each list of a change; `counts` has their true numbers, and the alert itself lists all its resources."""


def document(alert: Alert) -> dict[str, JSON]:
    """Every attribute of the alert under its own name, as JSON values, and what follows from them: `type` (the same as
    `alert_type`), `console_url`, `open_count`, `suppressed_count`, `closed`. `seen_at` is ISO 8601 in UTC or None.
    Every key is always there, so that a template may ask for it.
    """
    return {
        "source": alert.source,
        "event_type": alert.event_type,
        "environment": alert.environment,
        "alert_id": alert.alert_id,
        "key": alert.key,
        "severity": alert.severity.value,
        "score": alert.score,
        "summary": alert.summary,
        "type": alert.alert_type,
        "alert_type": alert.alert_type,
        "provider": alert.provider,
        "rule": alert.rule,
        "details": alert.details,
        "last_seen": alert.last_seen,
        "seen_at": _seen_at(alert),
        "console_url": console_url(alert),
        "policy_labels": list(alert.policy_labels),
        "open_count": alert.open_count,
        "suppressed_count": alert.suppressed_count,
        "closed": alert.is_closed,
        "resources": [_resource(resource) for resource in alert.resources],
        "extra": dict(alert.extra),
        "envelope_extra": dict(alert.envelope_extra),
    }


def change_document(change: Change | None) -> dict[str, JSON]:
    """What the receiver does not know yet. None (a digest: its members say it) has no reasons and changes nothing.

    `words` is the change in one line. `came` are {info, state} and `restated` {info, before, state}; the other lists
    hold infos. States are in lower case: `open`, `suppressed` or the sender's word. When `new`, everything came. Every
    key is always there.
    """
    if change is None:
        change = Change((), (), (), (), (), (), None, None, 0, 0, 0, 0)
    came: list[JSON] = [{"info": info, "state": state} for info, state in change.came[:MOST_CHANGED]]
    restated: list[JSON] = [
        {"info": info, "before": before, "state": state} for info, before, state in change.restated[:MOST_CHANGED]
    ]
    return {
        "reasons": [reason.value for reason in change.reasons],
        "words": words(change) if change.reasons else "",
        "came": came,
        "went": list(change.went[:MOST_CHANGED]),
        "suppressed": list(change.suppressed[:MOST_CHANGED]),
        "reopened": list(change.reopened[:MOST_CHANGED]),
        "restated": restated,
        "counts": {name: len(getattr(change, name)) for name in _LISTS},
        "score_before": change.score_before,
        "score_after": change.score_after,
        "open_before": change.open_before,
        "open_now": change.open_now,
    }


_LISTS = ("came", "went", "suppressed", "reopened", "restated")


def _seen_at(alert: Alert) -> str | None:
    if alert.seen_at is None:
        return None
    return alert.seen_at.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"


def _resource(resource: Resource) -> JSON:
    return {
        "info": resource.info,
        "state": resource.state,
        "details": resource.details,
        "extra": dict(resource.extra),
    }
