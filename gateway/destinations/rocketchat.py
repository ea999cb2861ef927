"""Rocket.Chat, through an incoming webhook or, with a personal access token, through its API.

Sources, all of https://github.com/RocketChat/Rocket.Chat under apps/meteor: server/settings/message.ts
(`Message_MaxAllowedSize` is 5000 unless changed), app/lib/server/methods/sendMessage.ts (only `msg` is measured),
app/lib/server/functions/sendMessage.ts (the checks of attachments; an `_id` that is there already is stored no second
time), app/api/server/api.ts (ten calls a minute unless changed, `X-RateLimit-Reset` in milliseconds, the words of the
refusal). A message of that `_id` is answered with 400 and a complaint about `starred` of nothing, because the server
looks into what it did not store: it is there, and that is success. Not run against a server.

Through the API the message's id is the delivery's, and a follow-up is a reply in the thread of the incident's first
message, shown in the room as well: a thread whose first message was deleted would hide it. A webhook has no threads.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from gateway.destinations import Context, Destination, DestinationSettings
from gateway.destinations._follow_up import follow_up
from gateway.destinations._http import (
    HookUrl,
    base_url,
    explained,
    json_object,
    post_json,
    seconds_of,
    text_of,
    unproven,
)
from gateway.destinations._post import MARKDOWN, Room, inert, post
from gateway.domain.alert import JSON, Alert
from gateway.domain.markup import fit
from gateway.domain.message import Answer, HttpAnswer, HttpRequest, Tls
from gateway.domain.outcome import Outcome, OutcomeClass, judge
from gateway.domain.policy import Pace
from gateway.domain.severity_map import COLOUR, COLOUR_CLOSED, level
from gateway.domain.text import utf16_units
from gateway.domain.wording import first_line, icon

_FIRST_LINE = 500
_ROOM = Room(4500, utf16_units, has_title=False)
_ID = re.compile(r"[A-Za-z0-9._-]{8,100}")
_WAIT = re.compile(r"must wait (\d{1,6}) seconds")
_THERE_ALREADY = "starred"
_ALONE = "alone"
"""As `progress`: a reply is not allowed (threads are switched off), so the next attempt is none."""

_GONE = ("error-room-not-found", "error-invalid-room", "error-not-allowed", "invalid-channel", "room_is_archived")


class RocketChatSettings(DestinationSettings):
    url: HookUrl | None = Field(None, description="the incoming webhook's URL, https://host/hooks/…; or TOKEN instead")
    token: SecretStr | None = Field(None, min_length=1, description="a personal access token; goes with the next three")
    user_id: str | None = Field(None, pattern=r"^[\w-]{1,64}$", description="the id that was shown with the token")
    room_id: str | None = Field(None, pattern=r"^[\w-]{1,64}$", description="the room's id, not its name")
    server_url: Annotated[str, AfterValidator(base_url)] | None = Field(None, description="the server's address")
    ca_file: str = Field("", description="PEM file of the authorities to trust instead of the system's")
    tls_verify: bool = Field(True, description="false accepts any certificate")

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        given = [value is not None for value in (self.token, self.user_id, self.room_id, self.server_url)]
        if any(given) != all(given):
            raise ValueError("TOKEN, USER_ID, ROOM_ID and SERVER_URL go together")
        if (self.url is None) == (self.token is None):
            raise ValueError("URL, or TOKEN: one of the two")
        return self


def format_message(alert: Alert, context: Context, settings: RocketChatSettings) -> HttpRequest:
    tls, follows = Tls(settings.ca_file, settings.tls_verify), follow_up(alert, context)
    said = fit(
        f"{icon(alert)} {first_line(alert, test=context.test, news=follows.news)}", _FIRST_LINE, inert, utf16_units
    )
    attachments: JSON = [
        {
            "color": f"#{level(alert, COLOUR, COLOUR_CLOSED):06X}",
            "text": post(alert, context, _ROOM, MARKDOWN),
        }
    ]
    if settings.url is not None:
        hooked: dict[str, JSON] = {"text": said, "attachments": attachments, "parseUrls": False}
        return post_json(settings.url.get_secret_value(), hooked, tls=tls)
    message: dict[str, JSON] = {"_id": context.delivery_id, "rid": settings.room_id, "msg": said}
    message["attachments"] = attachments
    if follows.change is not None and (thread := _thread(context)):
        message |= {"tmid": thread, "tshow": True}
    token = settings.token.get_secret_value() if settings.token else ""
    headers = (("X-Auth-Token", token), ("X-User-Id", settings.user_id or ""))
    return post_json(f"{settings.server_url}/api/v1/chat.sendMessage", {"message": message}, headers, tls)


def read(answer: Answer, now: datetime, context: Context, settings: RocketChatSettings) -> Outcome:
    outcome = judge(answer, now)
    if not isinstance(answer, HttpAnswer):
        return outcome
    said, reference = json_object(answer), "" if settings.url else _thread(context) or context.delivery_id
    if outcome.kind is OutcomeClass.OK:
        if said.get("success") is True:
            return replace(outcome, reference=reference)
        if said.get("success") is not False:
            return unproven(outcome, "the answer is not Rocket.Chat's")
        outcome = replace(outcome, kind=OutcomeClass.REJECTED)
    error = text_of(said.get("error"))
    if settings.url is None and answer.status == 400 and _THERE_ALREADY in error:
        return replace(outcome, kind=OutcomeClass.OK, reason=f"{outcome.reason}: is there already", reference=reference)
    if "not-allowed" in error and settings.url is None and _thread(context):
        return explained(replace(outcome, kind=OutcomeClass.RETRY, progress=_ALONE), error)
    outcome = replace(outcome, kind=_class_of(error) or outcome.kind)
    if outcome.kind is OutcomeClass.RATE_LIMITED:
        outcome = replace(outcome, hint_s=_wait_s(outcome, error, answer.headers, now))
    return explained(outcome, error, said.get("message"))


def _thread(context: Context) -> str:
    """The first message of the incident; "" where none is known or replies are not allowed."""
    return context.reference if context.progress != _ALONE and _ID.fullmatch(context.reference) else ""


def _class_of(error: str) -> OutcomeClass | None:
    if "error-too-many-requests" in error:
        return OutcomeClass.RATE_LIMITED
    if "error-message-size-exceeded" in error:
        return OutcomeClass.TOO_LARGE
    return OutcomeClass.GONE if any(word in error for word in _GONE) else None


def _wait_s(outcome: Outcome, error: str, headers: Mapping[str, str], now: datetime) -> float | None:
    """The longest of what a proxy, the words and the header ask for."""
    words, reset_ms = _WAIT.search(error), seconds_of(headers.get("x-ratelimit-reset"))
    hints = (
        outcome.hint_s,
        float(words[1]) if words else None,
        None if reset_ms is None else max(0.0, reset_ms / 1000 - now.timestamp()),
    )
    return max((hint for hint in hints if hint is not None), default=None)


DESTINATION = Destination(
    summary="Rocket.Chat room, through a webhook or the API; through the API one alert stays in one thread",
    settings=RocketChatSettings,
    format=format_message,
    read_for=read,
    backlog="latest",
    pace=Pace(per_s=0.15, burst=5),
    concurrency=1,
    can_shrink=True,
    limits={
        "first line": "500 characters",
        "details": "1125 characters",
        "changes": "750 characters, then +N more",
        "message": "4500 characters; resources fill what is left, then +N more",
    },
    example="""\
# A Rocket.Chat room: Workspace > Integrations > New > Incoming. For threads: TOKEN and what goes with it instead
DESTINATION=rocketchat
URL=https://chat.example.com/hooks/0example0/exampletokennotreal00000
MIN_SEVERITY=high
""",
)
