"""Microsoft Sentinel, and any Log Analytics workspace: a row for each alert, through the Logs Ingestion API.

Sources: https://learn.microsoft.com/en-us/azure/azure-monitor/logs/logs-ingestion-api-overview (the address, an array
of rows that match the stream, 204; 403 without the role Monitoring Metrics Publisher on the rule; 404 for an unknown
rule), https://learn.microsoft.com/en-us/azure/azure-monitor/service-limits#logs-ingestion-api (1 MB a call, 64 KB a
value, beyond which Azure cuts; 429 with Retry-After),
https://learn.microsoft.com/en-us/azure/azure-monitor/logs/log-standard-columns#timegenerated (a time more than two days
ago, or more than a day ahead, gives way to the time of arrival).

204 comes before the row is in its table: columns that the stream does not declare are dropped there without a word.
There is no key that makes a repeat the same: the column `Delivery` tells them.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from pydantic import Field

from gateway.destinations import Context, Destination
from gateway.destinations._azure import EntraSettings, said
from gateway.destinations._event import fitted_event
from gateway.destinations._fields import fields_of
from gateway.destinations._http import as_json, unproven
from gateway.destinations._sign_in import BaseUrl
from gateway.domain.alert import JSON, Alert
from gateway.domain.message import Answer, GrantedRequest, HttpAnswer
from gateway.domain.outcome import Outcome, OutcomeClass, judge
from gateway.domain.text import cut
from gateway.domain.wording import first_line

_TAKEN = 204
# Their words for it are not documented; a complaint of one row does not speak of its stream.
_STREAM = re.compile(r"stream", re.IGNORECASE)
_TEXT, _SHRUNK_TEXT = 30_000, 4000
"""The longest text of a column in bytes of JSON: all of them together stay below the megabyte."""
_ALERT = 60_000
# Theirs are 48 hours; what waits in a queue there must not fall over them.
_OLDEST = timedelta(hours=47)

_TEXTS = {
    "Incident": "incident",
    "Delivery": "delivery",
    "Route": "route",
    "AlertId": "alert_id",
    "AlertSource": "source",
    "Severity": "severity",
    "Environment": "environment",
    "Provider": "provider",
    "AlertType": "alert_type",
    "Rule": "rule",
    "State": "state",
    "Change": "change",
    "Changed": "changed",
    "Policies": "policies",
    "Details": "details",
    "LastSeen": "last_seen",
    "ConsoleUrl": "console_url",
}

COLUMNS = {
    "TimeGenerated": "datetime",
    "Summary": "string",
    **dict.fromkeys(_TEXTS, "string"),
    "Score": "real",
    "ResourceCount": "int",
    "OpenCount": "int",
    "Test": "boolean",
    "Alert": "dynamic",
}
"""What a row may have, with the type as a stream declares it. `Alert` is everything there is to say."""


class SentinelSettings(EntraSettings):
    url: BaseUrl = Field(
        description="the logs ingestion endpoint of a rule or of a data collection endpoint, as in "
        "https://optix-abcd.westeurope-1.ingest.monitor.azure.com"
    )
    dcr: str = Field(pattern=r"^dcr-[A-Za-z0-9]{1,64}$", description="the immutable id of the data collection rule")
    stream: str = Field(
        "Custom-SophosOptix_CL",
        pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,127}$",
        description="the stream that the rule declares",
    )
    scope: str = Field("https://monitor.azure.com/.default", pattern=r"^\S+$", description="what the token is for")


def format_message(alert: Alert, context: Context, settings: SentinelSettings) -> GrantedRequest:
    return GrantedRequest(
        f"{settings.url}/dataCollectionRules/{settings.dcr}/streams/{settings.stream}?api-version=2023-01-01",
        as_json([_row(alert, context)]),
        headers=(("Content-Type", "application/json"),),
        tls=settings.tls,
        grant=settings.entra,
    )


def _row(alert: Alert, context: Context) -> dict[str, JSON]:
    """A column without a value is not there, and is null in the table."""
    longest = _SHRUNK_TEXT if context.shrink else _TEXT
    fields = fields_of(alert, context, longest, _json_bytes)
    summary = first_line(alert, test=context.test, news=str(fields.get("changed", "")))
    row: dict[str, JSON] = {"TimeGenerated": _moment(alert, context), "Summary": cut(summary, longest, _json_bytes)}
    row |= {column: fields[name] for column, name in _TEXTS.items() if name in fields}
    if "score" in fields:
        row["Score"] = fields["score"]
    row |= {"ResourceCount": fields["resource_count"], "OpenCount": fields["open_count"], "Test": context.test}
    return row | {"Alert": fitted_event(alert, context, "alert", _ALERT)}


def _json_bytes(text: str) -> int:
    return len(json.dumps(text, ensure_ascii=False).encode("utf-8", "surrogatepass"))


def _moment(alert: Alert, context: Context) -> str:
    """When it was seen, where that is a time which is kept; `LastSeen` has it in any case."""
    moment = context.sent_at
    if alert.seen_at and timedelta() <= context.sent_at - alert.seen_at <= _OLDEST:
        moment = alert.seen_at
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def read(answer: Answer, now: datetime) -> Outcome:
    """204 and nothing else is success. A stream that the rule does not have is a setting's fault, and every alert's."""
    outcome = judge(answer, now)
    if not isinstance(answer, HttpAnswer):
        return outcome
    if outcome.kind is OutcomeClass.OK:
        return outcome if answer.status == _TAKEN else unproven(outcome, "Azure Monitor answers 204 when it took a row")
    told = said(outcome, answer)
    if told.kind is OutcomeClass.REJECTED and _STREAM.search(told.reason):
        return replace(told, kind=OutcomeClass.GONE)
    return told


DESTINATION = Destination(
    summary="Microsoft Sentinel or a Log Analytics workspace: a row for each alert, through the Logs Ingestion API",
    settings=SentinelSettings,
    format=format_message,
    read=read,
    backlog="all",
    can_shrink=True,
    limits={
        "columns": "those of sentinel.md, which the stream has to declare; each 30 000 bytes",
        "Alert": "60 000 bytes; beyond that resources give way, with left_out as a true count",
        "TimeGenerated": "what was seen more than 47 hours ago has the time of sending",
        "repeats": "rare: summarize by Delivery, the same in every attempt",
        "permissions": "the role Monitoring Metrics Publisher on the data collection rule",
    },
    example="""\
# The table, its stream and the rule: sentinel.md. In Azure: IDENTITY=managed instead of the secret
DESTINATION=sentinel
URL=https://optix-abcd.westeurope-1.ingest.monitor.azure.com
DCR=dcr-00000000000000000000000000000000
TENANT=contoso.onmicrosoft.com
CLIENT_ID=00000000-0000-0000-0000-000000000000
CLIENT_SECRET=example~not-a-real-secret
""",
)
