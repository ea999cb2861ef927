from __future__ import annotations

from enum import StrEnum


class Severity(StrEnum):
    """Cloud Optix's own four bands, and `unknown` for a score that is missing or cannot be used."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    UNKNOWN = "unknown"


_BANDS = ((90, Severity.CRITICAL), (80, Severity.HIGH), (50, Severity.MEDIUM), (0, Severity.LOW))
_RANKS = {Severity.LOW: 1, Severity.MEDIUM: 2, Severity.HIGH: 3, Severity.CRITICAL: 4}


def severity_of(score: float | None) -> Severity:
    """The band of a score from 0 to 100; None and anything outside is `unknown`.

    Source of the bands: the vendor's webhook page (critical >= 90, high >= 80, medium >= 50, low below).
    """
    if score is None or not 0 <= score <= 100:
        return Severity.UNKNOWN
    return next(severity for floor, severity in _BANDS if score >= floor)


def at_least(severity: Severity, floor: Severity) -> bool:
    """Whether a minimum lets this severity through. `unknown` always passes: an alert must not vanish
    because a number was odd.
    """
    return severity is Severity.UNKNOWN or _RANKS[severity] >= _RANKS[floor]
