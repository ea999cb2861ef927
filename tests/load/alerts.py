"""Webhook bodies that can be told apart: the documented sample with an alert id and a number in its details."""

from __future__ import annotations

import json
import re

from gateway import samples

_ALERT_ID, _DETAILS = "@ALERT-ID@", "@DETAILS@"
_FOUND = re.compile(rb'"alertId": ?"([^"]+)".*"alertDetails": ?"(\d+)"', re.DOTALL)


def _parts() -> tuple[bytes, bytes, bytes]:
    event = json.loads(samples.load(samples.DOCUMENTED))
    payload = event["payloadData"]
    for key, value in (("alertId", _ALERT_ID), ("alertDetails", _DETAILS)):
        payload.pop(key, None)
        payload[key] = value
    before, _, rest = json.dumps(event).encode().partition(_ALERT_ID.encode())
    between, _, after = rest.partition(_DETAILS.encode())
    return before, between, after


_BEFORE, _BETWEEN, _AFTER = _parts()


def body(alert_id: str, number: int = 0) -> bytes:
    """`number` tells the states of one alert apart."""
    return b"%b%b%b%d%b" % (_BEFORE, alert_id.encode(), _BETWEEN, number, _AFTER)


def read(sent: bytes) -> tuple[str, int]:
    """Alert id and number of a body made here; ValueError for anything else."""
    found = _FOUND.search(sent)
    if found is None:
        raise ValueError("no body of ours")
    return found[1].decode(), int(found[2])
