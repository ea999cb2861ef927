"""Alerts in the Common Event Format, version 0.

Escapes and field widths: ArcSight, "Implementing ArcSight Common Event Format", definitions of prefix fields and the
dictionary of keys for event producers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.domain.alert import Alert
from gateway.domain.severity_map import CEF, level
from gateway.domain.text import code_points, cut, fit_list, one_line, plain, utf8_bytes
from gateway.domain.wording import details, policies, resource_lines, state_word, summary

NAME_WIDTH, SIGNATURE_WIDTH = 512, 1023
ACT_WIDTH, EXTERNAL_ID_WIDTH, TEXT_WIDTH, CUSTOM_WIDTH = 63, 40, 1023, 4000


@dataclass(frozen=True, slots=True)
class Field:
    """One key of the extension. `width`: its longest value in characters. `label`: what a custom field (cs1, cn1) says.
    `whole`: a value that is wrong when cut (an address, a number), so it is left out when it does not fit.
    """

    key: str
    value: str
    width: int = TEXT_WIDTH
    label: str = ""
    whole: bool = False


def header_escaped(text: str) -> str:
    return one_line(text).replace("\\", "\\\\").replace("|", "\\|")


def extension_escaped(text: str) -> str:
    """Line ends may stand in values only, as backslash and n."""
    return plain(text).strip().replace("\\", "\\\\").replace("=", "\\=").replace("\n", "\\n").replace("\t", " ")


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
    Every field is cut to its width.
    """
    line = _header(alert, test=test, room=max_bytes // 3)
    for field in _fields(alert, link, delivery_id, at, change):
        line += _fitted(field, max_bytes - utf8_bytes(line))
    return (line + _resources(alert, max_bytes - utf8_bytes(line))).rstrip()


def _header(alert: Alert, *, test: bool, room: int) -> str:
    signature = one_line(alert.rule) or one_line(alert.alert_type) or "unknown"
    signature = _cut(signature, SIGNATURE_WIDTH, room // 4, header_escaped)
    name = _cut("[TEST] " * test + summary(alert), NAME_WIDTH, room - room // 4, header_escaped)
    parts = ("CEF:0", "Sophos", "Cloud Optix", "1.0", header_escaped(signature), header_escaped(name))
    return "|".join((*parts, str(level(alert, CEF)), ""))


def _fields(alert: Alert, link: str, delivery_id: str, at: datetime, change: tuple[str, str]) -> Sequence[Field]:
    """Most important first; the ones without a value fall out later."""
    count = len(alert.resources)
    reasons, news = change
    return (
        Field("rt", str(int(at.timestamp() * 1000)), whole=True),
        Field("externalId", alert.alert_id, EXTERNAL_ID_WIDTH),
        Field("act", _state(alert), ACT_WIDTH),
        Field("cs1", alert.environment, CUSTOM_WIDTH, "Environment"),
        Field("cs5", alert.key, CUSTOM_WIDTH, "Incident"),
        Field("reason", reasons, whole=True),
        Field("flexString1", news, label="Changed"),
        Field("cnt", str(count) if count else "", whole=True),
        Field("cat", alert.alert_type),
        Field("request", link, whole=True),
        _score(alert),
        Field("cs2", alert.provider, CUSTOM_WIDTH, "Provider"),
        Field("cs6", delivery_id, CUSTOM_WIDTH, "Delivery"),
        Field("cs3", policies(alert, CUSTOM_WIDTH), CUSTOM_WIDTH, "Policies"),
        Field("msg", details(alert)),
    )


def _state(alert: Alert) -> str:
    """The vendor's words: OPEN as long as anything is."""
    if alert.is_closed:
        return "SUPPRESS"
    if alert.open_count or not alert.resources:
        return "OPEN"
    return ", ".join(sorted({state_word(resource).upper() for resource in alert.resources}))


def _score(alert: Alert) -> Field:
    """cn1 holds whole numbers only, cfp1 any."""
    if alert.score is None:
        return Field("cn1", "")
    is_whole = alert.score == int(alert.score)
    return Field("cn1" if is_whole else "cfp1", f"{alert.score:g}", label="Score", whole=True)


def _fitted(field: Field, room: int) -> str:
    """`key=value ` with its label, cut to its width and to the bytes left; "" when nothing useful fits."""
    lead = f"{field.key}Label={field.label} {field.key}=" if field.label else f"{field.key}="
    value = plain(field.value).strip()
    shown = _cut(value, field.width, room - len(lead) - 1, extension_escaped)
    if not shown or (field.whole and shown != value):
        return ""
    return f"{lead}{extension_escaped(shown)} "


def _resources(alert: Alert, room: int) -> str:
    """The resources in cs4, with a true count of those left out."""
    lines = resource_lines(alert)
    lead = "cs4Label=Resources cs4="
    shown = fit_list(lines, CUSTOM_WIDTH, code_points) if lines else ""
    left = room - len(lead)
    if shown and _bytes(shown, extension_escaped) > left:
        shown = fit_list(lines, left, lambda part: _bytes(part, extension_escaped)) if left > 0 else ""
    return f"{lead}{extension_escaped(shown)}" if shown else ""


def _cut(text: str, width: int, room: int, escape: Callable[[str], str]) -> str:
    """At most `width` characters, and `room` bytes once escaped."""
    return cut(cut(text, width, code_points), room, lambda part: _bytes(part, escape))


def _bytes(text: str, escape: Callable[[str], str]) -> int:
    return utf8_bytes(escape(text))
