"""Matrix, as a message to a room.

Sources: https://spec.matrix.org/latest/client-server-api/#put_matrixclientv3roomsroomidsendeventtypetxnid (a repeat
with the same transaction id stores nothing new; we use the delivery's), #size-limits (65 536 bytes for a whole event),
#mroommessage-msgtypes (HTML; `m.notice` makes no sound), #user-and-room-mentions (`m.mentions`: empty mentions nobody,
whatever the text says), #threading, #rate-limiting (`retry_after_ms`, deprecated since 1.10 for Retry-After).
A room that is encrypted shows the message as one that is not.

A follow-up is a reply in the thread of the incident's first message, and a notice when nothing got worse.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from typing import Annotated
from urllib.parse import quote

from pydantic import AfterValidator, Field, SecretStr

from gateway.destinations import Context, Destination, DestinationSettings
from gateway.destinations._follow_up import follow_up
from gateway.destinations._http import base_url, explained, json_object, post_json, seconds_of, text_of, unproven
from gateway.destinations._post import PLAIN, Markup, Room, entities, inert, json_bytes, post
from gateway.domain.alert import JSON, Alert
from gateway.domain.markup import html
from gateway.domain.message import Answer, HttpAnswer, HttpRequest, Tls
from gateway.domain.outcome import Outcome, OutcomeClass, judge
from gateway.domain.policy import Pace

_BODY, _HTML = Room(15_000, json_bytes), Room(40_000, json_bytes)
_TEXT = PLAIN._replace(escape=inert, verbatim=inert, link=lambda url, _label: url)
_MARKED = Markup(
    escape=lambda text: html(inert(text)),
    verbatim=entities,
    bold=("<strong>", "</strong>"),
    block=("<pre><code>", "</code></pre>"),
    changes=('<pre><code class="language-diff">', "</code></pre>"),
    link=lambda url, label: f'<a href="{entities(url)}">{label}</a>',
    newline="<br>",
)
_EVENT = re.compile(r"\$[!-~]{1,254}")


class MatrixSettings(DestinationSettings):
    url: Annotated[str, AfterValidator(base_url)] = Field(description="the homeserver's address")
    token: SecretStr = Field(min_length=1, description="an access token of the account that sends")
    room_id: str = Field(pattern=r"^!\S{1,254}$", description="the room's internal id (!…), not its alias")
    ca_file: str = Field("", description="PEM file of the authorities to trust instead of the system's")
    tls_verify: bool = Field(True, description="false accepts any certificate")


def format_message(alert: Alert, context: Context, settings: MatrixSettings) -> HttpRequest:
    room, transaction = quote(settings.room_id, safe=""), quote(context.delivery_id, safe="")
    request = post_json(
        f"{settings.url}/_matrix/client/v3/rooms/{room}/send/m.room.message/{transaction}",
        _content(alert, context),
        (("Authorization", f"Bearer {settings.token.get_secret_value()}"),),
        Tls(settings.ca_file, settings.tls_verify),
    )
    return replace(request, method="PUT")


def _content(alert: Alert, context: Context) -> dict[str, JSON]:
    follows = follow_up(alert, context)
    content: dict[str, JSON] = {
        "msgtype": "m.notice" if alert.is_closed or follows.is_relief else "m.text",
        "body": post(alert, context, _BODY, _TEXT),
        "format": "org.matrix.custom.html",
        "formatted_body": post(alert, context, _HTML, _MARKED),
        "m.mentions": {},
    }
    if follows.change is not None and _EVENT.fullmatch(context.reference):
        content["m.relates_to"] = {
            "rel_type": "m.thread",
            "event_id": context.reference,
            "is_falling_back": True,
            "m.in_reply_to": {"event_id": context.reference},
        }
    return content


def read(answer: Answer, now: datetime, context: Context, settings: MatrixSettings) -> Outcome:
    """200 with the event's id; an error says why in `errcode` and `error`."""
    del settings
    outcome = judge(answer, now)
    if not isinstance(answer, HttpAnswer):
        return outcome
    said = json_object(answer)
    if outcome.kind is OutcomeClass.OK:
        event = text_of(said.get("event_id"), 255)
        if not event:
            return unproven(outcome, "the answer names no event")
        return replace(outcome, reference=context.reference if _EVENT.fullmatch(context.reference) else event)
    if outcome.kind is OutcomeClass.RATE_LIMITED:
        wait_ms = seconds_of(said.get("retry_after_ms"))
        hints = [hint for hint in (outcome.hint_s, None if wait_ms is None else wait_ms / 1000) if hint is not None]
        outcome = replace(outcome, hint_s=max(hints, default=None))
    return explained(outcome, said.get("errcode"), said.get("error"))


DESTINATION = Destination(
    summary="Matrix room, as an account of its homeserver; follow-ups come in a thread, repeats are not stored twice",
    settings=MatrixSettings,
    format=format_message,
    read_for=read,
    backlog="latest",
    pace=Pace(per_s=2, burst=5),
    concurrency=1,
    can_shrink=True,
    limits={
        "details": "10 000 bytes",
        "changes": "6666 bytes, then +N more",
        "message": "40 000 bytes as HTML; resources fill what is left, then +N more",
        "whole event": "65 536 bytes (Matrix's own limit)",
    },
    example="""\
# A Matrix room: the account has joined it; Room settings > Advanced > Internal room ID
DESTINATION=matrix
URL=https://matrix.example.com
TOKEN=syt_example_token_not_a_real_one
ROOM_ID=!exampleroom:example.com
MIN_SEVERITY=high
""",
)
