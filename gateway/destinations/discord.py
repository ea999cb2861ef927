"""Discord, through a channel webhook.

Sources: https://docs.discord.com/developers/resources/webhook#execute-webhook (wait, thread_id),
https://docs.discord.com/developers/resources/message#embed-object-embed-limits (limits),
https://docs.discord.com/developers/topics/rate-limits (headers, retry_after).
Lengths are code points (https://github.com/discord/discord-api-docs/issues/1315); we count UTF-16 units, which are
never fewer.

A follow-up is a message of its own that says first what changed. A webhook cannot reply to its own message
(https://github.com/discord/discord-api-docs/issues/2251), and the link to one needs the server's id, which is never
answered. Editing it would tell nobody, and fail where somebody deleted it; so what needs nobody's attention comes as
a silent message instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from gateway.destinations import Context, Destination, DestinationSettings
from gateway.destinations._follow_up import FollowUp, follow_up
from gateway.destinations._http import HookUrl, json_object, post_json, seconds_of, text_of
from gateway.domain.alert import JSON, Alert
from gateway.domain.markup import code, discord, fit
from gateway.domain.message import Answer, HttpAnswer, HttpRequest
from gateway.domain.optix import console_url
from gateway.domain.outcome import Outcome, OutcomeClass, judge
from gateway.domain.policy import Pace
from gateway.domain.severity_map import COLOUR, COLOUR_CLOSED, level
from gateway.domain.text import cut, fit_lines
from gateway.domain.url import with_parameter
from gateway.domain.wording import details, facts, icon, resource_lines, title

_TITLE, _VALUE, _DETAILS, _RESOURCES, _RESOURCE, _URL = 256, 300, 1200, 1800, 300, 2048
# A follow-up: the channel has read the details already.
_NEWS, _CHANGES, _DETAILS_AGAIN, _RESOURCES_AGAIN = 250, 1000, 500, 1300
_SHORT = 40
_SILENT = 1 << 12
"""The flag SUPPRESS_NOTIFICATIONS: the message is there, and no device makes a sound for it."""
_SHRUNK = "*Discord refused the whole message as too large: details and resources are left out.*"


class DiscordSettings(DestinationSettings):
    url: HookUrl = Field(description="the webhook's URL, from the channel's settings under Integrations")
    thread_id: Annotated[str, StringConstraints(pattern=r"^\d{1,20}$")] | None = Field(
        None, description="post into this thread; needed where the channel is a forum"
    )
    username: str | None = Field(None, min_length=1, max_length=80, description="name shown instead of the webhook's")
    avatar_url: str | None = Field(
        None, pattern=r"^https?://\S+$", description="picture shown instead of the webhook's own"
    )


def format_message(alert: Alert, context: Context, settings: DiscordSettings) -> HttpRequest:
    follows = follow_up(alert, context)
    payload: dict[str, JSON] = {"embeds": [_embed(alert, context, follows)], "allowed_mentions": {"parse": []}}
    if alert.is_closed or follows.is_relief:
        payload["flags"] = _SILENT
    if settings.username:
        payload["username"] = settings.username
    if settings.avatar_url:
        payload["avatar_url"] = settings.avatar_url
    return post_json(_address(settings), payload)


def _address(settings: DiscordSettings) -> str:
    # Without wait=true Discord answers 204 also when the message was not stored.
    url = with_parameter(settings.url.get_secret_value(), "wait", "true")
    return with_parameter(url, "thread_id", settings.thread_id) if settings.thread_id else url


def _embed(alert: Alert, context: Context, follows: FollowUp) -> JSON:
    embed: dict[str, JSON] = {
        "title": fit(f"{icon(alert)} {title(alert, test=context.test)}", _TITLE, discord),
        "color": level(alert, COLOUR, COLOUR_CLOSED),
        "fields": [_field(label, value) for label, value in facts(alert)],
        "footer": {"text": "Sophos Cloud Optix"},
    }
    if len(link := console_url(alert)) <= _URL:
        embed["url"] = link
    if alert.seen_at:
        embed["timestamp"] = alert.seen_at.isoformat()
    if described := _description(alert, follows, shrink=context.shrink):
        embed["description"] = described
    return embed


def _field(label: str, value: str) -> JSON:
    return {"name": label, "value": fit(value, _VALUE, discord), "inline": len(value) <= _SHORT}


def _description(alert: Alert, follows: FollowUp, *, shrink: bool) -> str:
    said = [f"**{label}:** {fit(value, _NEWS, discord)}" for label, value in follows.facts]
    if shrink:
        return "\n".join([*said, _SHRUNK])
    again = bool(said)
    said.append(_listed(follows.lines, _CHANGES, "diff"))
    said.append(fit(details(alert), _DETAILS_AGAIN if again else _DETAILS, discord))
    said.append(_listed(resource_lines(alert), _RESOURCES_AGAIN if again else _RESOURCES))
    return "\n".join(filter(None, said))


def _listed(lines: Sequence[str], limit: int, language: str = "") -> str:
    """A block of code: in the language `diff` Discord colours what came and what went."""
    shown = fit_lines([code(cut(line, _RESOURCE)) for line in lines], limit)
    return f"```{language}\n{shown}\n```" if shown else ""


def read(answer: Answer, now: datetime) -> Outcome:
    """Discord says how long to wait in the body (429) and, with every answer, when the window has nothing left."""
    outcome = judge(answer, now)
    if not isinstance(answer, HttpAnswer):
        return outcome
    said = json_object(answer)
    if outcome.kind is OutcomeClass.OK:
        outcome = replace(outcome, reference=text_of(said.get("id")))
    elif message := text_of(said.get("message")):
        outcome = replace(outcome, reason=f"{outcome.reason}: {message}")
    hints = [hint for hint in (outcome.hint_s, _asked_s(answer, said), _window_s(answer)) if hint is not None]
    return replace(outcome, hint_s=max(hints, default=None))


def _asked_s(answer: HttpAnswer, said: object) -> float | None:
    return seconds_of(said.get("retry_after")) if answer.status == 429 and isinstance(said, dict) else None


def _window_s(answer: HttpAnswer) -> float | None:
    used_up = answer.headers.get("x-ratelimit-remaining") == "0"
    return seconds_of(answer.headers.get("x-ratelimit-reset-after")) if used_up else None


DESTINATION = Destination(
    summary="Discord channel, through a webhook: one coloured card for each alert",
    settings=DiscordSettings,
    format=format_message,
    read=read,
    backlog="latest",
    pace=Pace(per_s=0.4, burst=5),
    concurrency=1,
    can_shrink=True,
    limits={
        "title": "256 characters",
        "details": "1200 characters; 500 in a follow-up",
        "resources": "1800 characters, then +N more; 1300 in a follow-up",
        "changes": "1000 characters, then +N more",
        "whole card": "6000 characters (Discord's own limit)",
    },
    example="""\
# A Discord channel: Channel settings > Integrations > Webhooks > Copy webhook URL
DESTINATION=discord
URL=https://discord.com/api/webhooks/123456789012345678/example-token-not-a-real-one
USERNAME=Cloud Optix
MIN_SEVERITY=high
""",
)
