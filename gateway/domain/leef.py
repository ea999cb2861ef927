"""Alerts in IBM QRadar's Log Event Extended Format, version 2.0.

https://www.ibm.com/docs/en/dsm?topic=overview-leef-event-components (header, delimiter in the sixth field),
https://www.ibm.com/docs/en/dsm?topic=overview-predefined-leef-event-attributes (`cat`, `devTime`, `sev` 1 to 10,
`policy`, `resource`, `url`, …), https://www.ibm.com/docs/en/dsm?topic=overview-custom-event-keys (each key once).
LEEF has no escapes: what would end a field is replaced. Attributes stand between carets, as in IBM's own example,
because syslog relays rewrite tabs (RFC 5424, section 6.4, wants none). QRadar is said to cut what comes over TCP at
4096 bytes unless set otherwise; no page of IBM's that says so was found, so that what identifies an alert comes first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.domain.alert import Alert
from gateway.domain.severity_map import CEF, level
from gateway.domain.text import cut, fit_list, one_line, utf8_bytes
from gateway.domain.wording import details, policies, resource_lines, state, summary

_BETWEEN = "^"
_EVENT_ID, _VALUE, _MESSAGE = 255, 1024, 4000
_DATE_FORMAT = "yyyy-MM-dd'T'HH:mm:ss.SSSZ"


@dataclass(frozen=True, slots=True)
class Attribute:
    """`width`: its longest value in bytes. `whole`: wrong when cut (an address, a date), so it is left out instead."""

    key: str
    value: str
    width: int = _VALUE
    whole: bool = False


def header_text(text: str) -> str:
    """A bar would end the field, and cannot be escaped."""
    return one_line(text).replace("|", "/")


def event(
    alert: Alert,
    *,
    link: str,
    delivery_id: str,
    at: datetime,
    test: bool,
    max_bytes: int,
    change: tuple[str, str] = ("", ""),
) -> str:
    """The alert as one line of at most that many bytes (300 at least): what identifies it stays, resources go first.

    `at`: when it happened. `change`: its reasons (`grew,shrank`) and what is new in words; each "" where there is none.
    """
    line = _header(alert, max_bytes // 4)
    for attribute in _attributes(alert, link, delivery_id, at, change, test=test):
        line += _fitted(attribute, max_bytes - utf8_bytes(line))
    room = max_bytes - utf8_bytes(line) - len("resource=")
    listed = fit_list([_value(name) for name in resource_lines(alert)], room, utf8_bytes) if room > 0 else ""
    return line + f"resource={listed}" if listed else line.rstrip(_BETWEEN)


def _header(alert: Alert, room: int) -> str:
    """The rule is what an event is looked up by (the QID map), with `cat`."""
    found = header_text(alert.rule) or header_text(alert.alert_type) or "unknown"
    event_id = cut(found, min(_EVENT_ID, room), utf8_bytes)
    return f"LEEF:2.0|Sophos|Cloud Optix|1.0|{event_id}|{_BETWEEN}|"


def _attributes(
    alert: Alert, link: str, delivery_id: str, at: datetime, change: tuple[str, str], *, test: bool
) -> Sequence[Attribute]:
    """Most important first; the ones without a value fall out later."""
    reasons, news = change
    return (
        Attribute("devTime", _date(at), whole=True),
        Attribute("devTimeFormat", _DATE_FORMAT, whole=True),
        Attribute("sev", str(level(alert, CEF)), whole=True),
        Attribute("cat", alert.alert_type, 255),
        Attribute("alertId", alert.alert_id, 255),
        Attribute("accountName", alert.environment, 255),
        Attribute("incident", alert.key, whole=True),
        Attribute("name", "[TEST] " * test + summary(alert), 512),
        Attribute("state", _state(alert), 255),
        Attribute("change", reasons, whole=True),
        Attribute("changed", news),
        Attribute("url", link, whole=True),
        Attribute("score", "" if alert.score is None else f"{alert.score:g}", whole=True),
        Attribute("provider", alert.provider, 255),
        Attribute("delivery", delivery_id, whole=True),
        Attribute("resourceCount", str(len(alert.resources)), whole=True),
        Attribute("policy", policies(alert, _VALUE)),
        Attribute("msg", details(alert), _MESSAGE),
    )


def _state(alert: Alert) -> str:
    return f"SUPPRESS; {state(alert)}" if alert.is_closed else state(alert)


def _date(at: datetime) -> str:
    """As `_DATE_FORMAT` says, which is Java's: milliseconds and an offset without a colon."""
    moment = at.astimezone(UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}+0000"


def _value(text: str) -> str:
    return one_line(text).replace(_BETWEEN, " ").strip()


def _fitted(attribute: Attribute, room: int) -> str:
    """`key=value` and a caret, cut to its width and to the bytes left; "" when nothing useful fits."""
    lead = f"{attribute.key}="
    value = _value(attribute.value)
    left = room - len(lead) - len(_BETWEEN)
    shown = value if attribute.whole else cut(value, min(attribute.width, left), utf8_bytes)
    if not shown or utf8_bytes(shown) > left:
        return ""
    return f"{lead}{shown}{_BETWEEN}"
