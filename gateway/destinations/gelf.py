"""Graylog, and others that take the Graylog Extended Log Format, through a GELF input: HTTP, TCP, TLS or UDP.

Sources: https://go2docs.graylog.org/current/getting_in_log_data/gelf.html (version, host, short_message, timestamp in
seconds, level as in syslog; further fields begin with `_`, hold texts or numbers, and `_id` is none of them),
https://go2docs.graylog.org/current/getting_in_log_data/gelf_inputs.html (`/gelf`, 202; an input may want a header).
The index behind Graylog refuses a field whose text is longer than 32 766 bytes, so that ours stay well below.

Over TCP a NUL ends each message, which is not compressed then; over UDP a long one goes in chunks. Neither answers: a
message counts as sent when the receiver's machine acknowledged its bytes (TCP, TLS) or when it left ours (UDP), where
whatever is lost on the way is lost. There is no key that makes a repeat the same: `_optix_delivery` tells them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from gateway.destinations import Context, Destination
from gateway.destinations._fields import fields_of
from gateway.destinations._http import as_json, base_url, explained, post_json, unproven
from gateway.destinations._report import PLAIN, report
from gateway.destinations._sign_in import SignIn
from gateway.domain import address
from gateway.domain.alert import JSON, Alert
from gateway.domain.message import Answer, HttpAnswer, HttpRequest, SyslogRecord
from gateway.domain.outcome import Outcome, OutcomeClass, judge
from gateway.domain.severity_map import SYSLOG, SYSLOG_CLOSED, level
from gateway.domain.text import cut, utf8_bytes
from gateway.domain.wording import first_line

_SHORT, _FULL, _FIELD = 1000, 30_000, 8000
_ACCEPTED = 202
DEFAULT_PORT = 12201
_LOG_SCHEMES: dict[str, Literal["udp", "tcp", "tls"]] = {"udp": "udp", "tcp": "tcp", "tls": "tls"}


def _input(url: str) -> str:
    scheme, _, rest = url.partition("://")
    if scheme.lower() not in _LOG_SCHEMES:
        return base_url(url)
    try:
        parts = urlsplit(url)
        address.host(parts.hostname or "")
        whole = parts.port != 0 and not parts.path.strip("/") and not any(sign in rest for sign in "@?#")
    except ValueError:
        whole = False
    if not whole:
        raise ValueError("must be as in tcp://graylog.example.com:12201: scheme, host and port")
    return url.rstrip("/")


class GelfSettings(SignIn):
    url: Annotated[str, AfterValidator(_input)] = Field(
        description="the input: https://graylog.example.com:12201 (/gelf is added), or tcp://, tls:// or udp://"
    )
    host: str = Field("optix-gateway", min_length=1, max_length=255, description="the source of every message")

    @model_validator(mode="after")
    def _signs_in_by_http_only(self) -> Self:
        if self.credentials() and not self.url.lower().startswith("http"):
            raise ValueError("only an input over HTTP takes TOKEN, or USERNAME and PASSWORD")
        return self


def format_message(alert: Alert, context: Context, settings: GelfSettings) -> HttpRequest | SyslogRecord:
    payload = _payload(alert, context, settings)
    parts = urlsplit(settings.url)
    transport = _LOG_SCHEMES.get(parts.scheme)
    if transport is None:
        return post_json(f"{settings.url}/gelf", payload, settings.credentials(), settings.tls)
    return SyslogRecord(
        parts.hostname or "",
        parts.port or DEFAULT_PORT,
        transport,
        as_json(payload),
        framing="gelf",
        tls=settings.tls,
    )


def _payload(alert: Alert, context: Context, settings: GelfSettings) -> dict[str, JSON]:
    own = fields_of(alert, context, _FIELD, utf8_bytes)
    news = own.get("changed", "")
    return {
        "version": "1.1",
        "host": settings.host,
        "short_message": cut(first_line(alert, test=context.test, news=str(news)), _SHORT, utf8_bytes),
        "full_message": report(alert, context, _FULL, utf8_bytes, manner=PLAIN),
        "timestamp": round((alert.seen_at or context.sent_at).timestamp(), 3),
        "level": level(alert, SYSLOG, SYSLOG_CLOSED),
        **{f"_optix_{name}": value for name, value in own.items()},
    }


def read(answer: Answer, now: datetime) -> Outcome:
    """Over HTTP 202, and nothing else, is success."""
    outcome = judge(answer, now)
    if not isinstance(answer, HttpAnswer):
        return outcome
    if outcome.kind is OutcomeClass.OK and answer.status != _ACCEPTED:
        return unproven(outcome, "Graylog accepts with 202")
    if outcome.kind is OutcomeClass.OK:
        return outcome
    return explained(outcome, answer.body[:200].decode("utf-8", "replace").strip())


DESTINATION = Destination(
    summary="Graylog and others that take GELF, over HTTP, TCP, TLS or UDP",
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
        "udp": "never acknowledged; what is longer than 8192 bytes goes in chunks of that",
    },
    example="""\
# Graylog: System > Inputs > GELF HTTP; for GELF TCP or UDP leave TOKEN out, as in URL=tcp://graylog.example.com:12201
DESTINATION=gelf
URL=https://graylog.example.com:12201
TOKEN=examplegelftokennotareal
""",
)
