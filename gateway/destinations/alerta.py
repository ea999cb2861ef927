"""Alerta: an alert opens and clears one there.

Sources: https://docs.alerta.io/api/reference.html#create-an-alert and https://github.com/alerta/alerta
(alerta/views/alerts.py: 201; 202 for what a blackout or a heartbeat kept from being stored; 403 where a policy rejects,
429 where a plugin limits; alerta/models/alert.py: `resource` and `event` are required, attributes' names have no dot
and no dollar sign; alerta/plugins/reject.py: the environment must be one of ALLOWED_ENVIRONMENTS, a service is
required; alerta/auth/decorators.py: 401 and 403 where it is the key's fault, `Authorization: Key …`).
Behind its web interface Alerta is mostly at /api.

What makes two alerts the same is environment, resource and event: the event is our key, so that nothing else can make
one of two. Another severity updates the same one. Alerta lets an alert expire after `timeout`, by default a day, so
repeats are sent on (NOTIFY=all), where they count as duplicates and start the time anew.

The web interface shows some texts as HTML, so `<` is broken. No limits of fields are documented; ours are for reading.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from pydantic import Field

from gateway.destinations import Context, Destination
from gateway.destinations._http import Token, explained, json_object, post_json, text_of, unproven
from gateway.destinations._on_call import ClosesEach
from gateway.destinations._report import Manner, report
from gateway.destinations._sign_in import BaseUrl, Server
from gateway.domain.alert import JSON, Alert
from gateway.domain.markup import fit, unlinked
from gateway.domain.message import Answer, HttpAnswer, HttpRequest
from gateway.domain.notify import EVERYTHING
from gateway.domain.optix import console_url
from gateway.domain.outcome import Outcome, OutcomeClass, judge
from gateway.domain.severity import Severity
from gateway.domain.severity_map import level
from gateway.domain.text import is_visible, one_line
from gateway.domain.wording import first_line

_FIELD, _TAG, _TAGS, _TEXT, _REPORT, _URL = 255, 100, 50, 1000, 20_000, 2000
_UNTAGGED = Manner(unlinked, "")
_CREATED, _NOT_STORED = 201, 202
_SEVERITIES = {
    Severity.CRITICAL: "critical",
    Severity.HIGH: "major",
    Severity.MEDIUM: "minor",
    Severity.LOW: "warning",
    Severity.UNKNOWN: "minor",
}


class AlertaSettings(ClosesEach, Server):
    url: BaseUrl = Field(description="the API's address, mostly with /api at its end; /alert is added")
    api_key: Token | None = Field(None, description="a key with the scope write:alerts; none where Alerta needs none")
    environment: str = Field(
        "Production", min_length=1, max_length=100, description="one of Alerta's ALLOWED_ENVIRONMENTS"
    )
    service: str = Field("Cloud Optix", min_length=1, max_length=100, description="the service that alerts belong to")
    timeout_hours: int = Field(
        26, ge=0, le=8784, description="when Alerta lets it expire without a repeat; 0 for never"
    )


def format_message(alert: Alert, context: Context, settings: AlertaSettings) -> HttpRequest:
    payload: dict[str, JSON] = {
        "resource": _field(alert.environment) or "Sophos Cloud Optix",
        "event": alert.key,
        "environment": settings.environment,
        "service": [settings.service],
        "severity": level(alert, _SEVERITIES, closed="cleared"),
        "group": "Cloud",
        "value": "n/a" if alert.score is None else f"{alert.score:g}",
        "text": fit(first_line(alert, test=context.test, news=context.news(alert)), _TEXT, unlinked),
        "tags": _tags(alert, context),
        "attributes": _attributes(alert, context),
        "origin": "optix-gateway",
        "type": "cloudOptixAlert",
        "timeout": settings.timeout_hours * 3600,
    }
    key = settings.api_key.get_secret_value() if settings.api_key else ""
    headers = (("Authorization", f"Key {key}"),) if key else ()
    return post_json(f"{settings.url}/alert", payload, headers, settings.tls)


def _field(text: str, limit: int = _FIELD) -> str:
    line = one_line(text)
    return fit(line, limit, unlinked) if is_visible(line) else ""


def _tags(alert: Alert, context: Context) -> JSON:
    said = ("test" if context.test else "", *alert.policy_labels)
    return list[JSON](dict.fromkeys(tag for text in said if (tag := _field(text, _TAG))))[:_TAGS]


def _attributes(alert: Alert, context: Context) -> JSON:
    named = {
        "provider": alert.provider,
        "alertType": alert.alert_type,
        "rule": alert.rule,
        "alertId": alert.alert_id,
        "source": alert.source,
    }
    attributes: dict[str, JSON] = {name: field for name, text in named.items() if (field := _field(text))}
    if len(link := console_url(alert)) <= _URL:
        attributes["consoleUrl"] = link
    return attributes | {"report": report(alert, context, _REPORT, manner=_UNTAGGED)}


def read(answer: Answer, now: datetime) -> Outcome:
    """A 403 by a policy is about this alert, any other about our key."""
    outcome = judge(answer, now)
    if not isinstance(answer, HttpAnswer):
        return outcome
    said = json_object(answer)
    message = text_of(said.get("message"))
    if outcome.kind is OutcomeClass.OK:
        if answer.status not in (_CREATED, _NOT_STORED):
            return unproven(outcome, "Alerta takes an alert with 201 or 202")
        return replace(explained(outcome, message), reference=text_of(said.get("id")))
    if outcome.kind is OutcomeClass.AUTH and message.startswith("[POLICY]"):
        outcome = replace(outcome, kind=OutcomeClass.REJECTED)
    return explained(outcome, message)


DESTINATION = Destination(
    summary="Alerta: one of its alerts for each, cleared when it is suppressed",
    settings=AlertaSettings,
    format=format_message,
    read=read,
    backlog="latest",
    notify=EVERYTHING,
    concurrency=4,
    can_shrink=True,
    limits={
        "text": "1000 characters",
        "report": "20 000 characters; resources fill what the rest leaves, then +N more",
        "tags": "50 of 100 characters",
    },
    example="""\
# Alerta: Configuration > API Keys, with the scope write:alerts
DESTINATION=alerta
URL=https://alerta.example.com/api
API_KEY=example-key-not-real
ENVIRONMENT=Production
MIN_SEVERITY=medium
""",
)
