"""Any HTTP receiver: the original bytes, our document, a CloudEvent or a body of the operator's own.

The design of signing and of `410 Gone`: https://www.standardwebhooks.com.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from itertools import product
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from gateway.destinations import Context, Destination, DestinationSettings, FormatFault
from gateway.destinations._event import event
from gateway.destinations._follow_up import follow_up
from gateway.destinations._http import HookUrl, as_json
from gateway.domain import cloudevents, standard_webhooks
from gateway.domain.alert import JSON, Alert
from gateway.domain.document import change_document, document
from gateway.domain.http_header import Headers, instructions, read_headers, value_of
from gateway.domain.message import Answer, HttpAnswer, HttpRequest, Tls
from gateway.domain.outcome import Outcome, OutcomeClass, judge, status_line
from gateway.domain.snapshot import OPEN, Snapshot, encode

JSON_TYPE = "application/json"
TEST_HEADER = "Optix-Gateway-Test"

_STATUSES = re.compile(r"([1-5]\d\d)(?:\s*-\s*([1-5]\d\d))?")
_SHORTEST_SECRET = 6
_PUBLIC_HEADERS = frozenset({"accept", "accept-language", "content-type", "user-agent", "host"})


def _ranges(given: object) -> object:
    """`200-299, 409` as pairs of first and last."""
    if not isinstance(given, str):
        return given
    found = [_STATUSES.fullmatch(part.strip()) for part in given.split(",")]
    pairs = [(int(match[1]), int(match[2] or match[1])) for match in found if match]
    if len(pairs) < len(found) or any(first > last for first, last in pairs):
        raise ValueError("write statuses and ranges of them, as in 200-299, 409.")
    return tuple(pairs)


def _readable_headers(given: SecretStr) -> SecretStr:
    read_headers(given.get_secret_value())
    return given


def _usable_key(given: SecretStr) -> SecretStr:
    standard_webhooks.key_of(given.get_secret_value())
    return given


def _upper(given: object) -> object:
    return given.upper() if isinstance(given, str) else given


class WebhookSettings(DestinationSettings):
    url: HookUrl = Field(description="where to send; kept byte for byte")
    method: Annotated[Literal["POST", "PUT", "PATCH"], BeforeValidator(_upper)] = Field(
        "POST", description="the HTTP method"
    )
    headers: Annotated[SecretStr, AfterValidator(_readable_headers)] = Field(
        SecretStr(""), description="Name: value | Name: value, or a JSON object"
    )
    format: Literal["original", "alert", "cloudevents", "ocsf", "ecs", "template"] = Field(
        "original",
        description="the bytes as received, our JSON, a CloudEvent, OCSF, Elastic Common Schema, or BODY",
    )
    body: str = Field(
        "",
        repr=False,
        description="Jinja template over alert, change, news, event and delivery; "
        "write texts as {{ alert.summary|tojson }}",
    )
    content_type: str = Field("", pattern=r"^([\x21-\x7e]+/[\x20-\x7e]+)?$", description=f"default {JSON_TYPE}")
    signing_secret: Annotated[SecretStr, AfterValidator(_usable_key)] | None = Field(
        None, description="Standard Webhooks signature: whsec_ and base64, or any text"
    )
    success: Annotated[tuple[tuple[int, int], ...], BeforeValidator(_ranges)] = Field(
        ((200, 299),), description="statuses that mean delivered: 200-299, 409"
    )
    cloudevents_mode: Literal["structured", "binary"] = Field(
        "structured", description="attributes in the body, or in headers"
    )
    ca_file: str = Field("", description="PEM file of the authorities to trust instead of the system's")
    tls_verify: bool = Field(True, description="false accepts any certificate")

    def secrets(self) -> tuple[str, ...]:
        """Besides the settings themselves, each header's value alone: receivers quote them."""
        values = (value for name, value in self.header_pairs if name.lower() not in _PUBLIC_HEADERS)
        parts = {part for value in values for part in (value, value.rpartition(" ")[2])}
        found = {part for part in parts if len(part) >= _SHORTEST_SECRET} | set(super().secrets())
        return tuple(sorted(found, key=len, reverse=True))

    def instructions(self) -> Mapping[str, Headers]:
        return {"headers": instructions(self.header_pairs)}

    def against_digests(self) -> str:
        if self.format != "original":
            return ""
        return "FORMAT=original sends the bytes of one alert. Set FORMAT to alert, cloudevents or template."

    @cached_property
    def header_pairs(self) -> Headers:
        return read_headers(self.headers.get_secret_value())

    @cached_property
    def typed(self) -> Headers:
        """The Content-Type, unless HEADERS has it."""
        if value_of(self.header_pairs, "content-type"):
            return ()
        return (("Content-Type", self.content_type or JSON_TYPE),)

    @cached_property
    def tls(self) -> Tls:
        return Tls(self.ca_file, self.tls_verify)

    @model_validator(mode="after")
    def _body_and_format_agree(self) -> Self:
        if self.format == "template" and not self.body.strip():
            raise ValueError("FORMAT=template needs a BODY or a BODY_FILE.")
        if self.format != "template" and self.body:
            raise ValueError("BODY is used with FORMAT=template only.")
        return self

    @model_validator(mode="after")
    def _no_header_is_claimed_twice(self) -> Self:
        claimed = {name.lower() for name in (*standard_webhooks.HEADER_NAMES, TEST_HEADER)}
        if self.content_type or self.format == "cloudevents":
            claimed.add("content-type")
        for name, _ in self.header_pairs:
            if name.lower() in claimed or (self.format == "cloudevents" and name.lower().startswith("ce-")):
                raise ValueError(f"HEADERS must not hold {name}: other settings decide on it.")
        if self.content_type and self.format == "cloudevents":
            raise ValueError("CONTENT_TYPE does not go with FORMAT=cloudevents, which prescribes it.")
        return self


Content = tuple[bytes, Headers]
"""A body and the headers that describe it."""


def _format(alert: Alert, context: Context, settings: WebhookSettings) -> HttpRequest:
    body, described = _CONTENTS[settings.format](alert, context, settings)
    return HttpRequest(
        url=settings.url.get_secret_value(),
        body=body,
        method=settings.method,
        headers=(*described, *_marks(context), *_signature(body, context, settings), *settings.header_pairs),
        tls=settings.tls,
    )


def _original(_alert: Alert, context: Context, settings: WebhookSettings) -> Content:
    return context.body, settings.typed


def _document(alert: Alert, context: Context, settings: WebhookSettings) -> Content:
    return as_json(_said(alert, context)), settings.typed


def _said(alert: Alert, context: Context) -> dict[str, JSON]:
    return {**document(alert), "change": change_document(follow_up(alert, context).change)}


def _cloudevent(alert: Alert, context: Context, settings: WebhookSettings) -> Content:
    attributes = cloudevents.attributes(alert, context.delivery_id, context.sent_at)
    if settings.cloudevents_mode == "binary":
        return as_json(_said(alert, context)), cloudevents.binary_headers(attributes)
    return as_json({**attributes, "data": _said(alert, context)}), (("Content-Type", cloudevents.CONTENT_TYPE),)


def _in_a_schema(alert: Alert, context: Context, settings: WebhookSettings) -> Content:
    return as_json(event(alert, context, "ocsf" if settings.format == "ocsf" else "ecs")), settings.typed


def _rendered(alert: Alert, context: Context, settings: WebhookSettings) -> Content:
    from gateway.destinations._template import check_json, render  # noqa: PLC0415 - jinja2 only where it is used

    text = render(settings.body, _variables(alert, context))
    described = settings.typed
    if _is_json(value_of((*described, *settings.header_pairs), "content-type") or ""):
        check_json(text)
    return text.encode("utf-8", "replace"), described


_CONTENTS: Mapping[str, Callable[[Alert, Context, WebhookSettings], Content]] = {
    "original": _original,
    "alert": _document,
    "cloudevents": _cloudevent,
    "ocsf": _in_a_schema,
    "ecs": _in_a_schema,
    "template": _rendered,
}


def _variables(alert: Alert, context: Context) -> Mapping[str, JSON]:
    """What a template may use: our reading of the alert, what changed since the receiver was told (`news`: in one line,
    "" when it was not), the event as it was sent, and this delivery.
    """
    follows = follow_up(alert, context)
    delivery: dict[str, JSON] = {
        "id": context.delivery_id,
        "route": context.route,
        "sent_at": context.sent_at.isoformat().replace("+00:00", "Z"),
        "test": context.test,
    }
    return {
        "alert": document(alert),
        "change": change_document(follows.change),
        "news": follows.news,
        "event": _event(context.body),
        "delivery": delivery,
    }


def _event(body: bytes) -> JSON:
    text = body.decode(json.detect_encoding(body), "replace").removeprefix("\ufeff")
    try:
        event: JSON = json.loads(text, strict=False, parse_constant=lambda _constant: None)
    except (ValueError, RecursionError):
        raise FormatFault("the body as received cannot be read as JSON for the template's `event`") from None
    return event


def _is_json(content_type: str) -> bool:
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type.endswith(("/json", "+json"))


def _marks(context: Context) -> Headers:
    return ((TEST_HEADER, "true"),) if context.test else ()


def _signature(body: bytes, context: Context, settings: WebhookSettings) -> Headers:
    """The id goes out unsigned too: receivers tell our rare repeats by it."""
    if settings.signing_secret is None:
        return ((standard_webhooks.HEADER_NAMES[0], context.delivery_id),)
    key = standard_webhooks.key_of(settings.signing_secret.get_secret_value())
    return standard_webhooks.signed_headers(key, context.delivery_id, int(context.sent_at.timestamp()), body)


def _read(answer: Answer, now: datetime, _context: Context, settings: WebhookSettings) -> Outcome:
    """SUCCESS decides what is delivered; everything else is judged as usual: 404 and 410 mean that the hook is gone."""
    outcome = judge(answer, now)
    if not isinstance(answer, HttpAnswer):
        return outcome
    delivered = any(first <= answer.status <= last for first, last in settings.success)
    if delivered and outcome.kind is not OutcomeClass.OK:
        return replace(outcome, kind=OutcomeClass.OK)
    if outcome.kind is OutcomeClass.OK and not delivered:
        return replace(outcome, kind=OutcomeClass.REJECTED, reason=f"{status_line(answer.status)} is not in SUCCESS")
    return outcome


_KNOWN = encode(Snapshot(None, (("a resource of before", OPEN),)))


def _verify(settings: WebhookSettings, samples: tuple[tuple[Alert, bytes], ...]) -> None:
    """A template is rendered against every sample, as a new incident and as one that the receiver knows."""
    if settings.format != "template":
        return
    moment = datetime.fromisoformat("2026-01-01T00:00:00+00:00")
    for (alert, body), before in product(samples, (None, _KNOWN)):
        try:
            _format(alert, Context("sample", "sample", body, moment, test=True, before=before), settings)
        except FormatFault as fault:
            raise FormatFault(f"BODY with the sample alert {alert.alert_id} ({alert.alert_type}): {fault}") from None


DESTINATION = Destination(
    summary="Any HTTP receiver: original payload, JSON, CloudEvents or your own template, signed if you like",
    settings=WebhookSettings,
    format=_format,
    read_for=_read,
    backlog="all",
    concurrency=32,
    limits={
        "body": "none of ours; FORMAT=original sends what was received, FORMAT=template at most 10 MiB",
        "template": "100000 loop steps; sandboxed; unknown names are faults",
        "success": "SUCCESS, 200-299 unless set; 404 and 410 pause the route",
    },
    example=(
        "DESTINATION=webhook\nURL=https://soar.example.com/hooks/optix\nHEADERS=Authorization: Bearer change-me\n"
        "FORMAT=cloudevents\nSIGNING_SECRET=whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD\n"
    ),
    verify=_verify,
)
