"""Webex, as a bot in a space or through an incoming webhook, in Markdown.

Sources: https://developer.webex.com/docs/api/v1/messages/create-a-message (7439 bytes, `parentId`; as
https://pipedream.com/apps/cisco-webex/actions/create-message repeats it), https://developer.webex.com/docs/basics
(Markdown, mentions are `<@personEmail:…>` and `<@all>`; 429 with Retry-After),
https://apphub.webex.com/applications/incoming-webhooks-cisco-systems-38054-23307-75252 (204). Not verified: the words
of the answer where the first message of a thread was deleted; whatever names the parent then is taken for that.

A bot's follow-up is a reply in the thread of the incident's first message. A webhook is never told which that is: its
follow-up is a message of its own that says first what changed.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from gateway.destinations import Context, Destination, DestinationSettings
from gateway.destinations._follow_up import follow_up
from gateway.destinations._http import HookUrl, base_url, explained, json_object, post_json, text_of, unproven
from gateway.destinations._post import MARKDOWN, Room, markdown, post
from gateway.domain.alert import JSON, Alert
from gateway.domain.message import Answer, HttpAnswer, HttpRequest
from gateway.domain.outcome import Outcome, OutcomeClass, judge
from gateway.domain.policy import Pace
from gateway.domain.text import utf8_bytes

_ROOM = Room(7000, utf8_bytes)
_LINE_END = "  \n"
_MARKUP = MARKDOWN._replace(newline=_LINE_END, escape=lambda text: markdown(text).replace("\n", _LINE_END))
_ID = re.compile(r"Y2lz[A-Za-z0-9_=-]{16,180}")
"""Base64 of `ciscospark://…`."""

_ALONE = "alone"
"""As `progress`: the thread is gone, so the next attempt opens a new one."""


class WebexSettings(DestinationSettings):
    token: SecretStr | None = Field(None, min_length=1, description="a bot's access token; or URL instead")
    room_id: str | None = Field(None, pattern=r"^[\w=-]{8,200}$", description="goes with TOKEN: the space's id")
    person_email: str | None = Field(
        None, pattern=r"^[^\s@]+@[^\s@]+$", description="goes with TOKEN instead of ROOM_ID: whom to write to"
    )
    api_url: Annotated[str, AfterValidator(base_url)] = Field(
        "https://webexapis.com/v1", description="goes with TOKEN: where the API is"
    )
    url: HookUrl | None = Field(None, description="an incoming webhook's URL, which has no threads")

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        if (self.url is None) == (self.token is None):
            raise ValueError("TOKEN, or URL: one of the two")
        if (self.token is not None) != (self.room_id is not None or self.person_email is not None):
            raise ValueError("TOKEN goes together with ROOM_ID or PERSON_EMAIL")
        if self.room_id is not None and self.person_email is not None:
            raise ValueError("ROOM_ID or PERSON_EMAIL, not both")
        return self


def format_message(alert: Alert, context: Context, settings: WebexSettings) -> HttpRequest:
    payload: dict[str, JSON] = {"markdown": post(alert, context, _ROOM, _MARKUP)}
    if settings.url is not None:
        return post_json(settings.url.get_secret_value(), payload)
    if settings.room_id is not None:
        payload["roomId"] = settings.room_id
    else:
        payload["toPersonEmail"] = settings.person_email
    if follow_up(alert, context).change is not None and (thread := _thread(context)):
        payload["parentId"] = thread
    token = settings.token.get_secret_value() if settings.token else ""
    return post_json(f"{settings.api_url}/messages", payload, (("Authorization", f"Bearer {token}"),))


def _thread(context: Context) -> str:
    """The first message of the incident; "" where none is known or it is there no more."""
    return context.reference if context.progress != _ALONE and _ID.fullmatch(context.reference) else ""


def read(answer: Answer, now: datetime, context: Context, settings: WebexSettings) -> Outcome:
    """A bot gets 200 and the message's id, a webhook 204; an error says why in `message`."""
    outcome = judge(answer, now)
    if not isinstance(answer, HttpAnswer):
        return outcome
    said = json_object(answer)
    if outcome.kind is OutcomeClass.OK:
        if settings.url is not None:
            return unproven(outcome, "a webhook accepts with 204") if answer.body.lstrip()[:1] == b"<" else outcome
        message = text_of(said.get("id"))
        return replace(outcome, reference=_thread(context) or message) if message else unproven(outcome, "names no id")
    error = text_of(said.get("message"))
    if answer.status in {400, 404} and "parent" in error.lower() and _thread(context):
        outcome = replace(outcome, kind=OutcomeClass.RETRY, progress=_ALONE)
    return explained(outcome, error)


DESTINATION = Destination(
    summary="Webex space or person, through a bot or an incoming webhook; a bot keeps one alert in one thread",
    settings=WebexSettings,
    format=format_message,
    read_for=read,
    backlog="latest",
    pace=Pace(per_s=1, burst=2),
    concurrency=1,
    can_shrink=True,
    limits={
        "details": "1750 bytes",
        "changes": "1166 bytes, then +N more",
        "message": "7000 bytes (7439 is Webex's own limit); resources fill what is left, then +N more",
    },
    example="""\
# A Webex space: a bot from https://developer.webex.com/my-apps/new/bot, added to the space
DESTINATION=webex
API_URL=https://webexapis.com/v1
TOKEN=example-token-of-a-bot-not-a-real-one
ROOM_ID=Y2lzY29zcGFyazovL3VzL1JPT00vZXhhbXBsZQ
MIN_SEVERITY=high
""",
)
