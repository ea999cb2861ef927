"""A digest of 300 alerts at receivers of each sort: within their limits, with a true count."""

from __future__ import annotations

import email
import json
import re
from collections.abc import Callable
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest

from gateway.destinations import Context, load
from gateway.domain.alert import Alert
from gateway.domain.message import HttpRequest, Mail, SyslogRecord
from gateway.domain.text import utf16_units
from tests.domain.digests import NOW, alert, digest


def many() -> Alert:
    summary = "Ensure that S3 buckets do not grant public read access to everyone on the Internet, number"
    return digest([alert(number, 40 + number % 60, summary=f"{summary} {number:04}") for number in range(300)])


def sent(kind: str, shown: Callable[[Any], Any], **settings: object) -> Any:
    destination = load(kind)
    message = destination.format(many(), Context("dlv-1", "r", b"{}", NOW), destination.settings(**settings))
    return shown(message)


def adds_up(text: str) -> bool:
    """Whether the members named in the text and those that `+N more` speaks of are all 300."""
    more = re.search(r"\+(\d+) more", text)
    return text.count("number 0") + (int(more[1]) if more else 0) == 300


def test_discord_shows_a_large_digest_within_its_limits_with_a_true_count() -> None:
    def shown(message: HttpRequest) -> Any:
        return json.loads(message.body)["embeds"][0]

    card = sent("discord", shown, url="https://discord.com/api/webhooks/1/x")
    texts = [card["title"], card["description"], *(text for f in card["fields"] for text in (f["name"], f["value"]))]
    assert card["title"] == "🔴 Critical: 300 alerts in 44412345678075: 50 critical, 50 high, 150 medium, 50 low"
    assert adds_up(card["description"])
    assert "more" in card["description"]
    assert len(card["description"]) <= 4096
    assert sum(map(utf16_units, texts)) <= 6000


def test_an_email_lists_a_large_digest_whole() -> None:
    def shown(message: Mail) -> EmailMessage:
        parsed = email.message_from_bytes(message.content, policy=default)
        assert isinstance(parsed, EmailMessage)
        return parsed

    mail = sent("email", shown, host="smtp.example.com", to="a@example.com", **{"from": "b@example.com"})
    text = mail.get_body(("plain",)).get_content()
    assert adds_up(text)
    assert "Resources in all: 300 open, 0 suppressed" in text
    assert str(mail["Subject"]).startswith("[Critical] 300 alerts in 44412345678075: ")
    assert str(mail["References"]).startswith(f"<{many().key}@")


@pytest.mark.parametrize(("transport", "limit"), [("udp", 2048), ("tcp", 8192)])
def test_a_syslog_line_is_cut_within_its_limit_with_a_true_count(transport: str, limit: int) -> None:
    def shown(message: SyslogRecord) -> bytes:
        return message.data

    line = sent("syslog", shown, host="siem.example.com", transport=transport)
    assert len(line) <= limit
    assert adds_up(line.decode())
    assert b'resources="300"' in line


def test_a_json_receiver_gets_every_member() -> None:
    def shown(message: HttpRequest) -> Any:
        return json.loads(message.body)

    body = sent("webhook", shown, url="https://soar.example.com/x", format="alert")
    assert (body["event_type"], body["severity"], body["open_count"]) == ("DIGEST", "critical", 300)
    assert len(body["extra"]["alerts"]) == body["extra"]["alert_count"] == len(body["resources"]) == 300
