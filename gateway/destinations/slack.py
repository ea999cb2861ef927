"""Slack, through an incoming webhook or, with a bot's token, through its Web API.

Sources: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks (the text `ok`; the errors that are
texts), https://docs.slack.dev/messaging/formatting-message-text (`& < >`; `verbatim` leaves mentions, addresses and
channel names alone), https://docs.slack.dev/reference/block-kit/blocks/section-block (text 3000, 10 fields of 2000),
https://docs.slack.dev/reference/methods/chat.postMessage (errors, `thread_ts`, `reply_broadcast`),
https://docs.slack.dev/apis/web-api/rate-limits (one message a second and channel; Retry-After).
Fifty blocks a message: https://docs.slack.dev/reference/block-kit/blocks, as a library that names this page has it; we
send six at most. All blocks together hold about 13 200 characters, which no page states:
https://github.com/slackapi/bolt-js/issues/2509 (`msg_blocks_too_long`).
`internal_error` and `fatal_error` come with "likely due to a transient issue" in the list of common errors, as
https://hex.pm/packages/slack_kit repeats it. Not verified: what Slack answers where the message of a thread is gone.

A follow-up is a reply in the incident's thread where the Web API told us which message came first, and is shown in the
channel as well when something got worse. A webhook is never told: its follow-up is a message of its own.
Bold signs in an alert's own words may make them bold; they cannot mention, link or leave their field.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from gateway.destinations import Context, Destination, DestinationSettings
from gateway.destinations._follow_up import FollowUp, follow_up
from gateway.destinations._http import HookUrl, base_url, explained, json_object, post_json, text_of, unproven
from gateway.destinations._post import entities
from gateway.domain.alert import JSON, Alert
from gateway.domain.markup import code, fit
from gateway.domain.message import Answer, HttpAnswer, HttpRequest
from gateway.domain.optix import console_url, link_label
from gateway.domain.outcome import Outcome, OutcomeClass, judge
from gateway.domain.policy import Pace
from gateway.domain.text import fit_lines
from gateway.domain.wording import details, facts, first_line, icon, resource_lines, title

_TITLE, _FALLBACK, _VALUE, _DETAILS, _RESOURCES, _RESOURCE, _CHANGES, _URL = 500, 1000, 250, 2500, 2900, 300, 1500, 2000
_SHRUNK = "_Slack refused the whole message as too large: details and resources are left out._"
_TS = re.compile(r"\d{1,12}\.\d{1,9}")
_ALONE = "alone"
"""As `progress`: the thread is gone, so the next attempt opens a new one."""

_LOST_THREAD = frozenset({"thread_not_found", "invalid_thread_ts", "message_not_found", "cannot_reply_to_message"})
_TOO_LARGE = frozenset({"msg_too_long", "msg_blocks_too_long"})
_GONE = frozenset(
    {
        "no_service",
        "no_service_id",
        "no_team",
        "team_disabled",
        "channel_not_found",
        "channel_is_archived",
        "is_archived",
    }
)
_AUTH = frozenset(
    {
        "invalid_auth",
        "not_authed",
        "account_inactive",
        "token_revoked",
        "token_expired",
        "missing_scope",
        "no_permission",
    }
    | {
        "access_denied",
        "not_in_channel",
        "action_prohibited",
        "restricted_action",
        "invalid_token",
        "ekm_access_denied",
    }
)
_AGAIN = frozenset(
    {"internal_error", "fatal_error", "service_unavailable", "request_timeout", "rollup_error", "team_added_to_org"}
)


class SlackSettings(DestinationSettings):
    url: HookUrl | None = Field(None, description="the incoming webhook's URL; or TOKEN and CHANNEL instead")
    token: SecretStr | None = Field(
        None, min_length=1, description="a bot's token (xoxb-…) with chat:write; has threads"
    )
    channel: str | None = Field(None, pattern=r"^\S{1,80}$", description="goes with TOKEN: the channel's id (C…)")
    api_url: Annotated[str, AfterValidator(base_url)] = Field(
        "https://slack.com/api", description="goes with TOKEN: where Slack's Web API is"
    )
    broadcast: bool = Field(True, description="goes with TOKEN: show a reply in the channel where something got worse")

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        if (self.token is None) != (self.channel is None):
            raise ValueError("TOKEN and CHANNEL go together")
        if (self.url is None) == (self.token is None):
            raise ValueError("URL, or TOKEN and CHANNEL: one of the two")
        return self


def format_message(alert: Alert, context: Context, settings: SlackSettings) -> HttpRequest:
    follows = follow_up(alert, context)
    payload: dict[str, JSON] = {
        "text": _fallback(alert, context, follows),
        "blocks": _blocks(alert, context, follows),
        "unfurl_links": False,
        "unfurl_media": False,
    }
    if settings.url is not None:
        return post_json(settings.url.get_secret_value(), payload)
    payload["channel"] = settings.channel
    if follows.change is not None and (thread := _thread(context)):
        payload["thread_ts"] = thread
        payload["reply_broadcast"] = settings.broadcast and not (follows.is_relief or follows.change.is_unchanged)
    token = settings.token.get_secret_value() if settings.token else ""
    return post_json(f"{settings.api_url}/chat.postMessage", payload, (("Authorization", f"Bearer {token}"),))


def _thread(context: Context) -> str:
    """The first message of the incident; "" where none is known or it is there no more."""
    known = context.progress != _ALONE and _TS.fullmatch(context.reference)
    return context.reference if known else ""


def _fallback(alert: Alert, context: Context, follows: FollowUp) -> str:
    """What a notification shows."""
    said = f"{icon(alert)} {first_line(alert, test=context.test, news=follows.news)}"
    return fit(said, _FALLBACK, entities)


def _blocks(alert: Alert, context: Context, follows: FollowUp) -> list[JSON]:
    said = fit(title(alert, test=context.test), _TITLE, entities)
    heading = f"{icon(alert)} *{said}*"
    heading += "".join(f"\n*{label}:* {fit(value, _VALUE, entities)}" for label, value in follows.facts)
    fields: list[JSON] = [_text(f"*{label}*\n{fit(value, _VALUE, entities)}") for label, value in facts(alert)]
    found: list[JSON] = [_section(heading)]
    if not context.shrink and (changes := _listed(follows.lines, _CHANGES)):
        found.append(_section(changes))
    found.append({"type": "section", "fields": fields})
    found += [_section(_SHRUNK)] if context.shrink else _long(alert)
    if len(link := console_url(alert)) <= _URL:
        found.append({"type": "context", "elements": [_text(f"<{entities(link)}|{link_label(alert)}>")]})
    return found


def _long(alert: Alert) -> list[JSON]:
    texts = (fit(details(alert), _DETAILS, entities), _listed(resource_lines(alert), _RESOURCES))
    return [_section(text) for text in texts if text]


def _listed(lines: Sequence[str], limit: int) -> str:
    shown = [fit(code(line), _RESOURCE, entities) for line in lines[: limit // 2]]
    listed = fit_lines([*shown, *lines[len(shown) :]], limit - len("```\n\n```"), most=len(shown))
    return f"```\n{listed}\n```" if listed else ""


def _section(text: str) -> JSON:
    return {"type": "section", "text": _text(text)}


def _text(text: str) -> JSON:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def read(answer: Answer, now: datetime, context: Context, settings: SlackSettings) -> Outcome:
    """A webhook answers texts, the Web API JSON: 200 with `ok` false is a failure there."""
    outcome = judge(answer, now)
    if not isinstance(answer, HttpAnswer):
        return outcome
    said = json_object(answer)
    if outcome.kind is not OutcomeClass.OK:
        return _failed(outcome, text_of(said.get("error")) or _word(answer.body), context)
    if settings.url is not None:
        return outcome if answer.body.strip() == b"ok" else unproven(outcome, "the answer is not Slack's ok")
    if said.get("ok") is True:
        known = _thread(context)
        return replace(outcome, reference=known or text_of(said.get("ts")))
    if said.get("ok") is False:
        return _failed(replace(outcome, kind=OutcomeClass.REJECTED), text_of(said.get("error")), context)
    return unproven(outcome, "the answer is not Slack's")


def _word(body: bytes) -> str:
    """A webhook's error is one word; a page of something in between is none."""
    text = body[:80].decode("utf-8", "replace").strip()
    return text if re.fullmatch(r"\w+", text) else ""


def _failed(outcome: Outcome, error: str, context: Context) -> Outcome:
    outcome = explained(outcome, error)
    if error in _LOST_THREAD and _thread(context):
        return replace(outcome, kind=OutcomeClass.RETRY, progress=_ALONE)
    return replace(outcome, kind=_class_of(error) or outcome.kind)


def _class_of(error: str) -> OutcomeClass | None:
    if error in {"ratelimited", "rate_limited", "message_limit_exceeded"}:
        return OutcomeClass.RATE_LIMITED
    named = ((_AGAIN, OutcomeClass.RETRY), (_TOO_LARGE, OutcomeClass.TOO_LARGE), (_GONE, OutcomeClass.GONE))
    return next((kind for words, kind in (*named, (_AUTH, OutcomeClass.AUTH)) if error in words), None)


DESTINATION = Destination(
    summary="Slack channel, through a webhook or a bot; a bot keeps what concerns one alert in one thread",
    settings=SlackSettings,
    format=format_message,
    read_for=read,
    backlog="latest",
    pace=Pace(per_s=1, burst=3),
    concurrency=1,
    can_shrink=True,
    limits={
        "title": "500 characters",
        "details": "2500 characters",
        "resources": "2900 characters, then +N more",
        "changes": "1500 characters, then +N more",
        "whole message": "about 13 200 characters in blocks (Slack's own limit)",
    },
    example="""\
# A Slack channel: https://api.slack.com/apps > an app > Incoming Webhooks. For threads: TOKEN and CHANNEL instead
DESTINATION=slack
URL=https://hooks.slack.com/services/T00000000/B00000000/exampletokennotreal00000
MIN_SEVERITY=high
""",
)
