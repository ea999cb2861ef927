"""Prometheus Alertmanager, API v2 (also Mimir's and others' that speak it): one of its alerts for each of ours.

Sources: https://prometheus.io/docs/alerting/latest/clients/ and https://github.com/prometheus/alertmanager
(api/v2/openapi.yaml; api/v2/api.go: the valid alerts of a batch are stored also where the answer is 400, an empty label
is none; alert/alert.go, before that types/types.go: how an alert is merged with the one before).

What makes two alerts the same is their labels, so what changes stands in annotations. The severity is a label all the
same, because routes and inhibitions go by it: where it changed since we told the receiver, the alert under the old
labels is resolved in the same request.

Prometheus sends an alert again every minute, and without that it resolves after `resolve_timeout` (5 minutes). We send
when Cloud Optix does, which repeats what stands at its syncs, hourly unless configured otherwise; so the alert carries
an end of its own, a day and two hours ahead, every repeat is sent on to push it further (NOTIFY=all), and an alert that
Cloud Optix speaks of no more goes by itself. A resolve ends a few minutes ago: an end that is in the future by
Alertmanager's clock would lose against the one we gave before.

Replicas do not share alerts: each has to be sent all of them. One route is one replica, so that one which is down has
its own retries and holds up no other: write one route file for each.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from pydantic import Field

from gateway.destinations import Context, Destination
from gateway.destinations._http import explained, post_json, unproven
from gateway.destinations._on_call import ClosesEach
from gateway.destinations._report import report
from gateway.destinations._sign_in import BaseUrl, SignIn
from gateway.domain.alert import JSON, Alert
from gateway.domain.digest import EVENT_TYPE as DIGEST
from gateway.domain.message import Answer, HttpAnswer, HttpRequest
from gateway.domain.notify import EVERYTHING
from gateway.domain.optix import console_url
from gateway.domain.outcome import Outcome, OutcomeClass, judge
from gateway.domain.severity import Severity, severity_of
from gateway.domain.text import code_points, cut, is_visible, one_line
from gateway.domain.wording import state, title

_LABEL, _SUMMARY, _DESCRIPTION, _URL = 400, 1000, 20_000, 4000
_RESOLVED_AGO = timedelta(minutes=5)
_TEST_LASTS = timedelta(minutes=5)


class AlertmanagerSettings(ClosesEach, SignIn):
    url: BaseUrl = Field(description="one replica's address, with its path if it has one; a route for each replica")
    alertname: str = Field("CloudOptix", min_length=1, max_length=100, description="the label alertname")
    ends_after_hours: int = Field(
        26, ge=1, le=8784, description="how long an alert stands when Cloud Optix does not repeat it"
    )


def format_message(alert: Alert, context: Context, settings: AlertmanagerSettings) -> HttpRequest:
    said: dict[str, JSON] = {"annotations": _annotations(alert, context)}
    if len(link := console_url(alert)) <= _URL:
        said["generatorURL"] = link
    labels = _labels(alert, context, settings)
    alerts: list[JSON] = [said | {"labels": labels} | _times(alert, context, settings)]
    earlier = _earlier(alert, context)
    if earlier is not alert.severity:
        alerts.append(said | {"labels": labels | {"severity": earlier.value}} | _ended(context))
    return post_json(f"{settings.url}/api/v2/alerts", alerts, settings.credentials(), settings.tls)


def _earlier(alert: Alert, context: Context) -> Severity:
    """The severity that stands in the labels of what the receiver was told last; of a digest it is not known."""
    if not context.before or alert.event_type == DIGEST:
        return alert.severity
    return severity_of(context.change(alert).score_before)


def _times(alert: Alert, context: Context, settings: AlertmanagerSettings) -> dict[str, JSON]:
    if alert.is_closed:
        return _ended(context)
    lasts = _TEST_LASTS if context.test else timedelta(hours=settings.ends_after_hours)
    return {"startsAt": context.sent_at.isoformat(), "endsAt": (context.sent_at + lasts).isoformat()}


def _ended(context: Context) -> dict[str, JSON]:
    ended_at = (context.sent_at - _RESOLVED_AGO).isoformat()
    return {"startsAt": ended_at, "endsAt": ended_at}


def _labels(alert: Alert, context: Context, settings: AlertmanagerSettings) -> dict[str, JSON]:
    """What does not change while the alert stands."""
    named = {
        "alertname": settings.alertname,
        "severity": alert.severity.value,
        "optix_key": alert.key,
        "source": alert.source,
        "environment": alert.environment,
        "provider": alert.provider,
        "type": alert.alert_type,
        "rule": alert.rule,
        "test": "true" if context.test else "",
    }
    lines = {name: one_line(text) for name, text in named.items()}
    return {name: cut(line, _LABEL, code_points) for name, line in lines.items() if is_visible(line)}


def _annotations(alert: Alert, context: Context) -> JSON:
    named = {
        "summary": cut(title(alert, test=context.test), _SUMMARY, code_points),
        "description": report(alert, context, _DESCRIPTION),
        "changed": context.news(alert),
        "resources": state(alert),
        "score": "" if alert.score is None else f"{alert.score:g}",
    }
    return {name: text for name, text in named.items() if text}


def read(answer: Answer, now: datetime) -> Outcome:
    """200 without a word; 400 with a sentence on each label that is wrong."""
    outcome = judge(answer, now)
    if not isinstance(answer, HttpAnswer):
        return outcome
    if outcome.kind is not OutcomeClass.OK:
        return explained(outcome, answer.body.decode("utf-8", "replace").strip())
    if answer.body.lstrip().startswith(b"<"):
        return unproven(outcome, "the answer is a page, not Alertmanager's")
    return outcome


DESTINATION = Destination(
    summary="Prometheus Alertmanager: one of its alerts for each, resolved when it is suppressed; a route per replica",
    settings=AlertmanagerSettings,
    format=format_message,
    read=read,
    backlog="latest",
    notify=EVERYTHING,
    concurrency=8,
    can_shrink=True,
    limits={
        "labels": "400 characters each",
        "description": "20 000 characters; resources fill what the rest leaves, then +N more",
        "replicas": "one for each route, because each must be sent every alert",
    },
    example="""\
# One Alertmanager. Replicas do not share alerts: copy this file for each, am-1.env, am-2.env
DESTINATION=alertmanager
URL=https://alertmanager-0.example.com
USERNAME=optix-gateway
PASSWORD=change-me
MIN_SEVERITY=medium
""",
)
