"""Splunk, through the HTTP Event Collector.

Sources: https://docs.splunk.com/Documentation/Splunk/latest/Data/FormateventsforHTTPEventCollector (`time`, `host`,
`source`, `sourcetype`, `index`, `event`, `fields`: flat), …/Data/TroubleshootHTTPEventCollector (statuses and codes),
…/Data/AboutHECIDXAck (channel). That Splunk Cloud takes 1 MB at most is commonly said; Splunk's own page on it could
not be read, so that we stay below it. HEC drops no repeats: `delivery` tells them.

With indexer acknowledgement a 200 says that the event is held in memory. We do not ask later whether it was indexed.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Annotated

from pydantic import Field

from gateway.destinations import Context, Destination
from gateway.destinations._event import FORMATS, EventFormat, fitted_event
from gateway.destinations._http import Token, explained, json_object, post_json, text_of, unproven
from gateway.destinations._sign_in import BaseUrl, Server
from gateway.domain.alert import JSON, Alert
from gateway.domain.message import Answer, HttpAnswer, HttpRequest
from gateway.domain.outcome import Outcome, OutcomeClass, judge

_EVENT_BYTES = 900_000
_UUID = r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
# "Incorrect index", "Data channel is missing", "Invalid data channel": true of every alert until a setting changes.
_WRONG_SETTINGS = frozenset({"7", "10", "11"})
Word = Annotated[str, Field(min_length=1, max_length=256)]


class SplunkHecSettings(Server):
    url: BaseUrl = Field(description="the collector, as in https://splunk.example.com:8088")
    token: Token = Field(description="the token of an HTTP Event Collector input")
    index: str = Field("", max_length=256, description="default: the token's own")
    sourcetype: Word = Field("sophos:optix:alert", description="the source type of every event")
    host: Word = Field("optix-gateway", description="the host of every event")
    channel: str = Field(
        "", pattern=rf"{_UUID}|^$", description="a GUID; needed where the token has indexer acknowledgement"
    )
    format: EventFormat = Field("alert", description=FORMATS)


def format_message(alert: Alert, context: Context, settings: SplunkHecSettings) -> HttpRequest:
    payload: dict[str, JSON] = {
        "time": round((alert.seen_at or context.sent_at).timestamp(), 3),
        "host": settings.host,
        "source": alert.source,
        "sourcetype": settings.sourcetype,
        "event": fitted_event(alert, context, settings.format, _EVENT_BYTES),
        "fields": {"incident": alert.key, "delivery": context.delivery_id, "severity": alert.severity.value},
    }
    if settings.index:
        payload["index"] = settings.index
    headers = [("Authorization", f"Splunk {settings.token.get_secret_value()}")]
    if settings.channel:
        headers.append(("X-Splunk-Request-Channel", settings.channel))
    return post_json(f"{settings.url}/services/collector/event", payload, tuple(headers), settings.tls)


def read(answer: Answer, now: datetime) -> Outcome:
    """200 with code 0, and nothing else, is success."""
    outcome = judge(answer, now)
    if not isinstance(answer, HttpAnswer):
        return outcome
    said = json_object(answer)
    code, outcome = text_of(said.get("code")), explained(outcome, said.get("text"))
    if outcome.kind is OutcomeClass.OK and code != "0":
        return unproven(outcome, "Splunk says code 0 when it took an event")
    if outcome.kind is OutcomeClass.REJECTED and code in _WRONG_SETTINGS:
        return replace(outcome, kind=OutcomeClass.GONE)
    return outcome


DESTINATION = Destination(
    summary="Splunk Enterprise or Splunk Cloud, through the HTTP Event Collector",
    settings=SplunkHecSettings,
    format=format_message,
    read=read,
    backlog="all",
    concurrency=8,
    can_shrink=True,
    limits={
        "event": "900 000 bytes; beyond that resources give way, with left_out as a true count",
        "acknowledgement": "200 with code 0; that an indexer acknowledged it is not asked",
    },
    example="""\
# Splunk: Settings > Data inputs > HTTP Event Collector > New Token
DESTINATION=splunk-hec
URL=https://splunk.example.com:8088
TOKEN=00000000-1111-2222-3333-example000000
INDEX=security
""",
)
