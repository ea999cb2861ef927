"""What a route's policy amounts to, in words and as real time."""

from __future__ import annotations

from itertools import accumulate

from gateway.domain.policy import Pace, Policy

_UNITS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))
_EACH = {"s": "a second", "m": "a minute", "h": "an hour"}
_DAYS_FROM_S = 100 * 3600
_NO_DAYS = _UNITS[1:]


def attempts_in_words(policy: Policy) -> str:
    """`up to 10 times within 72h, each at most 30s`."""
    moments = _moments(policy)
    each = f"each at most {duration_in_words(policy.timeout_s)}"
    if not moments:
        return f"once, {each.removeprefix('each ')}"
    return f"up to {len(moments) + 1} times within {duration_in_words(policy.retry.window_s)}, {each}"


def waits_in_words(policy: Policy) -> str:
    """When the attempts after the first come: `after 5s, 35s, … 51h35m, each wait up to a tenth longer`."""
    moments = _moments(policy)
    return f"after {', '.join(moments)}; each wait may be a tenth longer" if moments else "never"


def _moments(policy: Policy) -> list[str]:
    """How long after the first attempt each further one comes, as far as the retry window lets them."""
    moments = accumulate(policy.retry.schedule_s)
    return [duration_in_words(at_s) for at_s in moments if at_s <= policy.retry.window_s]


def pace_in_words(policy: Policy) -> str:
    """`0.4 a second, 5 at once; one at a time`."""
    concurrency = "one" if policy.concurrency == 1 else f"up to {policy.concurrency}"
    if policy.pace is None:
        return f"no limit; {concurrency} at a time"
    burst = f", bursts of {policy.pace.burst}" if policy.pace.burst > 1 else ""
    return f"{_rate_in_words(policy.pace)}{burst}; {concurrency} at a time"


def backlog_in_words(policy: Policy) -> str:
    if policy.backlog == "latest":
        return "the latest state of each alert; older ones that still wait are left out"
    return "every state that waits, in order"


def _rate_in_words(pace: Pace) -> str:
    count, unit = _rate(pace)
    return f"{count} {_EACH[unit]}"


def rate_as_written(pace: Pace | None) -> str:
    """As RATE_LIMIT takes it: `24/m:5`."""
    if pace is None:
        return "off"
    count, unit = _rate(pace)
    return f"{count}/{unit}:{pace.burst}"


def _rate(pace: Pace) -> tuple[str, str]:
    """How many in which unit: the first in which it is a whole number."""
    counts = [(pace.per_s * seconds, unit) for unit, seconds in (("s", 1), ("m", 60), ("h", 3600))]
    whole = [(f"{count:.0f}", unit) for count, unit in counts if count > 0.5 and abs(count - round(count)) < 1e-6]
    return whole[0] if whole else (f"{counts[-1][0]:g}", "h")


def duration_in_words(seconds: float) -> str:
    """`250ms`, `1.5s`, `5m35s`, `51h35m`, `30d`: two units at most, in the form that settings take."""
    if seconds < 1:
        return f"{seconds * 1000:g}ms" if seconds else "0s"
    if seconds < 60:
        return f"{seconds:g}s"
    left, parts = round(seconds), []
    for unit, size in _UNITS if seconds >= _DAYS_FROM_S else _NO_DAYS:
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts[:2])
