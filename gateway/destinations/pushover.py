"""Pushover push notifications.

Source: https://pushover.net/api (title 250, message 1024, `url` 512 and `url_title` 100 characters; priorities -2 to 2,
an emergency needs `retry` of 30 s at least and `expire` of 3 h at most; `status` 1 is success; at most two requests at
once; 4xx are not to be repeated unchanged; 429 when the month's messages are spent, `X-Limit-App-Reset` says until
when). Messages are plain text, so nothing needs to be escaped. The monthly number (10 000 by memory) was not verified;
the headers tell it.

A follow-up is a notification of its own that says first what changed, and a quiet one when nothing got worse. What was
sent as an emergency is not cancelled by it: somebody acknowledges it on the phone, or it expires.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from gateway.destinations import Context, Destination, DestinationSettings, SecretAddress
from gateway.destinations._follow_up import follow_up
from gateway.destinations._form import post_form
from gateway.destinations._http import base_url, explained, json_object, seconds_of, text_of, unproven
from gateway.destinations._post import PLAIN, Room, post
from gateway.domain.alert import Alert
from gateway.domain.message import Answer, HttpAnswer, HttpRequest
from gateway.domain.optix import console_url, link_label
from gateway.domain.outcome import Outcome, OutcomeClass, judge
from gateway.domain.policy import Pace
from gateway.domain.severity import Severity
from gateway.domain.severity_map import level
from gateway.domain.text import code_points, cut
from gateway.domain.wording import icon, title

_ROOM = Room(1024, code_points, has_title=False)
_TITLE, _URL = 250, 512
_QUIET, _EMERGENCY = -1, 2
_PRIORITIES = {Severity.CRITICAL: 1, Severity.HIGH: 1, Severity.MEDIUM: 0, Severity.LOW: -1, Severity.UNKNOWN: 0}


class PushoverSettings(DestinationSettings):
    token: SecretStr = Field(min_length=1, description="the application's API token")
    user: SecretAddress = Field(min_length=1, description="the key of a user or of a group")
    device: str | None = Field(
        None, pattern=r"^[\w,-]{1,200}$", description="only to these devices, with commas between"
    )
    sound: str | None = Field(None, pattern=r"^\w{1,40}$", description="another sound than the user's own")
    emergency: bool = Field(False, description="what is critical is repeated until somebody acknowledges it")
    emergency_retry_s: int = Field(60, ge=30, le=10_800, description="seconds between two repeats of an emergency")
    emergency_expire_s: int = Field(
        3600, ge=30, le=10_800, description="seconds until an emergency is no longer repeated"
    )
    api_url: Annotated[str, AfterValidator(base_url)] = Field(
        "https://api.pushover.net", description="where the API is"
    )


def format_message(alert: Alert, context: Context, settings: PushoverSettings) -> HttpRequest:
    priority = _priority(alert, context, settings)
    fields = {
        "token": settings.token.get_secret_value(),
        "user": settings.user.get_secret_value(),
        "title": cut(f"{icon(alert)} {title(alert, test=context.test)}", _TITLE, code_points),
        "message": post(alert, context, _ROOM, PLAIN),
        "priority": str(priority),
    }
    if priority == _EMERGENCY:
        fields |= {"retry": str(settings.emergency_retry_s), "expire": str(settings.emergency_expire_s)}
    if len(link := console_url(alert)) <= _URL:
        fields |= {"url": link, "url_title": link_label(alert)}
    if alert.seen_at:
        fields["timestamp"] = str(int(alert.seen_at.timestamp()))
    fields |= {name: value for name, value in (("device", settings.device), ("sound", settings.sound)) if value}
    return post_form(f"{settings.api_url}/1/messages.json", fields)


def _priority(alert: Alert, context: Context, settings: PushoverSettings) -> int:
    if alert.is_closed or follow_up(alert, context).is_relief:
        return _QUIET
    is_emergency = settings.emergency and alert.severity is Severity.CRITICAL
    return _EMERGENCY if is_emergency else level(alert, _PRIORITIES)


def read(answer: Answer, now: datetime) -> Outcome:
    """`status` 1 is success; else `errors` say why, and a wrong `token` or `user` is named."""
    outcome = judge(answer, now)
    if not isinstance(answer, HttpAnswer):
        return outcome
    said = json_object(answer)
    if outcome.kind is OutcomeClass.OK:
        if said.get("status") == 1:
            return replace(outcome, reference=text_of(said.get("receipt")) or text_of(said.get("request")))
        if "status" not in said:
            return unproven(outcome, "the answer is not Pushover's")
        outcome = replace(outcome, kind=OutcomeClass.REJECTED)
    if outcome.kind is OutcomeClass.REJECTED and "invalid" in (said.get("token"), said.get("user")):
        outcome = replace(outcome, kind=OutcomeClass.AUTH)
    if outcome.kind is OutcomeClass.RATE_LIMITED and outcome.hint_s is None:
        reset_at_s = seconds_of(answer.headers.get("x-limit-app-reset"))
        outcome = replace(outcome, hint_s=None if reset_at_s is None else max(0.0, reset_at_s - now.timestamp()))
    errors = said.get("errors")
    return explained(outcome, *(errors[:3] if isinstance(errors, list) else ()))


DESTINATION = Destination(
    summary="Push notification through Pushover, with a priority by severity",
    settings=PushoverSettings,
    format=format_message,
    read=read,
    backlog="latest",
    pace=Pace(per_s=1, burst=5),
    concurrency=1,
    limits={
        "title": "250 characters",
        "details": "256 characters",
        "changes": "170 characters, then +N more",
        "message": "1024 characters (Pushover's own limit); resources fill what is left, then +N more",
    },
    example="""\
# A Pushover application: https://pushover.net/apps/build
DESTINATION=pushover
API_URL=https://api.pushover.net
TOKEN=exampletokennotarealone0000000
USER=exampleuserkeynotarealone00000
MIN_SEVERITY=critical
""",
)
