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

Replicas do not share alerts: each has to be sent all of them. A route may name several; each attempt asks those that do
not have the alert yet, all at the same time. While one is down its alerts are tried again for it alone, and the others
get theirs at once. One that hangs until the time-out keeps the places of CONCURRENCY taken; a route of its own avoids
that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from gateway.destinations import Context, Destination
from gateway.destinations._http import explained, post_json, unproven
from gateway.destinations._on_call import ClosesEach
from gateway.destinations._report import report
from gateway.destinations._sign_in import BaseUrl, SignIn
from gateway.domain.alert import JSON, Alert
from gateway.domain.digest import EVENT_TYPE as DIGEST
from gateway.domain.message import Answer, HttpAnswer, HttpAnswers, HttpRequest, HttpRequests
from gateway.domain.notify import EVERYTHING
from gateway.domain.optix import console_url
from gateway.domain.outcome import Outcome, OutcomeClass, judge
from gateway.domain.severity import Severity, severity_of
from gateway.domain.text import code_points, cut, fit_list, is_visible, one_line
from gateway.domain.wording import state, title

_LABEL, _SUMMARY, _DESCRIPTION, _URL = 400, 1000, 20_000, 4000
_RESOLVED_AGO = timedelta(minutes=5)
_TEST_LASTS = timedelta(minutes=5)
_REPLICAS = 8
_REASON_LENGTH = 600
_HOPEFUL = (
    OutcomeClass.RETRY,
    OutcomeClass.RATE_LIMITED,
    OutcomeClass.TOO_LARGE,
    OutcomeClass.AUTH,
    OutcomeClass.GONE,
    OutcomeClass.REJECTED,
)
_STOPS_ALL = frozenset({OutcomeClass.RATE_LIMITED, OutcomeClass.AUTH, OutcomeClass.GONE})
"""What stops a whole route, and so must not be said of one replica while another takes alerts."""


def _split(given: object) -> object:
    return tuple(url.strip() for url in re.split(r"[,\n]", given) if url.strip()) if isinstance(given, str) else given


class AlertmanagerSettings(ClosesEach, SignIn):
    url: Annotated[tuple[BaseUrl, ...], BeforeValidator(_split), Field(min_length=1, max_length=_REPLICAS)] = Field(
        description="its address, with its path if it has one; of replicas all, as they do not share alerts"
    )
    alertname: str = Field("CloudOptix", min_length=1, max_length=100, description="the label alertname")
    ends_after_hours: int = Field(
        26, ge=1, le=8784, description="how long an alert stands when Cloud Optix does not repeat it"
    )

    @model_validator(mode="after")
    def _names_none_twice(self) -> Self:
        if len(set(self.url)) < len(self.url):
            raise ValueError("URL names a replica twice")
        return self


def format_message(alert: Alert, context: Context, settings: AlertmanagerSettings) -> HttpRequest | HttpRequests:
    """One request where there is one replica."""
    alerts = _alerts(alert, context, settings)
    requests = tuple(
        post_json(f"{url}/api/v2/alerts", alerts, settings.credentials(), settings.tls)
        for url in _waiting(settings, context)
    )
    return requests[0] if len(settings.url) == 1 else HttpRequests(requests)


def _waiting(settings: AlertmanagerSettings, context: Context) -> tuple[str, ...]:
    """The replicas that do not have it yet; all of them when none is left (a replay)."""
    has_it = context.progress.split()
    return tuple(url for url in settings.url if url not in has_it) or settings.url


def _alerts(alert: Alert, context: Context, settings: AlertmanagerSettings) -> list[JSON]:
    said: dict[str, JSON] = {"annotations": _annotations(alert, context)}
    if len(link := console_url(alert)) <= _URL:
        said["generatorURL"] = link
    labels = _labels(alert, context, settings)
    alerts: list[JSON] = [said | {"labels": labels} | _times(alert, context, settings)]
    earlier = _earlier(alert, context)
    if earlier is not alert.severity:
        alerts.append(said | {"labels": labels | {"severity": earlier.value}} | _ended(context))
    return alerts


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


def read(answer: Answer, now: datetime, context: Context, settings: AlertmanagerSettings) -> Outcome:
    """Of replicas: success when all have it. One that may take it later decides before one that never will."""
    if not isinstance(answer, HttpAnswers):
        return _read_one(answer, now)
    asked = _waiting(settings, context)
    found = {url: _read_one(one, now) for url, one in zip(asked, answer.answers, strict=True)}
    failed = {url: outcome for url, outcome in found.items() if outcome.kind is not OutcomeClass.OK}
    served = [url for url in settings.url if url not in failed]
    if not failed:
        return Outcome(OutcomeClass.OK, f"all {len(served)} replicas have it", found[asked[0]].status)
    if not served:
        return _in_vain(failed)
    decisive = _decisive(failed)
    kind = OutcomeClass.RETRY if decisive.kind in _STOPS_ALL else decisive.kind
    reason = f"{len(served)} of {len(settings.url)} replicas have it; {_reasons(failed)}"
    return Outcome(kind, reason, decisive.status, progress=" ".join(served), partly=True)


def _in_vain(failed: Mapping[str, Outcome]) -> Outcome:
    """No replica has it."""
    hints_s = [outcome.hint_s for outcome in failed.values() if outcome.hint_s is not None]
    return replace(
        _decisive(failed),
        reason=_reasons(failed),
        hint_s=max(hints_s, default=None),
        nothing_listens=all(outcome.nothing_listens for outcome in failed.values()),
    )


def _decisive(failed: Mapping[str, Outcome]) -> Outcome:
    return min(failed.values(), key=lambda outcome: _HOPEFUL.index(outcome.kind))


def _reasons(failed: Mapping[str, Outcome]) -> str:
    return fit_list([f"{url.partition('://')[2]}: {outcome.reason}" for url, outcome in failed.items()], _REASON_LENGTH)


def _read_one(answer: Answer, now: datetime) -> Outcome:
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
    summary="Prometheus Alertmanager: one of its alerts for each, resolved when it is suppressed; at every replica",
    settings=AlertmanagerSettings,
    format=format_message,
    read_for=read,
    backlog="latest",
    notify=EVERYTHING,
    concurrency=8,
    can_shrink=True,
    limits={
        "labels": "400 characters each",
        "description": "20 000 characters; resources fill what the rest leaves, then +N more",
        "replicas": f"{_REPLICAS}; those that have an alert are not sent it again while others wait for it",
    },
    example="""\
# Replicas do not share alerts: name all, as in URL=https://am-0.example.com, https://am-1.example.com
DESTINATION=alertmanager
URL=https://alertmanager-0.example.com
USERNAME=optix-gateway
PASSWORD=change-me
MIN_SEVERITY=medium
""",
)
