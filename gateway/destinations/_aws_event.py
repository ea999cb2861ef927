"""An alert as a text within what a service in AWS takes, and what stands beside it.

`original` is the vendor's event. Where it is too large, the same event goes with fewer entries in its lists, and
`left_out` says how many are missing: who reads it as the vendor's still can.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from hashlib import sha256
from math import isfinite
from typing import Literal, TypeAlias

from gateway.destinations import Context, FormatFault
from gateway.destinations._event import fitted_event
from gateway.destinations._http import as_json
from gateway.domain import cloudevents
from gateway.domain.alert import JSON, Alert
from gateway.domain.clip import Counts, Document, fitted, smallest
from gateway.domain.text import cut, one_line, utf8_bytes

Form: TypeAlias = Literal["original", "alert", "cloudevents", "ocsf", "ecs"]
FORMS = "the event as received, the alert as JSON, a CloudEvent, an OCSF 1.5 finding, or Elastic Common Schema"
AGAINST_DIGESTS = "FORMAT=original sends the event of one alert. Set FORMAT to alert or cloudevents."
ATTRIBUTES = "delivery_id, incident, content_type, severity, state, source, environment, alert_type, rule, test"
_LARGEST_VALUE = 256
_MOST, _DIGITS = 2**63, 25

Cost: TypeAlias = Callable[[str], int]
"""What a text costs of a limit in bytes."""

# What no message of SNS and SQS may hold: all that is no character of XML 1.0.
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_IN_A_NAME = re.compile(r"[!-~]{1,128}")


def carried(text: str) -> str:
    """JSON in which everything that SNS and SQS refuse is written as an escape, which means the same."""
    return _ILLEGAL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def event_text(alert: Alert, context: Context, form: Form, max_bytes: int, cost: Cost = utf8_bytes) -> str:
    """`max_bytes` (32 KiB at least) as `cost` counts them. Raises FormatFault."""
    if form == "original":
        return _original(context, max_bytes, cost)
    if form != "cloudevents":
        return _text(fitted_event(alert, context, form, max_bytes, lambda made: cost(_text(made))))
    attributes = cloudevents.attributes(alert, context.delivery_id, context.sent_at)
    data = fitted_event(alert, context, "alert", max_bytes, lambda made: cost(_text({**attributes, "data": made})))
    return _text({**attributes, "data": data})


def type_of(form: Form) -> str:
    return cloudevents.CONTENT_TYPE if form == "cloudevents" else "application/json"


def _text(made: Mapping[str, JSON]) -> str:
    return carried(as_json(made).decode())


def _original(context: Context, max_bytes: int, cost: Cost) -> str:
    text = carried(decoded(context.body))
    if not context.shrink and cost(text) <= max_bytes:
        return text
    event = as_object(text)
    if context.shrink:
        made = smallest(event, _noted)
    else:
        made = fitted(event, max_bytes, lambda made: cost(_text(made)), _noted)
    if cost(_text(made)) > max_bytes:
        raise FormatFault("the event is too large even without its lists: FORMAT=alert says less")
    return _text(made)


def decoded(body: bytes) -> str:
    return body.decode(json.detect_encoding(body), "replace").removeprefix("\ufeff")


def as_object(text: str) -> Document:
    """As leniently as alerts are read. Raises FormatFault."""
    try:
        event = json.loads(text, strict=False, parse_int=_whole, parse_float=_finite, parse_constant=_none)
    except (ValueError, RecursionError):
        event = None
    if not isinstance(event, dict):
        raise FormatFault("the body as received cannot be read as a JSON object")
    return event


def strict(text: str) -> str:
    """The same JSON object as every parser takes it, whole numbers beyond 64 bits as texts. Raises FormatFault."""
    return as_json(as_object(text)).decode()


def _none(_constant: str) -> None:
    """NaN and Infinity are no JSON."""


def _finite(digits: str) -> float | None:
    number = float(digits)
    return number if isfinite(number) else None


def _whole(digits: str) -> int | str:
    number = int(digits) if len(digits) < _DIGITS else _MOST
    return number if -_MOST <= number < _MOST else digits


def _noted(made: Document, left_out: Counts) -> Document:
    return made | {"left_out": dict(left_out)}


def name_of(text: str) -> str:
    """For a name of a group or of a repeat: itself where it can be one, else a stable hash."""
    if _IN_A_NAME.fullmatch(text):
        return text
    return f"optix-{sha256(text.encode('utf-8', 'replace')).hexdigest()[:32]}"


def attributes_of(alert: Alert, context: Context, content_type: str) -> Mapping[str, str]:
    """What subscribers filter by without reading the message: ten at most, as SQS takes no more, none of them empty."""
    found = {
        "delivery_id": context.delivery_id,
        "incident": alert.key,
        "content_type": content_type,
        "severity": alert.severity.value,
        "state": "suppressed" if alert.is_closed else "open",
        "source": alert.source,
        "environment": alert.environment,
        "alert_type": alert.alert_type,
        "rule": alert.rule,
        "test": "true" if context.test else "",
    }
    values = {name: _ILLEGAL.sub("", one_line(text)) for name, text in found.items()}
    return {name: cut(value, _LARGEST_VALUE, utf8_bytes) for name, value in values.items() if value.strip()}


def attribute_bytes(attributes: Mapping[str, str]) -> int:
    """Name, type and value of each count towards the size of the message."""
    return sum(utf8_bytes(name) + len("String") + utf8_bytes(value) for name, value in attributes.items())
