"""Grafana OnCall and Grafana IRM, through an integration of the type Formatted webhook.

Sources: https://github.com/grafana/oncall (engine/config_integrations/formatted_webhook.py: the fields, `alert_uid`
groups and `state` ok resolves; engine/apps/integrations/mixins/ratelimit_mixin.py: 300 posts in 5 minutes for each
integration, 900 for a whole account, then 429 without a wait), https://grafana.com/docs/oncall/latest/. The open-source
edition is archived since March 2026; Grafana IRM takes the same requests. No limits of single fields are documented;
ours are for reading.

The title is also put into a Slack link, `<…|title>`, and read out on the telephone; the message is Markdown there.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from pydantic import Field

from gateway.destinations import Context, Destination
from gateway.destinations._http import HookUrl, explained, post_json, unproven
from gateway.destinations._on_call import ClosesEach
from gateway.destinations._report import MARKDOWN, report
from gateway.destinations._sign_in import Server
from gateway.domain.alert import JSON, Alert
from gateway.domain.markup import fit
from gateway.domain.message import Answer, HttpAnswer, HttpRequest
from gateway.domain.optix import console_url
from gateway.domain.outcome import Outcome, OutcomeClass, judge
from gateway.domain.policy import Pace
from gateway.domain.wording import title

_TITLE, _MESSAGE, _URL = 250, 4000, 2000
_WINDOW_S = 300.0
_IN_A_LINK = str.maketrans({"<": "‹", ">": "›", "|": "¦"})


class GrafanaOnCallSettings(ClosesEach, Server):
    url: HookUrl = Field(description="the integration's URL, https://…/integrations/v1/formatted_webhook/…/")


def format_message(alert: Alert, context: Context, settings: GrafanaOnCallSettings) -> HttpRequest:
    payload: dict[str, JSON] = {
        "alert_uid": alert.key,
        "title": fit(title(alert, test=context.test), _TITLE, _inert),
        "state": "ok" if alert.is_closed else "alerting",
        "message": report(alert, context, _MESSAGE, manner=MARKDOWN),
        "severity": alert.severity.value,
    }
    if len(link := console_url(alert)) <= _URL:
        payload["link_to_upstream_details"] = link
    return post_json(settings.url.get_secret_value(), payload, tls=settings.tls)


def _inert(text: str) -> str:
    """Look-alikes for what would end the link early or start a mention."""
    return text.translate(_IN_A_LINK)


def read(answer: Answer, now: datetime) -> Outcome:
    """200 with `Ok.`; a page in its place is somebody else's."""
    outcome = judge(answer, now)
    if not isinstance(answer, HttpAnswer):
        return outcome
    if outcome.kind is OutcomeClass.OK:
        if answer.body.lstrip().startswith(b"<"):
            return unproven(outcome, "the answer is a page, not Grafana OnCall's")
        return outcome
    if outcome.kind is OutcomeClass.RATE_LIMITED:
        return replace(outcome, hint_s=_WINDOW_S) if outcome.hint_s is None else outcome
    return explained(outcome, answer.body.decode("utf-8", "replace").strip())


DESTINATION = Destination(
    summary="Grafana OnCall or IRM, through a formatted webhook: one alert group for each, resolved when suppressed",
    settings=GrafanaOnCallSettings,
    format=format_message,
    read=read,
    backlog="latest",
    # 20 at once and 0.9 a second are 290 in five minutes.
    pace=Pace(per_s=0.9, burst=20),
    concurrency=2,
    can_shrink=True,
    limits={
        "title": "250 characters",
        "message": "4000 characters; resources fill what the rest leaves, then +N more",
    },
    example="""\
# Grafana OnCall or IRM: Integrations > New integration > Formatted webhook
DESTINATION=grafana-oncall
URL=https://oncall.example.com/integrations/v1/formatted_webhook/exampletokennotreal/
MIN_SEVERITY=high
""",
)
