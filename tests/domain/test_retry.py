from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.breaker import LONGEST_HOLD_S
from gateway.domain.delivery import State
from gateway.domain.outcome import Outcome, OutcomeClass
from gateway.domain.policy import RetryPolicy
from gateway.domain.retry import JITTER, Step, next_step, retry_step

DEFAULT = RetryPolicy()
HOUR_S = 3600.0


def step(attempt: int, elapsed_s: float = 0.0, hint_s: float | None = None, dice: float = 0.0) -> Step:
    return retry_step(DEFAULT, attempt=attempt, elapsed_s=elapsed_s, hint_s=hint_s, dice=lambda: dice)


@pytest.mark.parametrize(
    ("attempt", "wait_s"),
    [(1, 5), (2, 30), (3, 300), (4, 1800), (5, 7200), (6, 18000), (7, 36000), (8, 50400), (9, 72000)],
)
def test_waits_follow_the_documented_schedule(attempt: int, wait_s: float) -> None:
    assert step(attempt) == Step(State.PENDING, wait_s)


def test_the_attempt_after_the_last_wait_is_final() -> None:
    assert step(10) == Step(State.DEAD, given_up="attempts")


def test_nothing_is_tried_again_after_the_window() -> None:
    assert step(3, elapsed_s=72 * HOUR_S) == Step(State.DEAD, given_up="deadline")


def test_the_last_wait_is_cut_to_the_end_of_the_window() -> None:
    assert step(9, elapsed_s=71 * HOUR_S).delay_s == HOUR_S


def test_jitter_only_adds() -> None:
    assert step(2, dice=0.999).delay_s == pytest.approx(30 * (1 + JITTER * 0.999))


@pytest.mark.parametrize(("hint_s", "wait_s"), [(None, 30), (0, 30), (10, 30), (45, 45), (23 * HOUR_S, 23 * HOUR_S)])
def test_a_longer_hint_wins(hint_s: float | None, wait_s: float) -> None:
    assert step(2, hint_s=hint_s).delay_s == wait_s


@pytest.mark.parametrize("hint_s", [90 * HOUR_S, 1e12, 1e300])
def test_a_hint_out_of_all_reason_counts_as_a_day(hint_s: float) -> None:
    assert step(2, hint_s=hint_s).delay_s == LONGEST_HOLD_S


def test_an_empty_schedule_means_a_single_attempt() -> None:
    only_once = RetryPolicy(schedule_s=())
    assert retry_step(only_once, attempt=1, elapsed_s=0, hint_s=None, dice=lambda: 0).state is State.DEAD


@given(
    schedule=st.lists(st.floats(0.05, 1e5), max_size=12).map(tuple),
    window_s=st.floats(0.1, 1e6),
    hint_s=st.none() | st.floats(0, LONGEST_HOLD_S),
    dice=st.floats(0, 0.999),
)
def test_every_delivery_ends_within_its_attempts(
    schedule: tuple[float, ...], window_s: float, hint_s: float | None, dice: float
) -> None:
    policy = RetryPolicy(schedule, window_s)
    elapsed_s = 0.0
    for attempt in range(1, len(schedule) + 2):
        following = retry_step(policy, attempt=attempt, elapsed_s=elapsed_s, hint_s=hint_s, dice=lambda: dice)
        if following.state is State.DEAD:
            return
        assert following.delay_s >= max(0.0, hint_s or 0.0)
        assert following.delay_s <= max(hint_s or 0.0, window_s - elapsed_s)
        elapsed_s += following.delay_s
    raise AssertionError("it was never given up")


def after(kind: OutcomeClass, *, may_shrink: bool = False, probing: bool = False, attempt: int = 1) -> Step:
    return next_step(
        Outcome(kind, "as the test says"),
        DEFAULT,
        attempt=attempt,
        elapsed_s=0,
        may_shrink=may_shrink,
        probing=probing,
        dice=lambda: 0.0,
    )


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (OutcomeClass.OK, Step(State.DELIVERED)),
        (OutcomeClass.RETRY, Step(State.PENDING, 5)),
        (OutcomeClass.RATE_LIMITED, Step(State.PENDING, 5)),
        (OutcomeClass.AUTH, Step(State.PENDING, 5)),
        (OutcomeClass.GONE, Step(State.PENDING, 5, charged=False)),
        (OutcomeClass.REJECTED, Step(State.DEAD, given_up="rejected")),
        (OutcomeClass.TOO_LARGE, Step(State.DEAD, given_up="too_large")),
        (OutcomeClass.OURS, Step(State.PARKED, given_up="format")),
    ],
)
def test_each_class_has_its_consequence(kind: OutcomeClass, expected: Step) -> None:
    assert after(kind) == expected


def test_a_message_called_too_large_is_shrunk_once_without_charge() -> None:
    assert after(OutcomeClass.TOO_LARGE, may_shrink=True) == Step(State.PENDING, charged=False, shrink=True)


@pytest.mark.parametrize("attempt", [1, 10])
def test_a_probe_that_fails_costs_the_alert_nothing(attempt: int) -> None:
    failed = after(OutcomeClass.RETRY, probing=True, attempt=attempt)
    assert (failed.state, failed.charged) == (State.PENDING, False)
