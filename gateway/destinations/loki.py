"""Grafana Loki: one log line of JSON for each alert.

Sources: https://grafana.com/docs/loki/latest/reference/loki-http-api/#ingest-logs (204; 260 where ingestion is blocked
on purpose; `X-Scope-OrgID`), https://grafana.com/docs/loki/latest/operations/request-validation-rate-limits/ (line
256 KB, label name 1024 and value 2048 bytes, 15 labels; 429; `entry too far behind`),
https://grafana.com/docs/loki/latest/get-started/labels/bp-labels/ (few labels with few values).

A line's time is when it was sent: Loki refuses what is an hour behind the newest line of a stream. When the alert was
seen stands in the line. A repeat is a second line with the same `delivery_id`.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from typing import Annotated

from pydantic import BeforeValidator, Field

from gateway.destinations import Context, Destination
from gateway.destinations._event import FORMATS, EventFormat, fitted_event
from gateway.destinations._http import as_json, explained, post_json, unproven
from gateway.destinations._sign_in import BaseUrl, SignIn
from gateway.domain.alert import JSON, Alert
from gateway.domain.message import Answer, HttpAnswer, HttpRequest
from gateway.domain.outcome import Outcome, OutcomeClass, judge
from gateway.domain.text import cut, one_line, utf8_bytes

_LINE_BYTES = 250_000
_LABEL, _MOST_LABELS = 1024, 10
_STORED = 204
# https://github.com/grafana/loki/blob/main/pkg/validation/validate.go, with 400
_TOO_LONG = "max entry size"
_OURS = frozenset({"service_name", "source", "severity"})
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def _labels(given: object) -> object:
    """`env=prod, team=cloud` as pairs."""
    if not isinstance(given, str):
        return given
    parts = [part.partition("=") for part in given.split(",") if part.strip()]
    found = tuple((name.strip(), value.strip()) for name, _, value in parts)
    names = [name for name, _ in found]
    if len(found) > _MOST_LABELS or len(set(names)) < len(names) or _OURS & set(names):
        raise ValueError(f"write at most {_MOST_LABELS} labels, none twice, and none of {', '.join(sorted(_OURS))}.")
    if any(not _NAME.fullmatch(name) or name.startswith("__") or not value for name, value in found):
        raise ValueError("write labels as in env=prod, team=cloud; names of letters, figures and _.")
    if any(utf8_bytes(text) > _LABEL for pair in found for text in pair):
        raise ValueError(f"a label must not be longer than {_LABEL} bytes.")
    return found


class LokiSettings(SignIn):
    url: BaseUrl = Field(description="the server, as in https://loki.example.com:3100")
    tenant: str = Field("", pattern=r"^[!-~]*$", max_length=150, description="sent as X-Scope-OrgID")
    labels: Annotated[tuple[tuple[str, str], ...], BeforeValidator(_labels)] = Field(
        (), description="further labels of the stream: env=prod, team=cloud"
    )
    format: EventFormat = Field("alert", description=FORMATS)


def format_message(alert: Alert, context: Context, settings: LokiSettings) -> HttpRequest:
    line = as_json(fitted_event(alert, context, settings.format, _LINE_BYTES)).decode()
    labels: dict[str, JSON] = {
        "service_name": "optix-gateway",
        "source": cut(one_line(alert.source), _LABEL, utf8_bytes),
        "severity": alert.severity.value,
        **dict(settings.labels),
    }
    sent_ns = int(context.sent_at.timestamp()) * 10**9 + context.sent_at.microsecond * 1000
    stream: dict[str, JSON] = {"stream": labels, "values": [[str(sent_ns), line]]}
    tenant = (("X-Scope-OrgID", settings.tenant),) if settings.tenant else ()
    headers = (*tenant, *settings.credentials())
    return post_json(f"{settings.url}/loki/api/v1/push", {"streams": [stream]}, headers, settings.tls)


def read(answer: Answer, now: datetime) -> Outcome:
    """204 is success. 260 means that the tenant is blocked: that the line was not stored, and may be later."""
    outcome = judge(answer, now)
    if not isinstance(answer, HttpAnswer):
        return outcome
    if outcome.kind is OutcomeClass.OK:
        return outcome if answer.status == _STORED else unproven(outcome, "Loki stores with 204")
    said = one_line(answer.body[:2000].decode("utf-8", "replace"))
    if outcome.kind is OutcomeClass.REJECTED and _TOO_LONG in said.lower():
        outcome = replace(outcome, kind=OutcomeClass.TOO_LARGE)
    return explained(outcome, said)


DESTINATION = Destination(
    summary="Grafana Loki: one line of JSON for each alert, in a stream for each severity",
    settings=LokiSettings,
    format=format_message,
    read=read,
    backlog="all",
    concurrency=8,
    can_shrink=True,
    limits={
        "line": "250 000 bytes; beyond that resources give way, with left_out as a true count",
        "labels": "service_name, source, severity and 10 of your own",
    },
    example="""\
# Grafana Loki, or Grafana Cloud with USERNAME and PASSWORD
DESTINATION=loki
URL=https://loki.example.com:3100
TENANT=security
LABELS=env=prod
""",
)
