"""A route's health: what one outcome does to it. Values in, value out; the pipeline keeps and persists the state.

running -> open: the receiver fails (again and again, for a while) or refuses our credentials; deliveries wait, parked
and not charged, and one real delivery probes from time to time. running -> paused: the hook is gone, or an operator
said so; nothing probes until an operator resumes it or the gateway starts anew.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from gateway.domain.delivery import RouteState, RouteStatus
from gateway.domain.outcome import Outcome, OutcomeClass

_SECOND_US = 1_000_000
LONGEST_HOLD_S = 24 * 3600.0
"""A receiver may ask for silence, but not for ever: a nonsense Retry-After must not stop a route for years."""
UNNAMED_HOLD_S = 5.0
"""How long a rate limit without a hint silences the route."""


@dataclass(frozen=True, slots=True)
class Breaker:
    """`failures` in a row over at least `span_s` open it: one burst that fails at once is no outage. Probes come
    `probe_first_s` later, then at doubled waits up to `probe_most_s`.

    A refused connection needs no such span: nothing listens there, and more attempts would only be spent. It is mostly
    a restart, so that the first probe comes `restart_probe_s` later. Refused credentials are probed rarely, because
    receivers count such attempts against us.
    """

    failures: int = 5
    span_s: float = 10.0
    probe_first_s: float = 15.0
    probe_most_s: float = 300.0
    restart_probe_s: float = 1.0
    auth_failures: int = 3
    auth_probe_s: float = 900.0
    auth_probe_most_s: float = 3600.0


def after_outcome(state: RouteState, outcome: Outcome, now_us: int, rule: Breaker = Breaker()) -> RouteState:
    """The route's state after one attempt on it ended at `now_us`."""
    state = _held(state, outcome, now_us)
    if outcome.partly:
        return _answered(state, now_us)
    match outcome.kind:
        case OutcomeClass.RETRY | OutcomeClass.AUTH:
            return _failed(state, outcome, now_us, rule)
        case OutcomeClass.GONE:
            if state.cause == "operator":
                return state
            return _stopped(state, RouteStatus.PAUSED, "gone", outcome.reason, now_us)
        case OutcomeClass.OURS:
            return state
        case _:
            return _answered(state, now_us)


def _held(state: RouteState, outcome: Outcome, now_us: int) -> RouteState:
    hint_s = outcome.hint_s
    if hint_s is None and outcome.kind is OutcomeClass.RATE_LIMITED:
        hint_s = UNNAMED_HOLD_S
    if not hint_s:
        return state
    until_us = now_us + int(min(hint_s, LONGEST_HOLD_S) * _SECOND_US)
    return replace(state, hold_until_us=max(state.hold_until_us, until_us))


def _answered(state: RouteState, now_us: int) -> RouteState:
    """The receiver is there, whatever it thinks of the alert."""
    if state.status is RouteStatus.OPEN:
        return recovered(state, now_us)
    return replace(state, failures=0, failing_since_us=0) if state.failures else state


def recovered(state: RouteState, now_us: int) -> RouteState:
    """Running again; retry windows of what waited begin now."""
    return RouteState(state.route, hold_until_us=state.hold_until_us, since_us=now_us, recovered_us=now_us)


def paused(state: RouteState, reason: str, now_us: int) -> RouteState:
    return _stopped(state, RouteStatus.PAUSED, "operator", reason, now_us)


def restarted(state: RouteState, now_us: int, *, enabled: bool = True) -> RouteState:
    """What a stored state means to a process that starts: whatever was stopped by an outcome is probed at once, because
    a restart is how a new secret or a corrected address gets in; an operator's pause stays. A running route that is
    switched off is marked, so that it recovers when it is enabled again: nobody's window ran out meanwhile.
    """
    if state.status is RouteStatus.RUNNING and not enabled:
        return replace(state, cause="disabled")
    if state.cause == "disabled":
        return recovered(state, now_us)
    if state.status is RouteStatus.RUNNING or state.cause == "operator":
        return state
    return replace(state, status=RouteStatus.OPEN, probe_at_us=now_us, hold_until_us=0)


def _failed(state: RouteState, outcome: Outcome, now_us: int, rule: Breaker) -> RouteState:
    state = replace(state, failures=state.failures + 1, failing_since_us=state.failing_since_us or now_us)
    if state.status is RouteStatus.OPEN:
        return _probe_failed(state, outcome, now_us, rule)
    if state.status is RouteStatus.PAUSED or not _opens(state, outcome, now_us, rule):
        return state
    state = _stopped(state, RouteStatus.OPEN, _cause(outcome), outcome.reason, now_us)
    return _probed_after(state, _first_wait_s(outcome, rule), now_us)


def _opens(state: RouteState, outcome: Outcome, now_us: int, rule: Breaker) -> bool:
    if outcome.kind is OutcomeClass.AUTH:
        return state.failures >= rule.auth_failures
    lasted = now_us - state.failing_since_us >= rule.span_s * _SECOND_US
    return state.failures >= rule.failures and (lasted or outcome.nothing_listens)


def _probe_failed(state: RouteState, outcome: Outcome, now_us: int, rule: Breaker) -> RouteState:
    if now_us < state.probe_at_us:
        return state  # it was under way when the breaker opened: no probe, and no reason to probe later
    wait_s = state.probe_wait_s * 2 or _first_wait_s(outcome, rule)
    if outcome.kind is OutcomeClass.AUTH:
        wait_s = min(max(wait_s, rule.auth_probe_s), rule.auth_probe_most_s)
    else:
        wait_s = min(wait_s, rule.probe_most_s)
    return _probed_after(replace(state, reason=outcome.reason, cause=_cause(outcome)), wait_s, now_us)


def _first_wait_s(outcome: Outcome, rule: Breaker) -> float:
    if outcome.kind is OutcomeClass.AUTH:
        return rule.auth_probe_s
    return rule.restart_probe_s if outcome.nothing_listens else rule.probe_first_s


def _cause(outcome: Outcome) -> str:
    return "auth" if outcome.kind is OutcomeClass.AUTH else "failing"


def _probed_after(state: RouteState, wait_s: float, now_us: int) -> RouteState:
    return replace(state, probe_wait_s=wait_s, probe_at_us=now_us + int(wait_s * _SECOND_US))


def _stopped(state: RouteState, status: RouteStatus, cause: str, reason: str, now_us: int) -> RouteState:
    if state.status is status and state.cause == cause:
        return replace(state, reason=reason)
    return replace(state, status=status, cause=cause, reason=reason, since_us=now_us)
