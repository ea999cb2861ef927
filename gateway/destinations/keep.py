"""Keep: an alert fires and resolves one there, by its generic event.

Source: https://github.com/keephq/keep (keep/api/routes/alerts.py: POST /alerts/event with `fingerprint`, always 202
with the name of a task, 201 in older versions; keep/api/models/alert.py: the fields, severities critical, high,
warning, info and low, what is not one of them becomes info without a word; `url` is at most 65 536 characters, as
https://docs.keephq.dev/api-ref/alerts/get-alert says, a fingerprint 255). What Keep makes of an event is not known when
it answers. A rate limit is not documented.

The interface renders Markdown in descriptions, so signs of it are escaped.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from pydantic import Field

from gateway.destinations import Context, Destination
from gateway.destinations._http import Token, explained, json_object, post_json, text_of, unproven
from gateway.destinations._on_call import ClosesEach
from gateway.destinations._report import MARKDOWN, report
from gateway.destinations._sign_in import BaseUrl, Server
from gateway.domain.alert import JSON, Alert
from gateway.domain.markup import fit, unlinked
from gateway.domain.message import Answer, HttpAnswer, HttpRequest
from gateway.domain.optix import console_url
from gateway.domain.outcome import Outcome, OutcomeClass, judge
from gateway.domain.severity import Severity
from gateway.domain.severity_map import level
from gateway.domain.text import cut, is_visible, one_line
from gateway.domain.wording import title

_NAME, _FIELD, _DESCRIPTION, _URL = 300, 400, 20_000, 2000
_TAKEN = (201, 202)
_SEVERITIES = {
    Severity.CRITICAL: "critical",
    Severity.HIGH: "high",
    Severity.MEDIUM: "warning",
    Severity.LOW: "low",
    Severity.UNKNOWN: "warning",
}


class KeepSettings(ClosesEach, Server):
    url: BaseUrl = Field("https://api.keephq.dev", description="the API's address; /alerts/event is added")
    api_key: Token = Field(description="an API key that may write alerts")
    environment: str = Field("production", min_length=1, max_length=100, description="the environment shown in Keep")


def format_message(alert: Alert, context: Context, settings: KeepSettings) -> HttpRequest:
    payload: dict[str, JSON] = {
        "id": context.delivery_id,
        "name": fit(title(alert, test=context.test), _NAME, unlinked),
        "status": "resolved" if alert.is_closed else "firing",
        "severity": level(alert, _SEVERITIES),
        "lastReceived": context.sent_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "environment": settings.environment,
        "service": _field(alert.environment) or "Sophos Cloud Optix",
        "source": ["sophos-cloud-optix"],
        "message": context.news(alert) or fit(title(alert, test=context.test), _NAME, unlinked),
        "description": report(alert, context, _DESCRIPTION, manner=MARKDOWN),
        "labels": _labels(alert, context),
        "fingerprint": alert.key,
    }
    if len(link := console_url(alert)) <= _URL:
        payload["url"] = link
    url = f"{settings.url}/alerts/event?fingerprint={alert.key}"
    headers = (("X-API-KEY", settings.api_key.get_secret_value()),)
    return post_json(url, payload, headers, settings.tls)


def _field(text: str) -> str:
    line = one_line(text)
    return cut(line, _FIELD) if is_visible(line) else ""


def _labels(alert: Alert, context: Context) -> JSON:
    named = {
        "provider": alert.provider,
        "type": alert.alert_type,
        "rule": alert.rule,
        "alert_id": alert.alert_id,
        "gateway_source": alert.source,
        "score": "" if alert.score is None else f"{alert.score:g}",
        "test": "true" if context.test else "",
    }
    return {name: field for name, text in named.items() if (field := _field(text))}


def read(answer: Answer, now: datetime) -> Outcome:
    """Taken, not yet worked on: the task's name is what Keep has of it by then."""
    outcome = judge(answer, now)
    if not isinstance(answer, HttpAnswer):
        return outcome
    said = json_object(answer)
    if outcome.kind is OutcomeClass.OK:
        if answer.status not in _TAKEN:
            return unproven(outcome, "Keep takes an event with 202")
        return replace(outcome, reference=text_of(said.get("task_name")))
    return explained(outcome, said.get("message"), said.get("detail"))


DESTINATION = Destination(
    summary="Keep: one of its alerts for each, resolved when it is suppressed",
    settings=KeepSettings,
    format=format_message,
    read=read,
    backlog="latest",
    concurrency=4,
    can_shrink=True,
    limits={
        "name": "300 characters",
        "description": "20 000 characters; resources fill what the rest leaves, then +N more",
    },
    example="""\
# Keep: Settings > API Keys
DESTINATION=keep
URL=https://api.keephq.dev
API_KEY=00000000-example-0000-key0-notreal00000
MIN_SEVERITY=medium
""",
)
