"""Graylog, and others that take the Graylog Extended Log Format, through a GELF HTTP input.

Sources: https://go2docs.graylog.org/current/getting_in_log_data/gelf.html (version, host, short_message, timestamp in
seconds, level as in syslog; further fields begin with `_`, hold texts or numbers, and `_id` is none of them),
https://go2docs.graylog.org/current/getting_in_log_data/gelf_inputs.html (`/gelf`, 202; an input may want a header).
The index behind Graylog refuses a field whose text is longer than 32 766 bytes, so that ours stay well below.

GELF over UDP (chunks) and TCP (records end with NUL) need transports of their own and are not spoken. There is no key
that makes a repeat the same: `_optix_delivery` tells them.
"""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from gateway.destinations import Context, Destination
from gateway.destinations._fields import fields_of
from gateway.destinations._http import explained, post_json, unproven
from gateway.destinations._report import PLAIN, report
from gateway.destinations._sign_in import BaseUrl, SignIn
from gateway.domain.alert import JSON, Alert
from gateway.domain.message import Answer, HttpAnswer, HttpRequest
from gateway.domain.outcome import Outcome, OutcomeClass, judge
from gateway.domain.severity_map import SYSLOG, SYSLOG_CLOSED, level
from gateway.domain.text import cut, utf8_bytes
from gateway.domain.wording import first_line

_SHORT, _FULL, _FIELD = 1000, 30_000, 8000
_ACCEPTED = 202


class GelfSettings(SignIn):
    url: BaseUrl = Field(description="the input, as in https://graylog.example.com:12201; /gelf is added")
    host: str = Field("optix-gateway", min_length=1, max_length=255, description="the source of every message")


def format_message(alert: Alert, context: Context, settings: GelfSettings) -> HttpRequest:
    own = fields_of(alert, context, _FIELD, utf8_bytes)
    news = own.get("changed", "")
    payload: dict[str, JSON] = {
        "version": "1.1",
        "host": settings.host,
        "short_message": cut(first_line(alert, test=context.test, news=str(news)), _SHORT, utf8_bytes),
        "full_message": report(alert, context, _FULL, utf8_bytes, manner=PLAIN),
        "timestamp": round((alert.seen_at or context.sent_at).timestamp(), 3),
        "level": level(alert, SYSLOG, SYSLOG_CLOSED),
        **{f"_optix_{name}": value for name, value in own.items()},
    }
    return post_json(f"{settings.url}/gelf", payload, settings.credentials(), settings.tls)


def read(answer: Answer, now: datetime) -> Outcome:
    """202, and nothing else, is success."""
    outcome = judge(answer, now)
    if not isinstance(answer, HttpAnswer):
        return outcome
    if outcome.kind is OutcomeClass.OK and answer.status != _ACCEPTED:
        return unproven(outcome, "Graylog accepts with 202")
    if outcome.kind is OutcomeClass.OK:
        return outcome
    return explained(outcome, answer.body[:200].decode("utf-8", "replace").strip())


DESTINATION = Destination(
    summary="Graylog and others that take GELF over HTTP",
    settings=GelfSettings,
    format=format_message,
    read=read,
    backlog="all",
    concurrency=8,
    can_shrink=True,
    limits={
        "short_message": "1000 bytes",
        "full_message": "30 000 bytes; resources fill what is left, then +N more",
        "fields": "_optix_…, each 8000 bytes",
    },
    example="""\
# Graylog: System > Inputs > GELF HTTP
DESTINATION=gelf
URL=https://graylog.example.com:12201
TOKEN=examplegelftokennotareal
""",
)
