"""Webhook bodies as Optix sends them, the alerts that they are, and whatever else might come."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from gateway.domain.alert import JSON, Alert
from gateway.domain.optix import parse


def body(**payload: JSON) -> bytes:
    return json.dumps({"eventType": "ALERT", "payloadData": {"alertId": "A-1"} | payload}).encode()


def read(raw: bytes) -> Alert:
    alert = parse("optix", raw)
    assert isinstance(alert, Alert), alert
    return alert


JSON_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.text(st.characters(categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
KEYS = [
    "accountId", "alertId", "score", "alertSummary", "alertType", "lastSeen", "provider", "alertDetails", "policyLabel",
    "ruleNumber", "affectedResources", "unknown\ud800",
]  # fmt: skip
RESOURCES = st.lists(
    st.dictionaries(st.sampled_from(["resourceInfo", "state", "affectedResourceJSON", "x"]), JSON_VALUES), max_size=3
)
PAYLOADS = st.dictionaries(st.sampled_from(KEYS), JSON_VALUES | RESOURCES) | JSON_VALUES
ENVELOPES = st.fixed_dictionaries({}, optional={"eventType": JSON_VALUES, "payloadData": PAYLOADS, "x": JSON_VALUES})
