"""When to try again: a pure function, made of tenacity's strategies evaluated for a stored attempt number.

There is no loop here and none around a send: the durable schedule is the only place that retries.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from tenacity import RetryCallState, Retrying, stop_after_attempt, stop_after_delay, wait_chain, wait_fixed
from tenacity.stop import stop_base
from tenacity.wait import wait_base

from gateway.domain.breaker import LONGEST_HOLD_S
from gateway.domain.delivery import State
from gateway.domain.outcome import Outcome, OutcomeClass
from gateway.domain.policy import RetryPolicy

JITTER = 0.1
"""At most a tenth is added to each wait, so that deliveries that failed together do not come back together."""


@dataclass(frozen=True, slots=True)
class Step:
    """A delivery's next state. `delay_s` is for `pending` only. `charged` False: the attempt does not count against the
    schedule. `given_up`: a short fixed word for metrics, why it is dead or parked; "" otherwise.
    """

    state: State
    delay_s: float = 0.0
    charged: bool = True
    shrink: bool = False
    given_up: str = ""


class _Stretched(wait_base):
    """A wait of another strategy, lengthened by up to JITTER as the dice say."""

    def __init__(self, inner: wait_base, dice: Callable[[], float]) -> None:
        self.inner, self.dice = inner, dice

    def __call__(self, retry_state: RetryCallState) -> float:
        return self.inner(retry_state) * (1 + JITTER * self.dice())


@cache
def _schedule(policy: RetryPolicy) -> tuple[wait_base, stop_base]:
    waits = wait_chain(*(wait_fixed(seconds) for seconds in policy.schedule_s or (0.0,)))
    return waits, stop_after_attempt(len(policy.schedule_s) + 1) | stop_after_delay(policy.window_s)


def _moment(attempt: int, elapsed_s: float) -> RetryCallState:
    state = RetryCallState(_NO_LOOP, None, (), {})
    state.attempt_number = attempt
    state.start_time = 0.0
    state.outcome_timestamp = elapsed_s
    return state


_NO_LOOP: Any = Retrying()


def retry_step(
    policy: RetryPolicy, *, attempt: int, elapsed_s: float, hint_s: float | None, dice: Callable[[], float]
) -> Step:
    """What follows a failed attempt that may succeed later.

    `attempt` counts charged attempts from 1, this one included; `elapsed_s` since the retry window began. The wait is
    the schedule's with jitter or the receiver's hint, whichever is longer. The schedule's part is cut so that one last
    attempt falls on the end of the window; a hint is followed for as long as it may hold up the route.
    """
    waits, stop = _schedule(policy)
    moment = _moment(attempt, elapsed_s)
    if stop(moment):
        return Step(State.DEAD, given_up="attempts" if attempt > len(policy.schedule_s) else "deadline")
    wait_s = min(_Stretched(waits, dice)(moment), policy.window_s - elapsed_s)
    return Step(State.PENDING, max(wait_s, min(hint_s or 0.0, LONGEST_HOLD_S)))


def next_step(
    outcome: Outcome,
    policy: RetryPolicy,
    *,
    attempt: int,
    elapsed_s: float,
    may_shrink: bool,
    probing: bool,
    dice: Callable[[], float],
) -> Step:
    """The delivery's next state after any outcome.

    `may_shrink`: the message can be made smaller and was not yet. `probing`: this attempt tested a stopped route; its
    failure says nothing of the alert and is not charged.
    """
    match outcome.kind:
        case OutcomeClass.OK:
            return Step(State.DELIVERED)
        case OutcomeClass.REJECTED:
            return Step(State.DEAD, given_up="rejected")
        case OutcomeClass.OURS:
            return Step(State.PARKED, given_up="format")
        case OutcomeClass.TOO_LARGE:
            if may_shrink:
                return Step(State.PENDING, charged=False, shrink=True)
            return Step(State.DEAD, given_up="too_large")
        case OutcomeClass.RETRY | OutcomeClass.RATE_LIMITED | OutcomeClass.AUTH | OutcomeClass.GONE:
            step = retry_step(policy, attempt=attempt, elapsed_s=elapsed_s, hint_s=outcome.hint_s, dice=dice)
            if probing or outcome.kind is OutcomeClass.GONE:
                return Step(State.PENDING, step.delay_s, charged=False)
            return step
