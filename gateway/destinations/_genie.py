"""The alert API of Opsgenie, which Jira Service Management has taken over: one wording and one reading for both.

Sources: https://docs.opsgenie.com/docs/alert-api and opsgenie-oas.json of https://github.com/opsgenie/opsgenie-python-sdk
(fields; message 130, alias 512, description 15 000, entity 512, source 100, 20 tags of 50, details 8000 in all; 202 and
`requestId`; close by alias), https://docs.opsgenie.com/docs/alerts-and-alert-fields (the same limits; HTML is shown as
such in a message), https://docs.opsgenie.com/docs/api-rate-limiting (429; X-RateLimit-Period-In-Sec is the window that
is full, 60 or 1; the figures depend on the plan),
https://developer.atlassian.com/cloud/jira/service-desk-ops/rest/v1/api-group-integration-events (the same requests
under /jsm/ops/integration, with the key of an API integration). Not verified: that the limits are the same there, and
that `priority` is read there; other clients rely on both.

202 means queued, not stored; what became of it is asked with the request's id, which we keep. A second alert with the
alias of an open one is counted there and keeps the first one's texts: what changed is read in an alert that is new to
the receiver. Characters are counted as Java does, in UTF-16 units.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from pydantic import Field

from gateway.destinations import Context
from gateway.destinations._follow_up import follow_up
from gateway.destinations._http import Token, explained, json_object, post_json, seconds_of, text_of, unproven
from gateway.destinations._on_call import ClosesEach
from gateway.destinations._report import Manner, report
from gateway.destinations._sign_in import BaseUrl
from gateway.domain.alert import JSON, Alert
from gateway.domain.markup import fit, unlinked
from gateway.domain.message import Answer, HttpAnswer, HttpRequest
from gateway.domain.optix import console_url
from gateway.domain.outcome import Outcome, OutcomeClass, judge
from gateway.domain.policy import Pace
from gateway.domain.severity import Severity
from gateway.domain.severity_map import level
from gateway.domain.text import cut, is_visible, one_line
from gateway.domain.wording import facts, title

_MESSAGE, _DESCRIPTION, _ENTITY, _NOTE, _URL = 130, 14_500, 512, 1000, 2000
_TAGS, _TAG, _DETAIL = 20, 50, 400
_UNTAGGED = Manner(unlinked, "")
_SOURCE = "Sophos Cloud Optix"
_ACCEPTED = 202
_WINDOW_S = 60.0
_PRIORITIES = {
    Severity.CRITICAL: "P1",
    Severity.HIGH: "P2",
    Severity.MEDIUM: "P3",
    Severity.LOW: "P4",
    Severity.UNKNOWN: "P3",
}
PACE = Pace(per_s=2, burst=10)
CONCURRENCY = 4
LIMITS = {
    "message": "130 characters",
    "description": "14 500 characters; resources fill what the rest leaves, then +N more",
    "tags": "20 of 50 characters",
}


class GenieSettings(ClosesEach):
    url: BaseUrl = Field(description="the service's address, up to /v2")
    api_key: Token = Field(description="the key of an API integration")


def format_message(alert: Alert, context: Context, settings: GenieSettings) -> HttpRequest:
    headers = (("Authorization", f"GenieKey {settings.api_key.get_secret_value()}"),)
    alerts = f"{settings.url}/v2/alerts"
    if alert.is_closed:
        return post_json(f"{alerts}/{alert.key}/close?identifierType=alias", _closing(alert, context), headers)
    return post_json(alerts, _opening(alert, context), headers)


def _closing(alert: Alert, context: Context) -> dict[str, JSON]:
    said = (title(alert, test=context.test), context.news(alert))
    return {"source": _SOURCE, "note": fit("; ".join(filter(None, said)), _NOTE, unlinked)}


def _opening(alert: Alert, context: Context) -> dict[str, JSON]:
    opening: dict[str, JSON] = {
        "message": fit(title(alert, test=context.test), _MESSAGE, unlinked),
        "alias": alert.key,
        "description": _description(alert, context),
        "priority": level(alert, _PRIORITIES),
        "source": _SOURCE,
        "tags": _tags(alert),
        "details": {label: cut(value, _DETAIL) for label, value in (*follow_up(alert, context).facts, *facts(alert))},
    }
    if is_visible(entity := one_line(alert.environment)):
        opening["entity"] = cut(entity, _ENTITY)
    return opening


def _description(alert: Alert, context: Context) -> str:
    link = console_url(alert)
    if len(link) > _URL:
        return report(alert, context, _DESCRIPTION, manner=_UNTAGGED)
    before = f"{link}\n\n"
    return before + report(alert, context, _DESCRIPTION - len(before), manner=_UNTAGGED)


def _tags(alert: Alert) -> JSON:
    """Commas part tags where people type them."""
    said = (alert.provider, alert.alert_type, alert.rule, *alert.policy_labels)
    lines = (one_line(text.replace(",", " ")) for text in said)
    return list[JSON](dict.fromkeys(cut(line, _TAG) for line in lines if is_visible(line)))[:_TAGS]


def read(answer: Answer, now: datetime) -> Outcome:
    outcome = judge(answer, now)
    if not isinstance(answer, HttpAnswer):
        return outcome
    said = json_object(answer)
    if outcome.kind is OutcomeClass.OK:
        if answer.status != _ACCEPTED:
            return unproven(outcome, "alerts are accepted with 202")
        return replace(outcome, reason=f"{outcome.reason}: queued", reference=text_of(said.get("requestId")))
    if outcome.kind is OutcomeClass.RATE_LIMITED and outcome.hint_s is None:
        window_s = seconds_of(answer.headers.get("x-ratelimit-period-in-sec"))
        outcome = replace(outcome, hint_s=_WINDOW_S if window_s is None else window_s)
    errors = said.get("errors")
    return explained(outcome, said.get("message"), *(list(errors.values())[:3] if isinstance(errors, dict) else ()))
