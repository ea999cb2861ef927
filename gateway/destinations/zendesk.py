"""Zendesk: a ticket for each alert, internal notes for what changes, solved when it is suppressed.

Sources: https://developer.zendesk.com/api-reference/ticketing/introduction/ (Idempotency-Key, for new tickets),
https://developer.zendesk.com/api-reference/ticketing/tickets/tickets/ (fields, priorities, `external_id`; 201, 200),
https://developer.zendesk.com/api-reference/ticketing/tickets/ticket_comments/ (public or not; 5000 comments a ticket),
https://developer.zendesk.com/api-reference/introduction/rate-limits (429, Retry-After; by plan, and 100 updates a
minute). That a closed ticket is refused with 422 "closed prevents ticket update" is seen in many clients. Not verified:
65 535 as the limit of a comment, and its unit; we stay under it in bytes.

A ticket that is solved is closed for good after some days: what comes then is a new ticket. Texts are plain, but
{{placeholders}} are filled in, and links and mentions may be read: what starts one is broken up.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from pydantic import Field

from gateway.destinations import Context, Destination
from gateway.destinations._http import Token, explained, json_object, post_json
from gateway.destinations._report import Manner
from gateway.destinations._sign_in import BaseUrl, Server
from gateway.destinations._ticket import (
    LOST,
    Words,
    body,
    comment,
    headline,
    is_reopened,
    lost,
    noted,
    opened,
    ticket_of,
)
from gateway.domain.alert import JSON, Alert
from gateway.domain.message import Answer, HttpAnswer, HttpRequest
from gateway.domain.outcome import Outcome, OutcomeClass, judge
from gateway.domain.policy import Pace
from gateway.domain.severity import Severity
from gateway.domain.severity_map import level
from gateway.domain.text import utf8_bytes

_SUBJECT, _TEXT_BYTES = 150, 60_000
_ID = re.compile(r"[1-9]\d{0,17}")
_STARTS = re.compile(r"[@#<`]|\{(?=[{%])|:(?=//)|\](?=[(\[])")
_FOR_GOOD = "closed prevents ticket update"
_PRIORITIES = {
    Severity.CRITICAL: "urgent",
    Severity.HIGH: "high",
    Severity.MEDIUM: "normal",
    Severity.LOW: "low",
    Severity.UNKNOWN: "normal",
}


class ZendeskSettings(Server):
    url: BaseUrl = Field(description="the account, as in https://example.zendesk.com")
    email: str = Field(pattern=r"^[^\s:/@]+@[^\s:/@]+$", description="the agent in whose name tickets are opened")
    token: Token = Field(description="an API token")
    tags: Words = Field((), description="tags of new tickets")
    group_id: int | None = Field(None, ge=1, description="the group that new tickets go to")

    def secrets(self) -> tuple[str, ...]:
        return (self._basic(), *super().secrets())

    def _basic(self) -> str:
        return b64encode(f"{self.email}/token:{self.token.get_secret_value()}".encode()).decode("ascii")

    def headers(self) -> tuple[tuple[str, str], ...]:
        return (("Authorization", f"Basic {self._basic()}"), ("Accept", "application/json"))


def format_message(alert: Alert, context: Context, settings: ZendeskSettings) -> HttpRequest:
    ticket = ticket_of(alert, context, _ID)
    if not ticket:
        return _open(alert, context, settings)
    change: dict[str, JSON] = {
        "comment": {"body": comment(alert, context, _TEXT_BYTES, _PLAIN, utf8_bytes), "public": False},
        "priority": level(alert, _PRIORITIES),
    }
    if alert.is_closed:
        change["status"] = "solved"
    elif is_reopened(alert, context):
        change["status"] = "open"
    url = f"{settings.url}/api/v2/tickets/{ticket}.json"
    return replace(post_json(url, {"ticket": change}, settings.headers(), settings.tls), method="PUT")


def _open(alert: Alert, context: Context, settings: ZendeskSettings) -> HttpRequest:
    ticket: dict[str, JSON] = {
        "subject": headline(alert, context, _SUBJECT, _plain),
        "comment": {"body": body(alert, context, _TEXT_BYTES, _PLAIN, utf8_bytes), "public": False},
        "priority": level(alert, _PRIORITIES),
        "type": "incident",
        "external_id": alert.key,
    }
    if settings.tags:
        ticket["tags"] = list(settings.tags)
    if settings.group_id:
        ticket["group_id"] = settings.group_id
    headers = (*settings.headers(), ("Idempotency-Key", _idempotency_key(context)))
    return post_json(f"{settings.url}/api/v2/tickets.json", {"ticket": ticket}, headers, settings.tls)


def _idempotency_key(context: Context) -> str:
    """Of the same key Zendesk expects the same ticket."""
    marks = ["again"] * (context.progress == LOST) + ["short"] * context.shrink
    return "-".join([context.delivery_id, *marks])


def _plain(text: str) -> str:
    return _STARTS.sub("\\g<0>\u200b", text)


_PLAIN = Manner(_plain, "- ")


def read(answer: Answer, now: datetime, context: Context, _settings: ZendeskSettings) -> Outcome:
    outcome = judge(answer, now)
    if not isinstance(answer, HttpAnswer):
        return outcome
    said = json_object(answer)
    if outcome.kind is OutcomeClass.OK:
        ticket = said.get("ticket")
        found = ticket.get("id") if isinstance(ticket, dict) else None
        if _ID.fullmatch(context.reference) and found is None:
            return noted(outcome, answer, "Zendesk")
        return opened(outcome, answer, found, "Zendesk")
    outcome = explained(outcome, *_faults(said))
    if answer.status == 422 and _FOR_GOOD in outcome.reason and _ID.fullmatch(context.reference):
        outcome = replace(outcome, kind=OutcomeClass.GONE)
    return lost(outcome, context, _ID)


def _faults(said: Mapping[str, object]) -> list[object]:
    """`RecordInvalid`, or an object with a title; then what is wrong with each field."""
    error, details = said.get("error"), said.get("details")
    found: list[object] = [error.get("title"), error.get("message")] if isinstance(error, dict) else [error]
    lists = [faults for faults in details.values() if isinstance(faults, list)] if isinstance(details, dict) else []
    return found + [fault.get("description") for faults in lists[:3] for fault in faults[:1] if isinstance(fault, dict)]


DESTINATION = Destination(
    summary="Zendesk: one ticket for each alert, with internal notes, solved when it is suppressed",
    settings=ZendeskSettings,
    format=format_message,
    read_for=read,
    backlog="latest",
    pace=Pace(per_s=1, burst=5),
    concurrency=1,
    can_shrink=True,
    limits={
        "subject": "150 characters",
        "comments": "60 000 bytes; resources have what the rest leaves, then +N more",
    },
    example="""\
# Zendesk: Admin Center > Apps and integrations > Zendesk API > API tokens
DESTINATION=zendesk
URL=https://example.zendesk.com
EMAIL=gateway@example.com
TOKEN=example-token-not-a-real-one
TAGS=cloud-optix
MIN_SEVERITY=high
""",
)
