"""Syslog servers and SIEM collectors: RFC 5424 over UDP, TCP or TLS, worded for people, as CEF or as LEEF."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, ByteSize, Field, model_validator

from gateway.destinations import Context, Destination, DestinationSettings
from gateway.destinations._follow_up import FollowUp, follow_up
from gateway.domain import address, cef, leef, rfc5424
from gateway.domain.alert import Alert
from gateway.domain.message import SyslogRecord, Tls
from gateway.domain.optix import console_url
from gateway.domain.severity_map import SYSLOG, SYSLOG_CLOSED, level
from gateway.domain.text import cut, fit_list, utf8_bytes
from gateway.domain.wording import first_line, resource_lines

DEFAULT_PORTS = {"udp": 514, "tcp": 601, "tls": 6514}
DEFAULT_MAX_BYTES = {"udp": 2048, "tcp": 8192, "tls": 8192}
LARGEST_DATAGRAM = 65_507
LARGEST_RECORD = 1024 * 1024

EXAMPLE_ENTERPRISE_ID = 32473
"""The number that RFC 5612 sets aside for examples: for those who have no enterprise number of their own."""


def _facility(given: object) -> object:
    """A name or a number, as a number."""
    name = str(given).strip().lower()
    if name in rfc5424.FACILITIES:
        return rfc5424.FACILITIES.index(name)
    if name.isascii() and name.isdigit() and int(name) < len(rfc5424.FACILITIES):
        return int(name)
    raise ValueError("there is no such facility. Write a number from 0 to 23 or a name, as in local0, auth or daemon.")


HeaderText = Annotated[str, Field(pattern=r"^[!-~]+$")]


class SyslogSettings(DestinationSettings):
    """`facility` is the number. `framing` concerns TCP: TLS always counts octets, and UDP needs none."""

    host: Annotated[str, AfterValidator(address.host)] = Field(description="name or IP address of the collector")
    port: Annotated[int, Field(ge=1, le=65535)] | None = Field(None, description="default 514 udp, 601 tcp, 6514 tls")
    transport: Literal["udp", "tcp", "tls"] = Field("udp", description="udp is never acknowledged")
    framing: Literal["octet", "lf"] = Field("octet", description="how tcp tells records apart")
    format: Literal["text", "cef", "leef"] = Field("text", description="a line for people, CEF, or LEEF 2.0")
    facility: Annotated[int, BeforeValidator(_facility)] = Field(
        rfc5424.FACILITIES.index("local0"), description="name or number; default local0"
    )
    hostname: Annotated[HeaderText, Field(max_length=rfc5424.MAX_HOSTNAME)] = Field(
        "optix-gateway", description="the sender's name in each record"
    )
    app_name: Annotated[HeaderText, Field(max_length=rfc5424.MAX_APP_NAME)] = Field(
        "optix-gateway", description="the program's name in each record"
    )
    max_bytes: ByteSize | None = Field(None, description="longest message; default 2048 over udp, else 8192")
    enterprise_id: Annotated[int, Field(ge=1, le=2**32 - 1)] = Field(
        EXAMPLE_ENTERPRISE_ID, description="IANA enterprise number in the id of the structured data"
    )
    ca_file: str = Field("", description="PEM file of the authorities to trust instead of the system's")
    tls_verify: bool = Field(True, description="false accepts any certificate")

    @model_validator(mode="after")
    def _fits_the_transport(self) -> Self:
        if self.transport == "tls" and self.framing == "lf":
            raise ValueError("FRAMING=lf does not go with TRANSPORT=tls, which counts octets (RFC 5425).")
        most = LARGEST_DATAGRAM if self.transport == "udp" else LARGEST_RECORD
        if not rfc5424.EVERY_RECEIVER_TAKES <= self.byte_limit <= most:
            raise ValueError(f"MAX_BYTES must be from {rfc5424.EVERY_RECEIVER_TAKES} to {most} over {self.transport}.")
        return self

    @property
    def port_number(self) -> int:
        return self.port or DEFAULT_PORTS[self.transport]

    @property
    def byte_limit(self) -> int:
        return DEFAULT_MAX_BYTES[self.transport] if self.max_bytes is None else int(self.max_bytes)


def _format(alert: Alert, context: Context, settings: SyslogSettings) -> SyslogRecord:
    at = alert.seen_at or context.sent_at
    header = _header(alert, at, settings)
    worded = _text if settings.format == "text" else _for_a_siem
    return SyslogRecord(
        host=settings.host,
        port=settings.port_number,
        transport=settings.transport,
        data=worded(header, alert, context, settings),
        framing=settings.framing,
        tls=Tls(settings.ca_file, settings.tls_verify),
    )


def _header(alert: Alert, at: datetime, settings: SyslogSettings) -> rfc5424.Header:
    return rfc5424.Header(
        facility=settings.facility,
        severity=level(alert, SYSLOG, SYSLOG_CLOSED),
        at=at,
        hostname=settings.hostname,
        app_name=settings.app_name,
        msg_id=alert.alert_type or alert.event_type,
    )


def _text(header: rfc5424.Header, alert: Alert, context: Context, settings: SyslogSettings) -> bytes:
    """At most a half of the room goes to structured data, the rest to the text, whose resources give way first."""
    room = settings.byte_limit - utf8_bytes(f"{header}  {rfc5424.BOM}")
    follows = follow_up(alert, context)
    data = rfc5424.element(f"optix@{settings.enterprise_id}", _params(alert, context, follows), max_bytes=room // 2)
    said = _said(alert, first_line(alert, test=context.test, news=follows.news), room - utf8_bytes(data))
    return rfc5424.message(header, data, rfc5424.BOM + said)


def _for_a_siem(header: rfc5424.Header, alert: Alert, context: Context, settings: SyslogSettings) -> bytes:
    """No byte order mark and no structured data: collectors look for `CEF:` or `LEEF:` where the text begins."""
    room = settings.byte_limit - utf8_bytes(f"{header} {rfc5424.NIL} ")
    follows = follow_up(alert, context)
    event = cef.event if settings.format == "cef" else leef.event
    line = event(
        alert,
        link=console_url(alert),
        delivery_id=context.delivery_id,
        at=header.at,
        test=context.test,
        max_bytes=room,
        change=(follows.reasons, follows.news),
    )
    return rfc5424.message(header, rfc5424.NIL, line)


def _params(alert: Alert, context: Context, follows: FollowUp) -> Sequence[tuple[str, str]]:
    """Most important first. A link that would have to be cut is left out."""
    link = console_url(alert)
    return (
        ("alert", alert.alert_id),
        ("severity", alert.severity.value),
        ("environment", alert.environment),
        ("rule", alert.rule),
        ("incident", alert.key),
        ("change", follows.reasons),
        ("test", "true" if context.test else ""),
        ("resources", str(len(alert.resources))),
        ("open", str(alert.open_count)),
        ("suppressed", str(alert.suppressed_count)),
        ("score", "" if alert.score is None else f"{alert.score:g}"),
        ("type", alert.alert_type),
        ("provider", alert.provider),
        ("source", alert.source),
        ("delivery", context.delivery_id),
        ("policies", ", ".join(alert.policy_labels)),
        ("link", link if len(link) <= rfc5424.VALUE_BYTES else ""),
    )


def _said(alert: Alert, line: str, room: int) -> str:
    """One line: what happened and where, then as many resources as fit, with a true count of the others."""
    line = cut(line, room, utf8_bytes)
    left = room - utf8_bytes(line) - 2
    resources = fit_list(resource_lines(alert), left, utf8_bytes) if alert.resources and left > 0 else ""
    return f"{line}: {resources}" if resources else line


DESTINATION = Destination(
    summary="Syslog server or SIEM collector: RFC 5424 over UDP, TCP or TLS, as text, CEF or LEEF",
    settings=SyslogSettings,
    format=_format,
    backlog="all",
    limits={
        "message": "MAX_BYTES: 2048 over udp, 8192 over tcp and tls unless set (RFC 5424, RFC 5425)",
        "structured data": "half of what the header leaves; each value 255 bytes",
        "CEF fields": "name 512, act 63, externalId 40, reason, flexString1 and msg 1023, cs1 to cs6 4000 characters",
        "LEEF attributes": "name 512, changed and policy 1024, msg 4000, others 255 bytes",
        "resources": "as many as fit, then +N more",
        "acknowledgement": "none: delivered means that the bytes were written; choose tls or tcp where loss matters",
    },
    example="DESTINATION=syslog\nHOST=siem.example.com\nTRANSPORT=tls\nFORMAT=cef\nMIN_SEVERITY=high\n",
)
