"""incident.io, through an alert source of the type HTTP: an alert event fires or resolves one alert.

Sources: https://docs.incident.io/api-reference/alert-events-v2/createhttp (fields, `deduplication_key`, 202 with
`status`; the token may also stand in the URL's query; `description` is Markdown; 1200 requests a minute by default),
https://github.com/prometheus/alertmanager (notify/incidentio/incidentio.go: 512 KB). No limits of single fields are
documented; ours are for reading. Not verified: that a body which is too large is answered with 429 too, as Alertmanager
has it; ours stay well below.

incident.io passes texts on to Slack: what Slack would make a mention of is broken.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from pydantic import Field

from gateway.destinations import Context, Destination
from gateway.destinations._follow_up import follow_up
from gateway.destinations._http import HookUrl, Token, explained, json_object, post_json, text_of, unproven
from gateway.destinations._on_call import ClosesEach
from gateway.destinations._report import MARKDOWN, report
from gateway.domain.alert import JSON, Alert
from gateway.domain.markup import fit, unlinked
from gateway.domain.message import Answer, HttpAnswer, HttpRequest
from gateway.domain.optix import console_url
from gateway.domain.outcome import Outcome, OutcomeClass, judge
from gateway.domain.policy import Pace
from gateway.domain.text import cut, one_line
from gateway.domain.wording import title

_TITLE, _DESCRIPTION, _FIELD, _LABELS, _URL = 300, 20_000, 500, 100, 4000
_ACCEPTED = 202


class IncidentIoSettings(ClosesEach):
    url: HookUrl = Field(description="the alert source's URL, https://api.incident.io/v2/alert_events/http/…")
    token: Token | None = Field(None, description="the alert source's token, unless it is in the URL")


def format_message(alert: Alert, context: Context, settings: IncidentIoSettings) -> HttpRequest:
    payload: dict[str, JSON] = {
        "title": fit(title(alert, test=context.test), _TITLE, unlinked),
        "status": "resolved" if alert.is_closed else "firing",
        "deduplication_key": alert.key,
        "description": report(alert, context, _DESCRIPTION, manner=MARKDOWN),
        "metadata": _metadata(alert, context),
    }
    if len(link := console_url(alert)) <= _URL:
        payload["source_url"] = link
    token = settings.token.get_secret_value() if settings.token else ""
    headers = (("Authorization", f"Bearer {token}"),) if token else ()
    return post_json(settings.url.get_secret_value(), payload, headers)


def _metadata(alert: Alert, context: Context) -> JSON:
    """What the alert source's attributes can be read from: values as they are, every key always there."""
    named = {
        "severity": alert.severity.value,
        "source": alert.source,
        "environment": alert.environment,
        "provider": alert.provider,
        "type": alert.alert_type,
        "rule": alert.rule,
        "alert_id": alert.alert_id,
    }
    labels: list[JSON] = [cut(one_line(label), _FIELD) for label in alert.policy_labels[:_LABELS]]
    return {
        **{name: cut(one_line(text), _FIELD) for name, text in named.items()},
        "score": alert.score,
        "policy_labels": labels,
        "open_count": alert.open_count,
        "suppressed_count": alert.suppressed_count,
        "changed": follow_up(alert, context).news,
        "test": context.test,
    }


def read(answer: Answer, now: datetime) -> Outcome:
    """202 with the key: taken, and processed after that."""
    outcome = judge(answer, now)
    if not isinstance(answer, HttpAnswer):
        return outcome
    said = json_object(answer)
    if outcome.kind is OutcomeClass.OK:
        if answer.status != _ACCEPTED or said.get("status") not in ("success", None):
            return explained(unproven(outcome, "incident.io accepts with 202 and success"), said.get("message"))
        return replace(outcome, reference=text_of(said.get("deduplication_key")))
    errors = said.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    return explained(outcome, said.get("message"), first.get("message") if isinstance(first, dict) else first)


DESTINATION = Destination(
    summary="incident.io, through an HTTP alert source: one alert there for each, resolved when it is suppressed",
    settings=IncidentIoSettings,
    format=format_message,
    read=read,
    backlog="latest",
    # A quarter of the 1200 a minute that all clients of an account share.
    pace=Pace(per_s=5, burst=20),
    concurrency=4,
    can_shrink=True,
    limits={
        "title": "300 characters",
        "description": "20 000 characters; resources fill what the rest leaves, then +N more",
        "whole message": "512 KB (incident.io's own limit)",
    },
    example="""\
# incident.io: Alerts > Sources > New alert source > HTTP
DESTINATION=incidentio
URL=https://api.incident.io/v2/alert_events/http/01EXAMPLESOURCENOTREAL0000
TOKEN=exampletokennotreal
MIN_SEVERITY=high
""",
)
