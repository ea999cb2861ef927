"""The alert as flat fields, for receivers whose records hold texts and numbers only."""

from __future__ import annotations

from typing import TypeAlias

from gateway.destinations import Context
from gateway.destinations._follow_up import follow_up
from gateway.domain.alert import Alert
from gateway.domain.optix import console_url
from gateway.domain.text import Measure, cut, fit_list
from gateway.domain.wording import details, policies, resource_lines, state

Fields: TypeAlias = dict[str, str | float]


def fields_of(alert: Alert, context: Context, limit: int, measure: Measure) -> Fields:
    """Every text within `limit`; lists are one text with a true count of what was left out. A field without a value is
    not there, and one that is there always has the same type. An address that does not fit whole is left out.
    """
    link = console_url(alert)
    follows = follow_up(alert, context)
    texts = {
        "incident": alert.key,
        "delivery": context.delivery_id,
        "route": context.route,
        "alert_id": alert.alert_id,
        "source": alert.source,
        "severity": alert.severity.value,
        "environment": alert.environment,
        "provider": alert.provider,
        "alert_type": alert.alert_type,
        "rule": alert.rule,
        "state": f"suppressed; {state(alert)}" if alert.is_closed else state(alert),
        "change": follows.reasons,
        "changed": follows.news,
        "policies": policies(alert, limit),
        "details": details(alert),
        "last_seen": alert.seen_at.isoformat() if alert.seen_at else alert.last_seen,
        "console_url": link if measure(link) <= limit else "",
        "test": "true" if context.test else "",
    }
    found: Fields = {name: shown for name, text in texts.items() if (shown := cut(text, limit, measure))}
    found |= {"resource_count": len(alert.resources), "open_count": alert.open_count}
    if alert.score is not None:
        found["score"] = float(alert.score)
    if alert.resources and not context.shrink:
        found["resources"] = fit_list(resource_lines(alert), limit, measure)
    return found
