"""An alert composed as an Internet message: text and HTML side by side, no remote content, one thread per incident.

RFC 5322 (format), 2047 (words outside ASCII), 3834 (Auto-Submitted), 5256 (how threads are found).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from email.header import Header
from email.headerregistry import Address, BaseHeader, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy, Policy
from hashlib import sha256
from html import escape
from typing import Any

from gateway.destinations import Context
from gateway.destinations._follow_up import FollowUp, follow_up
from gateway.domain.address import Mailbox
from gateway.domain.alert import Alert
from gateway.domain.digest import EVENT_TYPE as DIGEST
from gateway.domain.optix import console_url, link_label
from gateway.domain.severity import Severity
from gateway.domain.text import code_points, cut, fit_lines, one_line
from gateway.domain.wording import details, facts, marks, resource_lines, severity_word, summary, title

SUBJECT_LENGTH = 150
DETAILS_LENGTH, RESOURCES_LENGTH, RESOURCES_SHOWN = 20_000, 100_000, 500
CHANGES_LENGTH, CHANGES_SHOWN = 20_000, 100
SHRUNK_DETAILS, SHRUNK_RESOURCES = 1000, 20
_LONGEST_ID = 900
"""Characters: with the header's name it stays inside the 998 that a line may have (RFC 5322, 2.1.1)."""

# X-Priority from 1 (highest) to 5, and the Importance of RFC 2156 that Outlook reads.
_PRIORITIES = {
    Severity.CRITICAL: ("1", "high"),
    Severity.HIGH: ("2", "high"),
    Severity.MEDIUM: ("3", "normal"),
    Severity.UNKNOWN: ("3", "normal"),
    Severity.LOW: ("4", "low"),
}
_CLOSED_PRIORITY = ("5", "low")
_MESSAGE_ID = re.compile(r"<[!-;=?-~]+@[!-;=?-~]+>")


class _MessageIds(UnstructuredHeader, BaseHeader):
    """Each id stays whole on a line. The library would encode a long one as words, which no longer match."""

    def fold(self, *, policy: Policy) -> str:
        return f"{self.name}: {str(self).replace(' ', f'{policy.linesep} ')}{policy.linesep}"


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
    context: Context,
) -> bytes:
    """The whole message. The same arguments make the same bytes."""
    follows, test, shrink = follow_up(alert, context), context.test, context.shrink
    message = EmailMessage(_POLICY)
    message["From"] = _address(sender)
    message["To"] = [_address(mailbox) for mailbox in recipients]
    message["Subject"] = cut(one_line(f"{prefix} {_subject(alert, test=test)}"), SUBJECT_LENGTH, code_points)
    message["Date"] = context.sent_at
    for name, value in _identity(alert, context, sender):
        message[name] = value
    for name, value in _manner(alert, test=test):
        message[name] = value
    text = _text(alert, follows, shrink=shrink, test=test)
    markup = _html(alert, follows, shrink=shrink, test=test)
    message.set_content(text)
    message.add_alternative(markup, subtype="html")
    message.set_boundary(_boundary(context.delivery_id, text, markup))
    return message.as_bytes()


def _boundary(*contents: str) -> str:
    """Not random, so that wording stays repeatable, and not to be foreseen by who writes the texts."""
    return "optix_" + sha256("\0".join(contents).encode("utf-8", "replace")).hexdigest()[:32]


def message_id(context: Context, sender: Mailbox) -> str:
    return f"<{context.delivery_id}@{sender.domain}>"


def _identity(alert: Alert, context: Context, sender: Mailbox) -> Sequence[tuple[str, str]]:
    """All messages of one incident have one id among their references, so that readers show them as one thread even
    where one of them was lost; a follow-up answers the message before it.
    """
    own, thread = message_id(context, sender), f"<{alert.key}@{sender.domain}>"
    before = "" if alert.event_type == DIGEST else _id_before(context, own)
    return (("Message-ID", own), ("In-Reply-To", before or thread), ("References", f"{thread} {before}".strip()))


def _id_before(context: Context, own: str) -> str:
    """Nothing where there was none: the same message is sent again, or the route was of another kind then."""
    known = context.reference
    return known if known != own and len(known) <= _LONGEST_ID and _MESSAGE_ID.fullmatch(known) else ""


def _subject(alert: Alert, *, test: bool) -> str:
    """`[SUPPRESSED] [High] Ensure S3 buckets …`: what may move stands in brackets, which do not count where a reader
    compares the subjects of a thread (RFC 5256, 2.1). The news is not in it, for the same reason.
    """
    return f"{marks(alert, test=test)} [{severity_word(alert.severity)}] {summary(alert)}"


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


def _changes(follows: FollowUp, *, shrink: bool) -> str:
    """`Changed: 1 new of 3 open`, then a line for each difference; "" where nothing was told before."""
    most = SHRUNK_RESOURCES if shrink else CHANGES_SHOWN
    said = [f"{label}: {value}" for label, value in follows.facts]
    said.append(fit_lines(follows.lines, CHANGES_LENGTH, code_points, most=most))
    return "\n".join(filter(None, said))


def _text(alert: Alert, follows: FollowUp, *, shrink: bool, test: bool) -> str:
    parts = [title(alert, test=test), _changes(follows, shrink=shrink)]
    parts.append("\n".join(f"{label}: {value}" for label, value in facts(alert)))
    parts.append(_details(alert, shrink=shrink))
    parts.append("\n".join(f"- {line}" for line in _resources(alert, shrink=shrink)))
    parts.append(f"{link_label(alert)}: {console_url(alert)}")
    return "\n\n".join(part for part in parts if part) + "\n"


def _html(alert: Alert, follows: FollowUp, *, shrink: bool, test: bool) -> str:
    lines = _resources(alert, shrink=shrink)
    parts = [f"<h2>{escape(title(alert, test=test))}</h2>"]
    parts += [_paragraph(_changes(follows, shrink=shrink)), _table(alert), _paragraph(_details(alert, shrink=shrink))]
    if lines:
        parts.append("<ul>\n" + "\n".join(f"<li>{escape(line)}</li>" for line in lines) + "\n</ul>")
    parts.append(f'<p><a href="{escape(console_url(alert))}">{link_label(alert)}</a></p>')
    style = "font-family:sans-serif;font-size:14px"
    return f'<!DOCTYPE html>\n<html><body style="{style}">\n' + "\n".join(filter(None, parts)) + "\n</body></html>\n"


def _paragraph(text: str) -> str:
    """With its own line ends; "" when there is nothing to say."""
    return f'<p style="white-space:pre-wrap">{escape(text)}</p>' if text else ""


def _table(alert: Alert) -> str:
    rows = (f'<tr><th align="left">{escape(label)}</th><td>{escape(value)}</td></tr>' for label, value in facts(alert))
    return '<table cellpadding="4">\n' + "\n".join(rows) + "\n</table>"
