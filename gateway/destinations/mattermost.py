"""Mattermost, through an incoming webhook, as one attachment.

Sources: https://developers.mattermost.com/integrate/webhooks/incoming/ (channel, username, icon_url, priority),
https://developers.mattermost.com/integrate/reference/message-attachments/ (a title with a link is shown as plain text;
mentions work in text and field values), https://github.com/mattermost/mattermost (400 with the id
`web.incoming_webhook.invalid.app_error` for a hook that was deleted; 429 with Retry-After where rate limiting is on).
A post holds 16 383 characters; the server splits long `text` into several posts, but not attachments.
A hook can neither edit nor reply: a follow-up is a post of its own that says first what changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Literal

from pydantic import Field

from gateway.destinations import Context, Destination, DestinationSettings
from gateway.destinations._follow_up import FollowUp, follow_up
from gateway.destinations._http import HookUrl, json_object, post_json, text_of
from gateway.domain.alert import JSON, Alert
from gateway.domain.markup import code, fit, mattermost, unlinked
from gateway.domain.message import Answer, HttpAnswer, HttpRequest, Tls
from gateway.domain.optix import console_url
from gateway.domain.outcome import Outcome, OutcomeClass, judge
from gateway.domain.policy import Pace
from gateway.domain.severity import Severity
from gateway.domain.severity_map import COLOUR, COLOUR_CLOSED, level
from gateway.domain.text import cut, fit_lines
from gateway.domain.wording import details, facts, first_line, icon, resource_lines, title

_TITLE, _FALLBACK, _VALUE, _DETAILS, _RESOURCES, _RESOURCE, _URL = 400, 500, 400, 3000, 5000, 300, 2000
_NEWS, _CHANGES = 250, 2000
_SHORT = 40
_SHRUNK = "*Mattermost refused the whole message as too large: details and resources are left out.*"
_DELETED_HOOK = "web.incoming_webhook.invalid.app_error"
_PRIORITIES = {Severity.CRITICAL: "urgent", Severity.HIGH: "important"}


class MattermostSettings(DestinationSettings):
    url: HookUrl = Field(description="the incoming webhook's URL, https://host/hooks/…")
    channel: str | None = Field(None, min_length=1, max_length=64, description="another channel than the webhook's own")
    username: str | None = Field(None, min_length=1, max_length=64, description="name shown instead of the webhook's")
    icon_url: str | None = Field(None, pattern=r"^https?://\S+$", description="picture shown instead of the webhook's")
    priority: Literal["none", "auto", "important", "urgent"] = Field(
        "none",
        description="label of the post; auto: critical is urgent, high is important; none for the rest or relief",
    )
    ca_file: str = Field("", description="PEM file of the authorities to trust instead of the system's")
    tls_verify: bool = Field(True, description="false accepts any certificate")


def format_message(alert: Alert, context: Context, settings: MattermostSettings) -> HttpRequest:
    follows = follow_up(alert, context)
    payload: dict[str, JSON] = {"attachments": [_attachment(alert, context, follows)]}
    named = (("channel", settings.channel), ("username", settings.username), ("icon_url", settings.icon_url))
    payload |= {key: value for key, value in named if value}
    if priority := _priority(alert, follows, settings):
        payload["priority"] = {"priority": priority}
    return post_json(settings.url.get_secret_value(), payload, tls=Tls(settings.ca_file, settings.tls_verify))


def _priority(alert: Alert, follows: FollowUp, settings: MattermostSettings) -> str:
    if settings.priority == "auto":
        return "" if alert.is_closed or follows.is_relief else _PRIORITIES.get(alert.severity, "")
    return "" if settings.priority == "none" else settings.priority


def _attachment(alert: Alert, context: Context, follows: FollowUp) -> JSON:
    attachment: dict[str, JSON] = {
        "fallback": fit(first_line(alert, test=context.test, news=follows.news), _FALLBACK, unlinked),
        "color": f"#{level(alert, COLOUR, COLOUR_CLOSED):06X}",
        "title": fit(f"{icon(alert)} {title(alert, test=context.test)}", _TITLE, unlinked),
        "text": _text(alert, follows, shrink=context.shrink),
        "fields": [_field(label, value) for label, value in facts(alert)],
        "footer": "Sophos Cloud Optix",
    }
    if len(link := console_url(alert)) <= _URL:
        attachment["title_link"] = link
    else:
        # Without a link the title is read as Markdown.
        attachment["title"] = fit(f"{icon(alert)} {title(alert, test=context.test)}", _TITLE, mattermost)
    return attachment


def _field(label: str, value: str) -> JSON:
    return {"title": label, "value": fit(value, _VALUE, mattermost), "short": len(value) <= _SHORT}


def _text(alert: Alert, follows: FollowUp, *, shrink: bool) -> str:
    said = [f"**{label}:** {fit(value, _NEWS, mattermost)}" for label, value in follows.facts]
    if shrink:
        return "\n\n".join([*said, _SHRUNK])
    said.append(_listed(follows.lines, _CHANGES, "diff"))
    said.append(fit(details(alert), _DETAILS, mattermost))
    said.append(_listed(resource_lines(alert), _RESOURCES))
    return "\n\n".join(filter(None, said))


def _listed(lines: Sequence[str], limit: int, language: str = "") -> str:
    """A block of code: in the language `diff` what came and what went has its colour."""
    shown = fit_lines([code(unlinked(cut(line, _RESOURCE))) for line in lines], limit)
    return f"```{language}\n{shown}\n```" if shown else ""


def read(answer: Answer, now: datetime) -> Outcome:
    """Success is the text `ok`. A page of something in between (a proxy, a sign-in) is no success and may pass."""
    outcome = judge(answer, now)
    if not isinstance(answer, HttpAnswer):
        return outcome
    if outcome.kind is OutcomeClass.OK and answer.body.strip() != b"ok":
        return replace(
            outcome, kind=OutcomeClass.RETRY, reason=f"{outcome.reason}, but the answer is not Mattermost's ok"
        )
    said = json_object(answer)
    if said.get("id") == _DELETED_HOOK:
        outcome = replace(outcome, kind=OutcomeClass.GONE)
    message = text_of(said.get("message"))
    return replace(outcome, reason=f"{outcome.reason}: {message}") if message else outcome


DESTINATION = Destination(
    summary="Mattermost channel, through an incoming webhook: one coloured attachment for each alert",
    settings=MattermostSettings,
    format=format_message,
    read=read,
    backlog="latest",
    pace=Pace(per_s=2, burst=5),
    concurrency=2,
    can_shrink=True,
    limits={
        "details": "3000 characters",
        "resources": "5000 characters, then +N more",
        "changes": "2000 characters, then +N more",
        "whole message": "16 383 characters (Mattermost's own limit)",
    },
    example="""\
# A Mattermost channel: Integrations > Incoming Webhooks
DESTINATION=mattermost
URL=https://mattermost.example.com/hooks/examplehookkeynotreal
USERNAME=Cloud Optix
PRIORITY=auto
MIN_SEVERITY=high
""",
)
