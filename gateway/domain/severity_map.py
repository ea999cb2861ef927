"""Our severities in scales that several receivers share. A scale of one receiver alone stands in its own file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from gateway.domain.alert import Alert
from gateway.domain.severity import Severity

T = TypeVar("T")

_C, _H, _M, _L, _U = Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM, Severity.LOW, Severity.UNKNOWN

# RFC 5424, table 2: critical, error, warning, notice. 6 (informational) for what is closed.
SYSLOG: Mapping[Severity, int] = {_C: 2, _H: 3, _M: 4, _L: 5, _U: 4}
SYSLOG_CLOSED = 6

# ArcSight CEF and QRadar LEEF: 0 to 10. Nothing said counts as medium.
CEF: Mapping[Severity, int] = {_C: 10, _H: 8, _M: 5, _L: 3, _U: 5}

# OCSF `severity_id`: critical, high, medium, low; 0 where nothing is known.
OCSF: Mapping[Severity, int] = {_C: 5, _H: 4, _M: 3, _L: 2, _U: 0}

# One colour for each, as 0xRRGGBB, and a quiet grey for what is closed.
COLOUR: Mapping[Severity, int] = {_C: 0xD32F2F, _H: 0xF57C00, _M: 0xFBC02D, _L: 0x1976D2, _U: 0x9E9E9E}
COLOUR_CLOSED = 0x607D8B


def level(alert: Alert, scale: Mapping[Severity, T], closed: T | None = None) -> T:
    """The alert's place on a scale; `closed` when everything of it is suppressed and the scale has a word for that."""
    return closed if alert.is_closed and closed is not None else scale[alert.severity]
