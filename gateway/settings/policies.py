"""The policy keys of a route: ENABLED, RETRY_SCHEDULE, RETRY_FOR, TIMEOUT, CONCURRENCY, RATE_LIMIT and BACKLOG."""

from __future__ import annotations

from functools import partial
from typing import Any

from gateway.destinations import Destination
from gateway.domain.policy import Backlog, Policy, RetryPolicy
from gateway.settings.keys import Keys
from gateway.settings.units import choice, duration_between, flag, items, pace, whole_number

POLICY_KEYS = ("ENABLED", "RETRY_SCHEDULE", "RETRY_FOR", "TIMEOUT", "CONCURRENCY", "RATE_LIMIT", "BACKLOG")

_MOST_WAITS = 100


def usual_policy(destination: Destination[Any]) -> Policy:
    """As the destination likes it, or else as the gateway does."""
    return Policy(concurrency=destination.concurrency, pace=destination.pace, backlog=destination.backlog)


def read_policy(keys: Keys, usual: Policy) -> Policy:
    """What a route leaves out is as `usual`."""
    return Policy(
        enabled=keys.read("ENABLED", flag, usual.enabled),
        retry=RetryPolicy(
            schedule_s=keys.read("RETRY_SCHEDULE", _schedule_s, usual.retry.schedule_s),
            window_s=keys.read("RETRY_FOR", partial(duration_between, low="0s", high="30d"), usual.retry.window_s),
        ),
        timeout_s=keys.read("TIMEOUT", partial(duration_between, low="100ms", high="5m"), usual.timeout_s),
        concurrency=keys.read("CONCURRENCY", partial(whole_number, low=1, high=256), usual.concurrency),
        pace=keys.read("RATE_LIMIT", pace, usual.pace),
        backlog=keys.read("BACKLOG", _backlog, usual.backlog),
    )


def _schedule_s(text: str) -> tuple[float, ...]:
    waits = tuple(duration_between(item, "10ms", "7d") for item in items(text, from_file=True))
    if not 1 <= len(waits) <= _MOST_WAITS:
        raise ValueError(f"a schedule has 1 to {_MOST_WAITS} waits, as in 5s,1m,10m. For no retry set RETRY_FOR=0s.")
    return waits


def _backlog(text: str) -> Backlog:
    return "latest" if choice(text, ("all", "latest")) == "latest" else "all"
