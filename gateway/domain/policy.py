"""How a route treats its receiver: the values behind RETRY_SCHEDULE, RETRY_FOR, TIMEOUT, CONCURRENCY and RATE_LIMIT."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Backlog: TypeAlias = Literal["all", "latest"]

_MINUTE_S, _HOUR_S = 60.0, 3600.0


@dataclass(frozen=True, slots=True)
class Pace:
    """A token bucket: `per_s` messages a second on average, `burst` at once."""

    per_s: float
    burst: int = 1


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """`schedule_s`: the waits after the first, second, … failed attempt, in seconds; after the last, one more attempt.
    `window_s`: no attempt starts later than this after the first one.
    """

    schedule_s: tuple[float, ...] = (
        5.0, 30.0, 5 * _MINUTE_S, 30 * _MINUTE_S, 2 * _HOUR_S, 5 * _HOUR_S, 10 * _HOUR_S, 14 * _HOUR_S, 20 * _HOUR_S,
    )  # fmt: skip
    window_s: float = 72 * _HOUR_S


@dataclass(frozen=True, slots=True)
class Policy:
    """`timeout_s` bounds one whole attempt. `concurrency`: attempts under way at once. `pace`: None for no limit.
    `enabled` False: alerts are taken and stored, and wait (parked) until the route is enabled.
    """

    enabled: bool = True
    retry: RetryPolicy = RetryPolicy()
    timeout_s: float = 30.0
    concurrency: int = 8
    pace: Pace | None = None
    backlog: Backlog = "all"
