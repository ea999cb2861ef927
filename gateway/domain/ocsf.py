"""Alerts as findings of the Open Cybersecurity Schema Framework, version 1.5.0.

Compliance Finding: https://schema.ocsf.io/1.5.0/classes/compliance_finding, Detection Finding (of what happens rather
than of how something is set up): https://schema.ocsf.io/1.5.0/classes/detection_finding. Definitions:
https://github.com/ocsf/ocsf-schema (events/findings, objects). Class 2001, Security Finding, is deprecated.
"""

from __future__ import annotations

from datetime import datetime

from gateway.domain.alert import JSON, Alert, Resource
from gateway.domain.change import Change
from gateway.domain.document import change_document
from gateway.domain.finding_kind import FindingKind, finding_kind
from gateway.domain.optix import console_url
from gateway.domain.severity import Severity
from gateway.domain.severity_map import OCSF
from gateway.domain.text import is_visible, one_line, plain
from gateway.domain.wording import details, first_line, summary

VERSION = "1.5.0"
_COMPLIANCE, _DETECTION = 2003, 2004
_CREATE, _UPDATE, _CLOSE = 1, 2, 3
_ACTIVITIES = {_CREATE: "Create", _UPDATE: "Update", _CLOSE: "Close"}
_NEW, _SUPPRESSED = 1, 3
_FAIL, _RULE, _OTHER = 3, 1, 99
_ACCOUNTS: dict[str, tuple[int, str]] = {
    "aws": (10, "AWS Account"),
    "azure": (_OTHER, "Azure Subscription"),
    "gcp": (_OTHER, "GCP Project"),
    "iac": (_OTHER, "Repository"),
}


def finding(
    alert: Alert,
    *,
    delivery_id: str,
    sent_at: datetime,
    change: Change | None = None,
    news: str = "",
    test: bool = False,
) -> dict[str, JSON]:
    """One finding. `metadata.uid` is the delivery's id, `finding_info.uid` the incident's key.

    `time` is when the alert was seen last, or `sent_at` where that is not known. `change`: what the receiver does not
    know yet; None (a digest) reads as a new finding. What OCSF has no field for stands in `unmapped`.
    """
    kind = finding_kind(alert)
    class_uid = _COMPLIANCE if kind is FindingKind.COMPLIANCE else _DETECTION
    activity = _activity(alert, change)
    found: dict[str, JSON] = {
        "activity_id": activity,
        "activity_name": _ACTIVITIES[activity],
        "category_name": "Findings",
        "category_uid": 2,
        "class_name": "Compliance Finding" if class_uid == _COMPLIANCE else "Detection Finding",
        "class_uid": class_uid,
        "type_uid": class_uid * 100 + activity,
        "time": _ms(alert.seen_at or sent_at),
        "severity_id": OCSF[alert.severity],
        "severity": "Unknown" if alert.severity is Severity.UNKNOWN else alert.severity.value.capitalize(),
        "status_id": _SUPPRESSED if alert.is_closed else _NEW,
        "status": "Suppressed" if alert.is_closed else "New",
        "message": first_line(alert, test=test, news=news),
        "metadata": _metadata(alert, delivery_id),
        "finding_info": _finding_info(alert, test=test),
        "cloud": _cloud(alert),
        "resources": [_resource(resource) for resource in alert.resources],
        "unmapped": _unmapped(alert, change, test=test),
    }
    return found | (_compliance(alert) if class_uid == _COMPLIANCE else _risk(alert))


def _activity(alert: Alert, change: Change | None) -> int:
    if alert.is_closed:
        return _CLOSE
    return _CREATE if change is None or change.is_new else _UPDATE


def _metadata(alert: Alert, delivery_id: str) -> JSON:
    found: dict[str, JSON] = {
        "version": VERSION,
        "product": {"name": "Cloud Optix", "vendor_name": "Sophos"},
        "profiles": ["cloud"],
        "uid": delivery_id,
        "correlation_uid": alert.key,
        "log_provider": "optix-gateway",
    }
    return found | _texts(event_code=alert.rule, original_time=alert.last_seen)


def _finding_info(alert: Alert, *, test: bool) -> JSON:
    found: dict[str, JSON] = {
        "uid": alert.key,
        "title": "[TEST] " * test + summary(alert),
        "src_url": console_url(alert),
        "data_sources": ["Sophos Cloud Optix"],
    }
    if alert.seen_at:
        found["last_seen_time"] = _ms(alert.seen_at)
    if said := details(alert):
        found["desc"] = said
    if is_visible(alert.alert_type):
        found["types"] = [one_line(alert.alert_type)]
    if is_visible(alert.rule):
        rule = one_line(alert.rule)
        found["analytic"] = {"uid": rule, "name": rule, "type_id": _RULE, "type": "Rule"}
    return found


def _cloud(alert: Alert) -> JSON:
    type_id, type_name = _ACCOUNTS.get(one_line(alert.provider).casefold(), (_OTHER, "Environment"))
    environment = one_line(alert.environment)
    account: JSON = {"uid": environment, "name": environment, "type_id": type_id, "type": type_name}
    return {"provider": one_line(alert.provider) or "Unknown", "account": account}


def _resource(resource: Resource) -> JSON:
    """`name` is prose that holds an id, so there is no `uid`."""
    name = plain(resource.info).strip()
    data: dict[str, JSON] = {"state": resource.state}
    if resource.details is not None:
        data["details"] = resource.details
    if resource.extra:
        data["extra"] = dict(resource.extra)
    return {"name": name if is_visible(name) else "(unnamed resource)", "data": data}


def _compliance(alert: Alert) -> dict[str, JSON]:
    """A rule that is suppressed is broken all the same."""
    said: dict[str, JSON] = {"standards": list(alert.policy_labels), "status_id": _FAIL, **_texts(control=alert.rule)}
    return {"compliance": said}


def _risk(alert: Alert) -> dict[str, JSON]:
    return {} if alert.score is None else {"risk_score": round(alert.score)}


def _unmapped(alert: Alert, change: Change | None, *, test: bool) -> JSON:
    return {
        "source": alert.source,
        "event_type": alert.event_type,
        "alert_id": alert.alert_id,
        "alert_type": alert.alert_type,
        "score": alert.score,
        "policy_labels": list(alert.policy_labels),
        "open_count": alert.open_count,
        "suppressed_count": alert.suppressed_count,
        "extra": dict(alert.extra),
        "envelope_extra": dict(alert.envelope_extra),
        "change": change_document(change),
        "test": test,
    }


def _texts(**found: str) -> dict[str, JSON]:
    return {name: line for name, text in found.items() if (line := one_line(text))}


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
