"""Zulip, as a bot's message to a channel, with a topic for each incident.

Sources: https://zulip.com/api/send-message (form; topic of 60 and content of 10 000 characters, both cut by the server;
`stream` is the older name of `channel` and accepted by every version), https://zulip.com/api/rest-error-handling
(`result`, `code`; 429 with `retry-after` in the body), https://zulip.com/api/http-headers,
https://zulip.com/help/format-your-message-using-markdown (mentions are `@**name**`, channels `#**name**`).
The server is written in Python, so that characters are code points. Not verified: that a zero-width space parts a bare
address from what makes it a link; mentions and channels need their signs side by side, and have them no more.

A follow-up goes to the incident's topic, whose name holds the end of our key: nothing need be remembered for it.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from gateway.destinations import Context, Destination, DestinationSettings
from gateway.destinations._form import post_form
from gateway.destinations._http import base_url, explained, json_object, seconds_of, text_of, unproven
from gateway.destinations._post import MARKDOWN, Room, post
from gateway.domain.alert import Alert
from gateway.domain.digest import EVENT_TYPE as DIGEST
from gateway.domain.message import Answer, HttpAnswer, HttpRequest, Tls
from gateway.domain.outcome import Outcome, OutcomeClass, judge
from gateway.domain.policy import Pace
from gateway.domain.text import code_points, cut
from gateway.domain.wording import summary

_ROOM = Room(9500, code_points)
_TOPIC, _KEY = 60, 8
_GONE = frozenset({"STREAM_DOES_NOT_EXIST", "CHANNEL_DOES_NOT_EXIST", "REALM_DEACTIVATED"})
_AUTH = frozenset({"UNAUTHORIZED", "INVALID_API_KEY", "USER_DEACTIVATED"})


class ZulipSettings(DestinationSettings):
    url: Annotated[str, AfterValidator(base_url)] = Field(description="the organisation's address")
    email: str = Field(pattern=r"^[^\s:@]+@[^\s:@]+$", description="the bot's e-mail address")
    api_key: SecretStr = Field(min_length=1, description="the bot's API key")
    channel: str = Field(min_length=1, max_length=60, description="the channel's name")
    topic: str | None = Field(
        None, min_length=1, max_length=60, description="one topic for all instead of one for each"
    )
    ca_file: str = Field("", description="PEM file of the authorities to trust instead of the system's")
    tls_verify: bool = Field(True, description="false accepts any certificate")

    def secrets(self) -> tuple[str, ...]:
        return (self.basic(), *super().secrets())

    def basic(self) -> str:
        return b64encode(f"{self.email}:{self.api_key.get_secret_value()}".encode()).decode("ascii")


def format_message(alert: Alert, context: Context, settings: ZulipSettings) -> HttpRequest:
    fields = {
        "type": "stream",
        "to": settings.channel,
        "topic": settings.topic or _topic(alert),
        "content": post(alert, context, _ROOM, MARKDOWN),
    }
    headers = (("Authorization", f"Basic {settings.basic()}"),)
    return post_form(f"{settings.url}/api/v1/messages", fields, headers, Tls(settings.ca_file, settings.tls_verify))


def _topic(alert: Alert) -> str:
    """The same for every message of one incident, and for no other: of a digest, the headline is a count that moves.

    A tick at the beginning would mark the topic as resolved.
    """
    end = f" · {alert.key[-_KEY:]}"
    name = "Several alerts" if alert.event_type == DIGEST else summary(alert).lstrip("✔ ")
    return cut(name, _TOPIC - len(end), code_points) + end


def read(answer: Answer, now: datetime) -> Outcome:
    """`result` says success or error; 4xx with a `code` says which."""
    outcome = judge(answer, now)
    if not isinstance(answer, HttpAnswer):
        return outcome
    said = json_object(answer)
    if outcome.kind is OutcomeClass.OK:
        return _accepted(outcome, said)
    if outcome.kind is OutcomeClass.RATE_LIMITED:
        hints = (outcome.hint_s, seconds_of(said.get("retry-after")))
        outcome = replace(outcome, hint_s=max((hint for hint in hints if hint is not None), default=None))
    code = text_of(said.get("code"))
    if code in _GONE | _AUTH:
        outcome = replace(outcome, kind=OutcomeClass.GONE if code in _GONE else OutcomeClass.AUTH)
    return explained(outcome, code, said.get("msg"))


def _accepted(outcome: Outcome, said: object) -> Outcome:
    answered = said if isinstance(said, dict) else {}
    if answered.get("result") == "success":
        return replace(outcome, reference=text_of(answered.get("id")))
    if answered.get("result") == "error":
        return explained(replace(outcome, kind=OutcomeClass.REJECTED), answered.get("code"), answered.get("msg"))
    return unproven(outcome, "the answer is not Zulip's")


DESTINATION = Destination(
    summary="Zulip channel, through a bot: a topic for each incident",
    settings=ZulipSettings,
    format=format_message,
    read=read,
    backlog="latest",
    pace=Pace(per_s=3, burst=10),
    concurrency=1,
    can_shrink=True,
    limits={
        "topic": "60 characters (Zulip's own limit)",
        "details": "2375 characters",
        "changes": "1583 characters, then +N more",
        "message": "9500 characters (Zulip cuts at 10 000); resources fill what is left, then +N more",
    },
    example="""\
# A Zulip channel: Personal settings > Bots > Add a new bot, of the type Incoming webhook or Generic
DESTINATION=zulip
URL=https://zulip.example.com
EMAIL=optix-bot@zulip.example.com
API_KEY=exampleapikeynotarealone00000000
CHANNEL=security
MIN_SEVERITY=high
""",
)
