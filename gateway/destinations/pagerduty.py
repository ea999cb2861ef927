"""PagerDuty, Events API v2: an alert opens, updates and resolves one PagerDuty alert.

Sources: https://developer.pagerduty.com/docs/events-api-v2-overview (202, 400, 429, 5xx; 512 KB; PD-CEF),
https://developer.pagerduty.com/docs/send-alert-event (fields, limits, what `dedup_key` and `routing_key` do),
https://developer.pagerduty.com/docs/events-api-v2-rate-limits (about 120 calls a minute and key over the last 60 s;
"retry with a backoff of a few minutes", elsewhere "30 seconds apart"). Third parties also write 480 a minute: the
vendor's own page counts. That a service in the EU is reached at events.eu.pagerduty.com is not on those pages.

A resolve is dropped unless it carries the `routing_key` of the trigger. A trigger after it opens a new alert.
Texts are shown as plain text, so nothing needs to be escaped. Limits are in characters; we count UTF-16 units, which
are never fewer.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field

from gateway.destinations import Context, Destination, SecretAddress
from gateway.destinations._follow_up import follow_up
from gateway.destinations._http import explained, json_object, post_json, text_of, unproven
from gateway.destinations._on_call import ClosesEach
from gateway.destinations._sign_in import BaseUrl
from gateway.domain.alert import JSON, Alert
from gateway.domain.message import Answer, HttpAnswer, HttpRequest
from gateway.domain.optix import console_url, link_label
from gateway.domain.outcome import Outcome, OutcomeClass, judge
from gateway.domain.policy import Pace
from gateway.domain.severity import Severity
from gateway.domain.severity_map import level
from gateway.domain.text import cut, fit_lines, is_visible, one_line, utf8_bytes
from gateway.domain.wording import details, facts, resource_lines, title

_SUMMARY, _FIELD, _DETAILS, _URL = 1024, 255, 10_000, 2000
_LINE, _LINES, _LINES_BYTES = 300, 500, 150_000
_WINDOW_S = 60.0
_SHRUNK = "left out: PagerDuty refused the whole message as too large"
_ACCEPTED = 202
_SEVERITIES = {
    Severity.CRITICAL: "critical",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "info",
    Severity.UNKNOWN: "warning",
}


def _checked_key(key: SecretAddress) -> SecretAddress:
    text = key.get_secret_value()
    if not (text.isascii() and text.isalnum() and len(text) <= _FIELD):
        raise ValueError("must be the integration key: 32 letters and figures")
    return key


class PagerDutySettings(ClosesEach):
    url: BaseUrl = Field(
        "https://events.pagerduty.com",
        description="the service; https://events.eu.pagerduty.com for an account in the EU",
    )
    routing_key: Annotated[SecretAddress, AfterValidator(_checked_key)] = Field(
        description="the integration key of an Events API v2 integration"
    )


def format_message(alert: Alert, context: Context, settings: PagerDutySettings) -> HttpRequest:
    event: dict[str, JSON] = {
        "routing_key": settings.routing_key.get_secret_value(),
        "event_action": "resolve" if alert.is_closed else "trigger",
        "dedup_key": alert.key,
        "payload": _payload(alert, context),
        "client": "Sophos Cloud Optix",
    }
    if len(link := console_url(alert)) <= _URL:
        event["client_url"] = link
        event["links"] = [{"href": link, "text": link_label(alert)}]
    return post_json(f"{settings.url}/v2/enqueue", event)


def _payload(alert: Alert, context: Context) -> JSON:
    """Of PD-CEF's fields those that the alert has; three are required, and one of those we may have to make up."""
    resource = alert.resources[0].info if len(alert.resources) == 1 else ""
    optional = (("component", resource), ("group", alert.provider), ("class", alert.alert_type))
    payload: dict[str, JSON] = {
        "summary": cut(title(alert, test=context.test), _SUMMARY),
        "source": _field(alert.environment) or "Sophos Cloud Optix",
        "severity": level(alert, _SEVERITIES),
    }
    payload |= {name: field for name, text in optional if (field := _field(text))}
    if alert.seen_at:
        payload["timestamp"] = alert.seen_at.isoformat()
    return payload | {"custom_details": _custom_details(alert, context)}


def _field(text: str) -> str:
    line = one_line(text)
    return cut(line, _FIELD) if is_visible(line) else ""


def _custom_details(alert: Alert, context: Context) -> JSON:
    follows = follow_up(alert, context)
    found: dict[str, JSON] = {label: cut(value, _FIELD) for label, value in (*follows.facts, *facts(alert))}
    if context.shrink:
        return found | {"Details and resources": _SHRUNK}
    lists = (("Changes", follows.lines), (f"Affected resources ({len(alert.resources)})", resource_lines(alert)))
    if said := cut(details(alert), _DETAILS):
        found["Details"] = said
    return found | {label: _list(lines) for label, lines in lists if lines}


def _list(lines: tuple[str, ...]) -> JSON:
    shown = [cut(line, _LINE) for line in lines[:_LINES]]
    return list(fit_lines([*shown, *lines[_LINES:]], _LINES_BYTES, utf8_bytes, most=_LINES).split("\n"))


def read(answer: Answer, now: datetime) -> Outcome:
    """202 with the key, and nothing else, is success. A 429 names no wait: the window is the last minute."""
    outcome = judge(answer, now)
    if not isinstance(answer, HttpAnswer):
        return outcome
    said = json_object(answer)
    if outcome.kind is OutcomeClass.OK:
        if answer.status != _ACCEPTED:
            return unproven(outcome, "PagerDuty accepts with 202")
        return replace(outcome, reference=text_of(said.get("dedup_key")))
    if outcome.kind is OutcomeClass.RATE_LIMITED and outcome.hint_s is None:
        outcome = replace(outcome, hint_s=_WINDOW_S)
    errors = said.get("errors")
    return explained(outcome, said.get("message"), *(errors[:3] if isinstance(errors, list) else ()))


DESTINATION = Destination(
    summary="PagerDuty service, through Events API v2: one PagerDuty alert for each, resolved when it is suppressed",
    settings=PagerDutySettings,
    format=format_message,
    read=read,
    backlog="latest",
    # 15 at once and 1.7 a second are 117 in any minute.
    pace=Pace(per_s=1.7, burst=15),
    concurrency=4,
    can_shrink=True,
    limits={
        "summary": "1024 characters",
        "details": "10 000 characters",
        "resources": "500 lines or 150 000 bytes, then +N more; the same for changes",
        "whole message": "512 KB (PagerDuty's own limit)",
    },
    example="""\
# A PagerDuty service: Integrations > Add an integration > Events API v2 > Integration Key
DESTINATION=pagerduty
URL=https://events.pagerduty.com
ROUTING_KEY=exampleintegrationkeynotareal001
MIN_SEVERITY=high
""",
)
