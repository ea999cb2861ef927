"""The one file that knows the vendor's words.

The page "Integrate using webhooks" of the Sophos Cloud Optix help describes the payload. What arrives may be older or
newer than that page, so everything but the identity of the alert is read as leniently as its meaning allows.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from urllib.parse import quote

from gateway.domain.alert import JSON, Alert, Resource
from gateway.domain.approval import LINK
from gateway.domain.approval import SOURCE as APPROVALS
from gateway.domain.last_seen import read_moment
from gateway.domain.severity import severity_of

_ENVELOPE_KEYS = frozenset({"eventType", "payloadData"})
_PAYLOAD_KEYS = frozenset(
    {
        "accountId", "alertId", "score", "alertSummary", "alertType", "lastSeen", "provider", "alertDetails",
        "policyLabel", "ruleNumber", "affectedResources",
    }
)  # fmt: skip
_RESOURCE_KEYS = frozenset({"resourceInfo", "state", "affectedResourceJSON"})

_DEEPEST = 64
_LONGEST_INTEGER = 300
"""Digits. Above this, a number no longer fits a float, and Python refuses to read or print it at some length."""


class Problem(StrEnum):
    EMPTY = "empty"
    NOT_JSON = "not_json"
    NOT_OBJECT = "not_object"
    NOT_AN_ALERT = "not_an_alert"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why a body is no alert. `reason`: one line for people. All problems but `not_an_alert` are the sender's fault;
    that one is an authenticated object that a later version may understand.
    """

    problem: Problem
    reason: str


def parse(source: str, body: bytes) -> Alert | Unreadable:
    """Read one webhook body. Never raises. Every text in the alert can be encoded as UTF-8 and has no NUL in it."""
    if not body or body.isspace():
        return Unreadable(Problem.EMPTY, "the body is empty")
    try:
        envelope = _load(_decode(body))
        if not isinstance(envelope, dict):
            return Unreadable(Problem.NOT_OBJECT, f"the body is {_kind_of(envelope)}, not a JSON object")
        return _read(source, envelope)
    except json.JSONDecodeError as error:
        return Unreadable(Problem.NOT_JSON, f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}")
    except RecursionError:
        problem = Problem.NOT_AN_ALERT if body.lstrip().startswith(b"{") else Problem.NOT_JSON
        return Unreadable(problem, "the body is nested too deeply to be read")


class NotNarrowed(Exception):
    """Nothing can be taken out of the event: reading it once more, from where less room is left, went too deep."""


def keep_resources(body: bytes, kept: Sequence[bool]) -> bytes:
    """An alert's event with those of its resources alone, in UTF-8. `kept`: for each that `parse` finds in it."""
    try:
        event = _tame(_load(_decode(body)))
    except RecursionError:
        raise NotNarrowed("the event is nested too deeply for resources to be taken out of it") from None
    payload = event["payloadData"] if isinstance(event, dict) else None
    assert isinstance(payload, dict)  # noqa: S101 - it is an alert
    found = _items(payload["affectedResources"])
    payload["affectedResources"] = [item for item, is_kept in zip(found, kept, strict=True) if is_kept]
    return json.dumps(event, ensure_ascii=False).encode()


def incident_key(source: str, environment: str, alert_id: str) -> str:
    """Stable over repeats and restarts. An alertId is unique in one tenant only, so the source is part of it."""
    identity = f"{source}\x00{environment}\x00{alert_id}"
    return "optix-" + sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def console_url(alert: Alert) -> str:
    """The alert's page in the Cloud Optix console. The payload holds no link; the vendor's feeds use this form. Of a
    request for approval: where it is decided.
    """
    if alert.source == APPROVALS:
        return str(alert.extra.get(LINK, ""))
    alert_id, environment = alert.opens or (alert.alert_id, alert.environment)
    target = f"alerts/{alert_id}?state=OPEN&accountId={environment}"
    return "https://optix.sophos.com/public/redirect?c=false&a=" + quote(target, safe="", errors="replace")


def link_label(alert: Alert) -> str:
    """What stands on the way to `console_url`."""
    return "Approve or reject" if alert.source == APPROVALS else "Open in Cloud Optix"


def _decode(body: bytes) -> str:
    """Bytes that are not UTF-8 become U+FFFD: a wrong byte in a name is no reason to lose an alert."""
    if body[0] < 0x80 and b"\x00" not in body[:4]:
        return body.decode("utf-8", "replace")
    encoding = json.detect_encoding(body)  # byte order marks, UTF-16 and UTF-32
    return body.decode(encoding, "replace").removeprefix("\ufeff")


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= _LONGEST_INTEGER else digits


def _finite(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def _nothing(_constant: str) -> None:
    """NaN and Infinity are no JSON, but some programs write them."""


_DECODER = json.JSONDecoder(parse_int=_integer, parse_float=_finite, parse_constant=_nothing, strict=False)
_SURROGATE_OR_NUL = re.compile(r"\\u(?:[dD][89a-fA-F]|0000)")


def _load(text: str) -> JSON:
    """Parsed JSON whose texts are all clean. Only an escape (or a raw NUL) can bring something unclean in, so that most
    bodies need no second look.
    """
    value: JSON = _DECODER.decode(text)
    return _tame(value) if "\x00" in text or _SURROGATE_OR_NUL.search(text) else value


def _tame(value: JSON, depth: int = 0) -> JSON:
    """The same value with clean texts; what is nested deeper than others will follow is kept as its text."""
    if isinstance(value, str):
        return _clean(value)
    if not isinstance(value, dict | list):
        return value
    if depth == _DEEPEST:
        return _clean(_compact(value))
    if isinstance(value, list):
        return [_tame(item, depth + 1) for item in value]
    return {_clean(key): _tame(item, depth + 1) for key, item in value.items()}


def _clean(text: str) -> str:
    """Lone surrogates, which no UTF-8 can carry, and NUL, which no C program survives, become U+FFFD."""
    if not text.isascii():
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text.replace("\x00", "\ufffd")


def _compact(value: JSON) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _kind_of(value: JSON) -> str:
    names = {list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def _read(source: str, envelope: Mapping[str, JSON]) -> Alert | Unreadable:
    event_type, payload = envelope.get("eventType"), envelope.get("payloadData")
    if not isinstance(event_type, str) or not event_type.strip():
        return Unreadable(Problem.NOT_AN_ALERT, _lack("eventType", event_type, "a text"))
    if not isinstance(payload, dict):
        return Unreadable(Problem.NOT_AN_ALERT, _lack("payloadData", payload, "an object"))
    alert_id = payload.get("alertId")
    if isinstance(alert_id, bool | dict | list) or not _text(alert_id).strip():
        return Unreadable(Problem.NOT_AN_ALERT, _lack("payloadData.alertId", alert_id, "a text"))
    return _alert(source, event_type, _text(alert_id), payload, _rest(envelope, _ENVELOPE_KEYS))


def _lack(name: str, value: JSON, wanted: str) -> str:
    if value is None:
        return f"{name} is missing"
    if isinstance(value, str):
        return f"{name} is empty" if not value.strip() else f"{name} is a text, not {wanted}"
    return f"{name} is {'an object' if isinstance(value, dict) else _kind_of(value)}, not {wanted}"


def _alert(
    source: str, event_type: str, alert_id: str, payload: Mapping[str, JSON], envelope_extra: Mapping[str, JSON]
) -> Alert:
    get = payload.get
    environment, score, last_seen = _text(get("accountId")), _score(get("score")), get("lastSeen")
    return Alert(
        source=source,
        event_type=event_type,
        environment=environment,
        alert_id=alert_id,
        key=incident_key(source, environment, alert_id),
        severity=severity_of(score),
        score=score,
        summary=_text(get("alertSummary")),
        alert_type=_text(get("alertType")),
        provider=_text(get("provider")),
        rule=_text(get("ruleNumber")),
        details=_text(get("alertDetails")),
        last_seen=_text(last_seen),
        seen_at=read_moment(last_seen),
        policy_labels=_labels(get("policyLabel")),
        resources=_resources(get("affectedResources")),
        extra=_rest(payload, _PAYLOAD_KEYS),
        envelope_extra=envelope_extra,
    )


def _text(value: JSON) -> str:
    """Where a text is documented and something else came: a number as its digits, anything larger as compact JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return _compact(value)


def _score(value: JSON) -> int | float | None:
    """0 to 100; None for everything that is not."""
    if isinstance(value, str):
        value = _number(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:
        return None
    return int(value) if value == int(value) else value


def _number(text: str) -> float | None:
    try:
        return float(text) if "_" not in text else None
    except ValueError:
        return None


def _labels(value: JSON) -> tuple[str, ...]:
    listed = ",".join(map(_text, value)) if isinstance(value, list) else _text(value)
    return tuple([label for part in listed.split(",") if (label := part.strip())])


def _resources(value: JSON) -> tuple[Resource, ...]:
    return tuple([_resource(item) for item in _items(value)])


def _items(value: JSON) -> list[JSON]:
    items = value if isinstance(value, list) else [value]
    return [item for item in items if item is not None]


def _resource(value: JSON) -> Resource:
    if not isinstance(value, dict):
        return Resource(_text(value), "")
    info, state = value.get("resourceInfo"), value.get("state")
    if len(value) == 2 and isinstance(info, str) and isinstance(state, str):  # as documented: there may be thousands
        return Resource(info, state)
    nested, rest = _nested(value.get("affectedResourceJSON")), _rest(value, _RESOURCE_KEYS)
    return Resource(_text(info), _text(state), nested, rest)


def _nested(value: JSON) -> JSON:
    """What the JSON inside a text says; the text itself when it says nothing."""
    if not isinstance(value, str):
        return _tame(value)
    try:
        return _tame(_load(value))
    except (json.JSONDecodeError, RecursionError):
        return value or None


def _rest(found: Mapping[str, JSON], known: frozenset[str]) -> Mapping[str, JSON]:
    if found.keys() <= known:
        return {}
    return {key: _tame(value) for key, value in found.items() if key not in known}
