"""E-mails that alerts become, read back by the standard library's parsers."""

from __future__ import annotations

import email
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import default
from html.parser import HTMLParser

from gateway import samples
from gateway.destinations import Context, load
from gateway.destinations.email import EmailSettings
from gateway.domain import optix
from gateway.domain.alert import Alert
from gateway.domain.message import Mail

KIND = load("email")
NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
DELIVERY = "dlv-0123456789abcdef"
ANN, BOB, CAT = "ann@example.com", "bob@example.com", "cat@example.org"


def made(**keys: str) -> EmailSettings:
    usual = {"host": "smtp.example.com", "from": "Optix <alerts@example.com>", "to": f"{ANN}, {BOB}, {CAT}"}
    return EmailSettings.model_validate(usual | keys)


def sample(name: str) -> Alert:
    alert = optix.parse("optix", samples.load(name))
    assert isinstance(alert, Alert)
    return alert


def context(
    *, test: bool = False, shrink: bool = False, progress: str = "", before: bytes | None = None, reference: str = ""
) -> Context:
    return Context(DELIVERY, "soc", b"{}", NOW, shrink, test, progress, reference, before)


def sent(alert: Alert, said: Context | None = None, keys: EmailSettings | None = None) -> Mail:
    message = KIND.format(alert, said or context(), keys or made())
    assert isinstance(message, Mail)
    return message


def parsed(mail: Mail) -> EmailMessage:
    message = email.message_from_bytes(mail.content, policy=default)
    assert isinstance(message, EmailMessage)
    assert [defect for part in message.walk() for defect in part.defects] == []
    return message


def part(message: EmailMessage, subtype: str) -> str:
    found = message.get_body((subtype,))
    assert isinstance(found, EmailMessage)
    content: str = found.get_content()
    return content


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.links: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "background")]

    def handle_data(self, data: str) -> None:
        self.text += data


def tags_of(markup: str) -> Tags:
    found = Tags()
    found.feed(markup)
    found.close()
    return found
