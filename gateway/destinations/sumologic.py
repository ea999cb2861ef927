"""Sumo Logic, through an HTTP Logs and Metrics source: one line of JSON for each alert.

Sources: https://help.sumologic.com/docs/send-data/hosted-collectors/http-source/logs-metrics/ (the URL is the
credential; at most 1 MB a request), …/upload-logs (headers `X-Sumo-Category`, `-Name`, `-Host`, `-Fields`),
https://help.sumologic.com/docs/send-data/hosted-collectors/http-source/troubleshooting/ (200; 401 for the token in the
URL; 408, 429, 503, 504),
https://help.sumologic.com/docs/send-data/reference-information/collect-multiline-logs (a message of more than 64 KB is
sliced, so that its JSON can no longer be parsed). Sumo Logic drops no repeats: `delivery_id` tells them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from gateway.destinations import Context, Destination
from gateway.destinations._event import FORMATS, EventFormat, fitted_event
from gateway.destinations._http import HookUrl, as_json, unproven
from gateway.destinations._sign_in import Server
from gateway.domain.alert import Alert
from gateway.domain.message import Answer, HttpAnswer, HttpRequest
from gateway.domain.outcome import Outcome, OutcomeClass, judge

_LINE_BYTES = 64_000
_STORED = 200

Said = Annotated[str, Field(max_length=1024, pattern=r"^[ -~]*$")]
"""What goes into a header."""


class SumoLogicSettings(Server):
    url: HookUrl = Field(description="the URL of an HTTP Logs and Metrics source; kept byte for byte")
    category: Said = Field("", description="source category; default: the source's own")
    name: Said = Field("", description="source name; default: the source's own")
    host: Said = Field("optix-gateway", description="source host")
    fields: Said = Field("", description="further fields: env=prod,team=cloud")
    format: EventFormat = Field("alert", description=FORMATS)


def format_message(alert: Alert, context: Context, settings: SumoLogicSettings) -> HttpRequest:
    named = (
        ("X-Sumo-Category", settings.category),
        ("X-Sumo-Name", settings.name),
        ("X-Sumo-Host", settings.host),
        ("X-Sumo-Fields", settings.fields),
    )
    headers = tuple((name, value) for name, value in named if value)
    body = as_json(fitted_event(alert, context, settings.format, _LINE_BYTES))
    content_type = ("Content-Type", "application/json; charset=utf-8")
    return HttpRequest(settings.url.get_secret_value(), body, headers=(content_type, *headers), tls=settings.tls)


def read(answer: Answer, now: datetime) -> Outcome:
    """200 without a word is success; a page in its place is somebody else's."""
    outcome = judge(answer, now)
    if not isinstance(answer, HttpAnswer) or outcome.kind is not OutcomeClass.OK:
        return outcome
    if answer.status != _STORED or answer.body.lstrip()[:1] == b"<":
        return unproven(outcome, "Sumo Logic answers 200 and nothing else")
    return outcome


DESTINATION = Destination(
    summary="Sumo Logic: one line of JSON for each alert, to an HTTP source",
    settings=SumoLogicSettings,
    format=format_message,
    read=read,
    backlog="all",
    concurrency=8,
    can_shrink=True,
    limits={"line": "64 000 bytes; beyond that resources give way, with left_out as a true count"},
    example="""\
# Sumo Logic: Collection > Add Source > HTTP Logs & Metrics > HTTP Source Address
DESTINATION=sumologic
URL=https://endpoint4.collection.sumologic.com/receiver/v1/http/ZXhhbXBsZS1ub3QtYS1yZWFsLXRva2Vu
CATEGORY=cloud/optix
""",
)
