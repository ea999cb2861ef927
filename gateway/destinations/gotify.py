"""Gotify push messages.

Sources: https://gotify.net/docs/pushmsg (`X-Gotify-Key`), https://gotify.net/docs/msgextras (`client::notification`;
without `client::display` a message is plain text, so that nothing needs to be escaped),
https://github.com/gotify/android#message-priorities (0 is silent, 1 to 3 an icon, 4 to 7 a sound, above that also a
vibration), https://github.com/gotify/server docs/spec.json (200 with `id`; `errorDescription`). No limits are stated.

A message cannot take another's place: a follow-up is one of its own that says first what changed.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from gateway.destinations import Context, Destination, DestinationSettings
from gateway.destinations._follow_up import follow_up
from gateway.destinations._http import base_url, explained, json_object, post_json, text_of, unproven
from gateway.destinations._post import PLAIN, Room, post
from gateway.domain.alert import JSON, Alert
from gateway.domain.message import Answer, HttpAnswer, HttpRequest, Tls
from gateway.domain.optix import console_url
from gateway.domain.outcome import Outcome, OutcomeClass, judge
from gateway.domain.severity import Severity
from gateway.domain.severity_map import level
from gateway.domain.text import code_points, cut
from gateway.domain.wording import icon, title

_ROOM = Room(10_000, code_points, has_title=False)
_TITLE, _URL, _QUIET = 400, 2000, 1
_PRIORITIES = {Severity.CRITICAL: 8, Severity.HIGH: 6, Severity.MEDIUM: 4, Severity.LOW: 2, Severity.UNKNOWN: 4}


class GotifySettings(DestinationSettings):
    url: Annotated[str, AfterValidator(base_url)] = Field(description="the server's address")
    token: SecretStr = Field(min_length=1, description="the token of an application (A…)")
    ca_file: str = Field("", description="PEM file of the authorities to trust instead of the system's")
    tls_verify: bool = Field(True, description="false accepts any certificate")


def format_message(alert: Alert, context: Context, settings: GotifySettings) -> HttpRequest:
    is_relief = follow_up(alert, context).is_relief
    payload: dict[str, JSON] = {
        "title": cut(f"{icon(alert)} {title(alert, test=context.test)}", _TITLE, code_points),
        "message": post(alert, context, _ROOM, PLAIN),
        "priority": _QUIET if is_relief else level(alert, _PRIORITIES, closed=_QUIET),
    }
    if len(link := console_url(alert)) <= _URL:
        payload["extras"] = {"client::notification": {"click": {"url": link}}}
    headers = (("X-Gotify-Key", settings.token.get_secret_value()),)
    return post_json(f"{settings.url}/message", payload, headers, Tls(settings.ca_file, settings.tls_verify))


def read(answer: Answer, now: datetime) -> Outcome:
    """200 with the message's id; an error says why in `errorDescription`."""
    outcome = judge(answer, now)
    if not isinstance(answer, HttpAnswer):
        return outcome
    said = json_object(answer)
    if outcome.kind is OutcomeClass.OK:
        message = text_of(said.get("id"))
        return replace(outcome, reference=message) if message else unproven(outcome, "the answer is not Gotify's")
    return explained(outcome, said.get("errorDescription"))


DESTINATION = Destination(
    summary="Push message through a Gotify server, with a priority by severity",
    settings=GotifySettings,
    format=format_message,
    read=read,
    backlog="latest",
    concurrency=1,
    can_shrink=True,
    limits={
        "title": "400 characters",
        "details": "2500 characters",
        "changes": "1666 characters, then +N more",
        "message": "10 000 characters; resources fill what is left, then +N more",
    },
    example="""\
# A Gotify server: Apps > Create application
DESTINATION=gotify
URL=https://gotify.example.com
TOKEN=Aexampletoken00
MIN_SEVERITY=critical
""",
)
