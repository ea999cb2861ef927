"""An alert composed as an Internet message: text and HTML side by side, no remote content, one thread per incident.

RFC 5322 (format), 2047 (words outside ASCII), 3834 (Auto-Submitted).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from email.header import Header
from email.headerregistry import Address, BaseHeader, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy, Policy
from hashlib import sha256
from html import escape
from typing import Any

from gateway.domain.address import Mailbox
from gateway.domain.alert import Alert
from gateway.domain.optix import console_url
from gateway.domain.severity import Severity
from gateway.domain.text import code_points, cut, fit_lines, one_line
from gateway.domain.wording import details, facts, resource_lines, title

SUBJECT_LENGTH = 150
DETAILS_LENGTH, RESOURCES_LENGTH, RESOURCES_SHOWN = 20_000, 100_000, 500
SHRUNK_DETAILS, SHRUNK_RESOURCES = 1000, 20

# X-Priority from 1 (highest) to 5, and the Importance of RFC 2156 that Outlook reads.
_PRIORITIES = {
    Severity.CRITICAL: ("1", "high"),
    Severity.HIGH: ("2", "high"),
    Severity.MEDIUM: ("3", "normal"),
    Severity.UNKNOWN: ("3", "normal"),
    Severity.LOW: ("4", "low"),
}
_CLOSED_PRIORITY = ("5", "low")


class _MessageIds(UnstructuredHeader, BaseHeader):
    """Ids stay whole on their line. The library would encode a long one as words, which no longer match."""

    def fold(self, *, policy: Policy) -> str:
        return f"{self.name}: {self}{policy.linesep}"


class _Subject(UnstructuredHeader, BaseHeader):
    """Carried without a change to its text: the library doubles blanks where it folds, and reads `=?utf-8?q?…?=` in a
    text as an encoded word.
    """

    @classmethod
    def parse(cls, value: str, kwds: dict[str, Any]) -> None:
        super().parse("", kwds)
        kwds["decoded"] = value

    def fold(self, *, policy: Policy) -> str:
        is_plain = self.isascii() and "=?" not in self
        folded = Header(str(self), "us-ascii" if is_plain else "utf-8", header_name=self.name, maxlinelen=76)
        return f"{self.name}: {folded.encode(linesep=policy.linesep)}{policy.linesep}"


def _policy() -> EmailPolicy[EmailMessage]:
    """CRLF, 7 bits (not every server takes 8), and our own header types."""
    headers = HeaderRegistry()
    headers.map_to_type("subject", _Subject)
    for name in ("message-id", "in-reply-to", "references"):
        headers.map_to_type(name, _MessageIds)
    return SMTP.clone(cte_type="7bit", header_factory=headers)


_POLICY = _policy()


def compose(
    alert: Alert,
    *,
    sender: Mailbox,
    recipients: Sequence[Mailbox],
    prefix: str,
    delivery_id: str,
    sent_at: datetime,
    test: bool,
    shrink: bool,
) -> bytes:
    """The whole message. The same arguments make the same bytes."""
    message = EmailMessage(_POLICY)
    message["From"] = _address(sender)
    message["To"] = [_address(mailbox) for mailbox in recipients]
    message["Subject"] = cut(one_line(f"{prefix} {title(alert, test=test)}"), SUBJECT_LENGTH, code_points)
    message["Date"] = sent_at
    for name, value in _identity(alert, delivery_id, sender.domain):
        message[name] = value
    for name, value in _manner(alert, test=test):
        message[name] = value
    text, markup = _text(alert, shrink=shrink, test=test), _html(alert, shrink=shrink, test=test)
    message.set_content(text)
    message.add_alternative(markup, subtype="html")
    message.set_boundary(_boundary(delivery_id, text, markup))
    return message.as_bytes()


def _boundary(*contents: str) -> str:
    """Not random, so that wording stays repeatable, and not to be foreseen by who writes the texts."""
    return "optix_" + sha256("\0".join(contents).encode("utf-8", "replace")).hexdigest()[:32]


def _identity(alert: Alert, delivery_id: str, domain: str) -> Sequence[tuple[str, str]]:
    """All messages of one incident answer the same id, so that readers show them as one thread."""
    thread = f"<{alert.key}@{domain}>"
    return (("Message-ID", f"<{delivery_id}@{domain}>"), ("In-Reply-To", thread), ("References", thread))


def _manner(alert: Alert, *, test: bool) -> Sequence[tuple[str, str]]:
    priority, importance = _CLOSED_PRIORITY if alert.is_closed else _PRIORITIES[alert.severity]
    found = [("Auto-Submitted", "auto-generated"), ("X-Auto-Response-Suppress", "All")]
    found += [("X-Priority", priority), ("Importance", importance)]
    return [*found, ("Optix-Gateway-Test", "true")] if test else found


def _address(mailbox: Mailbox) -> Address:
    return Address(one_line(mailbox.name), addr_spec=mailbox.address)


def _details(alert: Alert, *, shrink: bool) -> str:
    return cut(details(alert), SHRUNK_DETAILS if shrink else DETAILS_LENGTH, code_points)


def _resources(alert: Alert, *, shrink: bool) -> list[str]:
    most = SHRUNK_RESOURCES if shrink else RESOURCES_SHOWN
    return fit_lines(resource_lines(alert), RESOURCES_LENGTH, code_points, most=most).splitlines()


def _text(alert: Alert, *, shrink: bool, test: bool) -> str:
    parts = [title(alert, test=test), "\n".join(f"{label}: {value}" for label, value in facts(alert))]
    parts.append(_details(alert, shrink=shrink))
    parts.append("\n".join(f"- {line}" for line in _resources(alert, shrink=shrink)))
    parts.append(f"Open in Cloud Optix: {console_url(alert)}")
    return "\n\n".join(part for part in parts if part) + "\n"


def _html(alert: Alert, *, shrink: bool, test: bool) -> str:
    said = escape(_details(alert, shrink=shrink))
    lines = _resources(alert, shrink=shrink)
    parts = [f"<h2>{escape(title(alert, test=test))}</h2>", _table(alert)]
    if said:
        parts.append(f'<p style="white-space:pre-wrap">{said}</p>')
    if lines:
        parts.append("<ul>\n" + "\n".join(f"<li>{escape(line)}</li>" for line in lines) + "\n</ul>")
    parts.append(f'<p><a href="{escape(console_url(alert))}">Open in Cloud Optix</a></p>')
    style = "font-family:sans-serif;font-size:14px"
    return f'<!DOCTYPE html>\n<html><body style="{style}">\n' + "\n".join(parts) + "\n</body></html>\n"


def _table(alert: Alert) -> str:
    rows = (f'<tr><th align="left">{escape(label)}</th><td>{escape(value)}</td></tr>' for label, value in facts(alert))
    return '<table cellpadding="4">\n' + "\n".join(rows) + "\n</table>"
