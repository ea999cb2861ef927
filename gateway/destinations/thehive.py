"""TheHive 5: an alert in TheHive for each of ours, kept up to date, and closed when it is suppressed.

Sources: https://github.com/TheHive-Project/TheHive4py, the vendor's client (POST /api/v1/alert, 201 with `_id`; PATCH
/api/v1/alert/{id}; its fields; X-Organisation), https://docs.strangebee.com/thehive/api-docs (type and source 32,
sourceRef 128, title 512, description 1 048 576, externalLink 4096; severity 1 to 4, tlp and pap),
https://github.com/TheHive-Project/TheHive/issues/1302 (type, source and sourceRef together are unique) and /1094 (what
is there already is answered with 400). Not verified: the names of the states on a server, which an administrator may
change: CLOSED_STATUS and OPEN_STATUS say them.

`sourceRef` is our key. Where TheHive has it already, because its answer got lost, that counts as done; as we do not
know the id of that alert, the next change makes an alert of its own, with the delivery in its sourceRef. Resources are
in the description, not observables: two with the same text are refused (issue 1514).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from hashlib import sha256

from pydantic import Field

from gateway.destinations import Context, Destination
from gateway.destinations._http import Token, explained, json_object, post_json, text_of
from gateway.destinations._sign_in import BaseUrl, Server
from gateway.destinations._ticket import (
    LOST,
    MARKDOWN,
    Words,
    body,
    field,
    fields,
    headline,
    is_reopened,
    link_to,
    lost,
    noted,
    opened,
    ticket_of,
)
from gateway.domain.alert import JSON, Alert
from gateway.domain.digest import EVENT_TYPE as DIGEST
from gateway.domain.message import Answer, HttpAnswer, HttpRequest
from gateway.domain.outcome import Outcome, OutcomeClass, judge
from gateway.domain.policy import Pace
from gateway.domain.severity import Severity
from gateway.domain.severity_map import level

_TITLE, _TEXT, _TAG, _TAGS = 512, 100_000, 100, 30
_ID = re.compile(r"~?[0-9]{1,30}")
_SOURCE = "Sophos Cloud Optix"
_SEVERITIES = {
    Severity.CRITICAL: 4,
    Severity.HIGH: 3,
    Severity.MEDIUM: 2,
    Severity.LOW: 1,
    Severity.UNKNOWN: 2,
}


class TheHiveSettings(Server):
    url: BaseUrl = Field(description="the server, as in https://thehive.example.com")
    api_key: Token = Field(description="the API key of a user who may manage alerts")
    organisation: str = Field("", pattern=r"^[ -~]*$", description="the organisation, where the user has several")
    type: str = Field("cloud-optix", min_length=1, max_length=32, description="the alerts' type")
    tags: Words = Field((), description="tags beside those of the alert")
    tlp: int = Field(2, ge=0, le=4, description="who may see it: 0 clear, 1 green, 2 amber, 3 amber+strict, 4 red")
    pap: int = Field(2, ge=0, le=3, description="what may be done with it: 0 clear, 1 green, 2 amber, 3 red")
    closed_status: str = Field("Ignored", min_length=1, description="the state of an alert that is suppressed")
    open_status: str = Field("New", min_length=1, description="the state of one that comes back")

    def headers(self) -> tuple[tuple[str, str], ...]:
        named = (("X-Organisation", self.organisation),) if self.organisation else ()
        return (("Authorization", f"Bearer {self.api_key.get_secret_value()}"), *named)


def format_message(alert: Alert, context: Context, settings: TheHiveSettings) -> HttpRequest:
    alerts = f"{settings.url}/api/v1/alert"
    known = ticket_of(alert, context, _ID)
    if not known:
        return post_json(alerts, _opening(alert, context, settings), settings.headers(), settings.tls)
    change = _texts(alert, context)
    if alert.is_closed:
        change["status"] = settings.closed_status
    elif is_reopened(alert, context):
        change["status"] = settings.open_status
    return replace(post_json(f"{alerts}/{known}", change, settings.headers(), settings.tls), method="PATCH")


def _texts(alert: Alert, context: Context) -> dict[str, JSON]:
    return {
        "title": headline(alert, context, _TITLE),
        "description": body(alert, context, _TEXT, MARKDOWN),
        "severity": level(alert, _SEVERITIES),
    }


def _opening(alert: Alert, context: Context, settings: TheHiveSettings) -> dict[str, JSON]:
    opening: dict[str, JSON] = {
        "type": settings.type,
        "source": _SOURCE,
        "sourceRef": _source_ref(alert, context),
        **_texts(alert, context),
        "tlp": settings.tlp,
        "pap": settings.pap,
        "tags": _tags(alert, settings),
        **fields(externalLink=link_to(alert)),
    }
    if alert.seen_at:
        opening["date"] = int(alert.seen_at.timestamp() * 1000)
    return opening


def _source_ref(alert: Alert, context: Context) -> str:
    """The alert's key, unless TheHive has, or had, an alert under it."""
    if context.before is None and context.progress != LOST and alert.event_type != DIGEST:
        return alert.key
    return f"{alert.key}-{sha256(context.delivery_id.encode()).hexdigest()[:16]}"


def _tags(alert: Alert, settings: TheHiveSettings) -> JSON:
    said = (field(text, _TAG) for text in (alert.provider, alert.alert_type, alert.rule, *alert.policy_labels))
    return list[JSON](dict.fromkeys(filter(None, (*settings.tags, *said))))[:_TAGS]


def read(answer: Answer, now: datetime, context: Context, _settings: TheHiveSettings) -> Outcome:
    outcome = judge(answer, now)
    if not isinstance(answer, HttpAnswer):
        return outcome
    said = json_object(answer)
    goes_on = bool(_ID.fullmatch(context.reference)) and context.progress != LOST
    if outcome.kind is OutcomeClass.OK:
        if goes_on and "_id" not in said:
            return noted(outcome, answer, "TheHive")
        return opened(outcome, answer, said.get("_id"), "TheHive")
    outcome = explained(outcome, said.get("type"), said.get("message"))
    if not goes_on and answer.status == 400 and _is_there(said):
        return replace(outcome, kind=OutcomeClass.OK)
    return lost(outcome, context, _ID)


def _is_there(said: Mapping[str, object]) -> bool:
    return said.get("type") in ("CreateError", "ConflictError") and "already exist" in text_of(said.get("message"), 500)


DESTINATION = Destination(
    summary="TheHive 5: one alert for each, updated as it changes and closed when it is suppressed",
    settings=TheHiveSettings,
    format=format_message,
    read_for=read,
    backlog="latest",
    pace=Pace(per_s=2, burst=10),
    concurrency=1,
    can_shrink=True,
    limits={
        "title": "512 characters",
        "description": "100 000 characters; resources have what the rest leaves, then +N more",
        "tags": "30 of 100 characters",
    },
    example="""\
# TheHive: Organisation > Users > a user with the profile analyst > Create API key
DESTINATION=thehive
URL=https://thehive.example.com
API_KEY=example-api-key-not-a-real-one
TAGS=cloud
MIN_SEVERITY=medium
""",
)
