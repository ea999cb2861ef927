"""What a route amounts to, in words and as real time: its policy, and what its receiver is told."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from typing import TYPE_CHECKING

from gateway.domain.chain import Chain
from gateway.domain.change import Reason
from gateway.domain.flap import FlapRule
from gateway.domain.grouping import Grouping
from gateway.domain.inhibit import Inhibitor
from gateway.domain.notify import written
from gateway.domain.policy import Pace, Policy
from gateway.domain.severity import Severity
from gateway.domain.telling import Terms
from gateway.domain.window import Schedule, WhenMuted

if TYPE_CHECKING:
    from gateway.pipeline.configured import ConfiguredRoute

_SECOND_US = 1_000_000
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


def telling_in_words(route: ConfiguredRoute) -> Iterator[tuple[str, str]]:
    """What a route's receiver is told: a word for what it is about, and the rest. Only of what the route has."""
    if route.when:
        yield "when", route.when.describe()
    yield from _terms_in_words(route.terms)
    if route.schedule:
        yield from _schedule_in_words(route.schedule, route.when_muted)
    yield from guards_in_words(route)
    if others := "; ".join(_chain_in_words(route.chain)):
        yield "others", others


def guards_in_words(route: ConfiguredRoute) -> Iterator[tuple[str, str]]:
    """Who has to agree first, and what keeps a route that changes things from doing too much."""
    if route.approval:
        told = f', asked for on the route "{route.approval.notify}"' if route.approval.notify else ""
        yield "approval", f"by a person within {duration_in_words(route.approval.expires_us / _SECOND_US)}{told}"
    if route.guard:
        guard, unless = route.guard, ", unless approved" if route.approval else ""
        changes = "DRY_RUN: nothing is changed, only said" if guard.dry_run else "it changes things"
        limits = f"at most {guard.hourly} alerts an hour, with {guard.most_resources} resources each{unless}"
        yield "guarded", f"OPEN resources alone, one at a time for each; {limits}; {changes}"


def _terms_in_words(terms: Terms) -> Iterator[tuple[str, str]]:
    yield "told of", told_in_words(terms)
    if terms.grouping:
        yield "grouped", grouping_in_words(terms.grouping)
    if terms.inhibitor:
        yield "inhibits", "; ".join(pairs_as_written(terms.inhibitor))
    if terms.flap:
        yield "flapping", flap_in_words(terms.flap)


def _schedule_in_words(schedule: Schedule, when_muted: WhenMuted) -> Iterator[tuple[str, str]]:
    if schedule.active:
        yield "active", schedule.active.describe()
    if schedule.mute:
        yield "muted", schedule.mute.describe()
    yield "shut", shut_in_words(when_muted)


def told_in_words(terms: Terms) -> str:
    """`new, grew; reminded after 7d`."""
    if Reason.UNCHANGED in terms.notify:
        return "every alert, also when it repeats what is known"
    remind_us = terms.remind_after_us
    reminded = f"reminded after {duration_in_words(remind_us / _SECOND_US)}" if remind_us else "no reminders"
    return f"{written(terms.notify)}; {reminded}"


def grouping_in_words(grouping: Grouping) -> str:
    """`by environment, 30s after the first; no sooner than 5m after the last message; at once when 100 wait; …`."""
    wait, interval = (duration_in_words(us / _SECOND_US) for us in (grouping.wait_us, grouping.interval_us))
    parts = [
        f"by {', '.join(grouping.by)}, {wait} after the first",
        f"no sooner than {interval} after the group's last message",
        f"at once when {grouping.most} wait",
    ]
    if grouping.bypass:
        above = "" if grouping.bypass is Severity.CRITICAL else " and above"
        parts.append(f"{grouping.bypass}{above} at once and alone")
    return "; ".join(parts)


def pairs_as_written(inhibitor: Inhibitor) -> list[str]:
    """As INHIBIT takes them, one by one: `AR-1045>AR-651`. Case does not count there."""
    return [f"{link.wide.pattern}>{link.narrow.pattern}".upper() for link in inhibitor.links]


def flap_in_words(rule: FlapRule) -> str:
    window = duration_in_words(rule.window_us / _SECOND_US)
    return f"after more than {rule.most} changes in {window}, told once more and then when nothing changed for {window}"


def shut_in_words(when_muted: WhenMuted) -> str:
    """What becomes of alerts outside ACTIVE and inside MUTE."""
    if when_muted is WhenMuted.DROP:
        return "what comes meanwhile is never sent"
    return "what comes meanwhile waits, and is sent when the route opens if it still stands then"


def _chain_in_words(chain: Chain) -> Iterator[str]:
    if chain.catch_all:
        yield "takes only what no other route took"
    if chain.stop:
        yield "no later route gets what it takes"
    if chain.order is not None:
        yield f"its place in the order is {chain.order}"
    if chain.fallback:
        yield f"{chain.fallback} gets what is not delivered after {duration_in_words(chain.late_us / _SECOND_US)}"
    if chain.fallback_only:
        yield "takes only what another route hands over"


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
