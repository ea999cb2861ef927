"""What an alert says to people, in words that every receiver shares.

Everything here is plain text: one line where it says so, free of control and invisible characters, and *not* escaped.
The destination escapes for its own markup (`markup`) and cuts to its own limits (`text`).
"""

from __future__ import annotations

from collections import Counter
from typing import TypeAlias

from gateway.domain.alert import JSON, Alert, Resource
from gateway.domain.severity import Severity
from gateway.domain.text import fit_list, is_visible, one_line, plain

Fact: TypeAlias = tuple[str, str]

_ICONS = {
    Severity.CRITICAL: "🔴",
    Severity.HIGH: "🟠",
    Severity.MEDIUM: "🟡",
    Severity.LOW: "🔵",
    Severity.UNKNOWN: "⚪",
}
_CLOSED_ICON = "🔕"
_DEPTH_SHOWN = 6


def severity_word(severity: Severity) -> str:
    return "Unknown severity" if severity is Severity.UNKNOWN else severity.value.capitalize()


def icon(alert: Alert) -> str:
    """One emoji: the colour of the severity, or a muted bell when everything is suppressed."""
    return _CLOSED_ICON if alert.is_closed else _ICONS[alert.severity]


def marks(alert: Alert, *, test: bool = False) -> str:
    """What must stand before everything else: `[TEST]`, `[SUPPRESSED]`, both or ""."""
    return " ".join(["[TEST]"] * test + ["[SUPPRESSED]"] * alert.is_closed)


def title(alert: Alert, *, test: bool = False) -> str:
    """One line: `High: Ensure S3 buckets …`, with `[TEST]` and `[SUPPRESSED]` before it where they hold."""
    said = f"{severity_word(alert.severity)}: {summary(alert)}"
    return f"{marks(alert, test=test)} {said}".strip()


def summary(alert: Alert) -> str:
    """The vendor's own headline on one line; type and id of the alert when it sent none."""
    said = one_line(alert.summary)
    return said if is_visible(said) else one_line(f"{alert.alert_type} alert {alert.alert_id}")


def first_line(alert: Alert, *, test: bool = False, news: str = "") -> str:
    """One line that stands alone (syslog, a push message): the title, then what it is about in brackets, then what is
    new since the receiver was told before.
    """
    parts = (alert.provider, alert.environment, alert.rule, counts(alert))
    about = ", ".join(text for text in map(one_line, parts) if text)
    said = f"{title(alert, test=test)} ({about})" if about else title(alert, test=test)
    return f"{said}; {news}" if news else said


def state(alert: Alert) -> str:
    """One line on how things stand: `2 open, 1 suppressed`, `Suppressed: all 2 resources`, `No resources listed`."""
    total = len(alert.resources)
    if not total:
        return "No resources listed"
    if alert.is_closed:
        return f"Suppressed: all {total} resources" if total > 1 else "Suppressed: the only resource"
    return counts(alert)


def counts(alert: Alert) -> str:
    """`2 open, 1 suppressed`, then any other states as they are called; "" without resources."""
    named = Counter(state_word(resource) for resource in alert.resources)
    known = [word for word in ("open", "suppressed") if named[word]]
    others = sorted(set(named) - {"open", "suppressed"})
    return fit_list([f"{named[word]} {word}" for word in known + others], 200)


def state_word(resource: Resource) -> str:
    if resource.is_open or resource.is_suppressed:
        return "open" if resource.is_open else "suppressed"
    return one_line(resource.state).lower() or "in no stated state"


def score(alert: Alert) -> str:
    """`High (80 of 100)`; the word alone without a score."""
    word = severity_word(alert.severity)
    return word if alert.score is None else f"{word} ({alert.score:g} of 100)"


def seen(alert: Alert) -> str:
    """`2020-11-02 15:56:18 UTC`; the sender's own text where it could not be read."""
    return f"{alert.seen_at:%Y-%m-%d %H:%M:%S} UTC" if alert.seen_at else one_line(alert.last_seen)


def policies(alert: Alert, limit: int = 200) -> str:
    """The policy labels within `limit` UTF-16 units: `GDPR, PCI, +9 more`."""
    return fit_list([label for label in map(one_line, alert.policy_labels) if label], limit)


def facts(alert: Alert, *, policies_limit: int = 200) -> tuple[Fact, ...]:
    """What, where and how bad, as (label, value) with one-line values; what the sender left out is not there.

    The title, the details and the resources are apart.
    """
    found = (
        ("Severity", score(alert)),
        ("Environment", one_line(alert.environment)),
        ("Provider", one_line(alert.provider)),
        ("Type", one_line(alert.alert_type)),
        ("Rule", one_line(alert.rule)),
        ("Policies", policies(alert, policies_limit)),
        ("Resources", state(alert)),
        ("Last seen", seen(alert)),
        ("Alert", one_line(alert.alert_id)),
    )
    return tuple((label, value) for label, value in found if is_visible(value))


def details(alert: Alert) -> str:
    """The vendor's explanation, several lines; "" when each line only names an affected resource once more."""
    text = plain(alert.details).strip()
    if not is_visible(text):
        return ""
    named = {one_line(resource.info) for resource in alert.resources}
    return "" if all(one_line(line) in named for line in text.splitlines()) else text


def resource_lines(alert: Alert) -> tuple[str, ...]:
    """One line for each resource, open ones first, then as sent. What is not open says what it is."""
    ordered = sorted(alert.resources, key=lambda resource: not resource.is_open)
    return tuple(_resource_line(resource) for resource in ordered)


def _resource_line(resource: Resource) -> str:
    name = one_line(resource.info)
    line = name if is_visible(name) else "(unnamed resource)"
    if not resource.is_open:
        line += f" [{state_word(resource)}]"
    more = one_line(said(resource.details)) if resource.details is not None else ""
    return f"{line} - {more}" if more else line


def said(value: JSON, depth: int = _DEPTH_SHOWN) -> str:
    """Nested JSON as a person would say it: `affectedFiles: objectKey: a.exe, version: 3`; what is too deep is `…`."""
    if isinstance(value, dict | list) and not depth:
        return "…"
    if isinstance(value, dict):
        return ", ".join(f"{key}: {said(inner, depth - 1)}" for key, inner in value.items())
    if isinstance(value, list):
        return "; ".join(said(inner, depth - 1) for inner in value)
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    return str(value)
