"""Webhook bodies as Optix sends them, and the alerts that they are."""

from __future__ import annotations

import json

from gateway.domain.alert import JSON, Alert
from gateway.domain.optix import parse


def body(**payload: JSON) -> bytes:
    return json.dumps({"eventType": "ALERT", "payloadData": {"alertId": "A-1"} | payload}).encode()


def read(raw: bytes) -> Alert:
    alert = parse("optix", raw)
    assert isinstance(alert, Alert), alert
    return alert
