"""Cards for Teams, by the settings of a test."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from gateway.destinations import Context, SecretAddress
from gateway.destinations.teams import TeamsSettings, format_message
from gateway.domain.alert import Alert
from gateway.domain.message import HttpRequest

NOW = datetime(2026, 5, 4, tzinfo=UTC)
URL = "https://x.logic.azure.com/workflows/1/triggers/manual/paths/invoke?sp=%2Ftriggers%2Fmanual%2Frun&sig=a%2Bb-_~"


def sent(alert: Alert, *, shrink: bool = False, before: bytes | None = None, **more: Any) -> HttpRequest:
    made = TeamsSettings(url=SecretAddress(URL), **more)
    return format_message(alert, Context("d", "r", b"", NOW, shrink=shrink, before=before), made)


def card(alert: Alert, *, shrink: bool = False, before: bytes | None = None) -> dict[str, Any]:
    message = json.loads(sent(alert, shrink=shrink, before=before).body)
    (attachment,) = message["attachments"]
    assert message["type"] == "message"
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    content: dict[str, Any] = attachment["content"]
    return content
