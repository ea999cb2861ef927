from __future__ import annotations

import pytest

from gateway.domain.breaker import LONGEST_HOLD_S, UNNAMED_HOLD_S, after_outcome, paused, recovered, restarted
from gateway.domain.delivery import RouteState, RouteStatus
from gateway.domain.outcome import Outcome, OutcomeClass

SECOND_US = 1_000_000
START = RouteState("soc")


def fail(state: RouteState, at_s: float, kind: OutcomeClass = OutcomeClass.RETRY) -> RouteState:
    return after_outcome(state, Outcome(kind, "503 Service Unavailable", 503), int(at_s * SECOND_US))


def refused(state: RouteState, at_s: float) -> RouteState:
    outcome = Outcome(OutcomeClass.RETRY, "connection refused", nothing_listens=True)
    return after_outcome(state, outcome, int(at_s * SECOND_US))


def failing(*at_s: float, kind: OutcomeClass = OutcomeClass.RETRY) -> RouteState:
    state = START
    for moment in at_s:
        state = fail(state, moment, kind)
    return state


def test_it_opens_after_five_failures_in_a_row_that_lasted() -> None:
    state = failing(1, 2, 3, 4, 12)
    assert (state.status, state.cause, state.reason) == (RouteStatus.OPEN, "failing", "503 Service Unavailable")
    assert state.probe_at_us == (12 + 15) * SECOND_US


def test_a_burst_that_fails_at_once_is_no_outage() -> None:
    assert failing(*[1.0] * 40).status is RouteStatus.RUNNING


def test_four_failures_are_not_enough_however_long() -> None:
    assert failing(1, 100, 1000, 10000).status is RouteStatus.RUNNING


@pytest.mark.parametrize(
    ("before", "status"),
    [
        (failing(), RouteStatus.RUNNING),
        (failing(1, 1, 1), RouteStatus.RUNNING),
        (failing(1, 1, 1, 1), RouteStatus.OPEN),
        (failing(*[1.0] * 40), RouteStatus.OPEN),
        (paused(failing(1, 1, 1, 1), "", 1), RouteStatus.PAUSED),
    ],
)
def test_a_refused_connection_that_is_at_least_the_fifth_failure_in_a_row_opens_it_at_once(
    before: RouteState, status: RouteStatus
) -> None:
    assert refused(before, 1).status is status


def nobody(*at_s: float) -> RouteState:
    state = START
    for moment in at_s:
        state = refused(state, moment)
    return state


def test_a_receiver_that_restarts_is_looked_for_every_few_seconds() -> None:
    state = nobody(*[1.0] * 5)
    waits = [state.probe_wait_s]
    for _ in range(9):
        state = refused(state, state.probe_at_us / SECOND_US)
        waits.append(state.probe_wait_s)
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]


def test_a_receiver_that_listens_again_but_still_fails_is_looked_for_as_soon() -> None:
    state = nobody(*[1.0] * 5)
    assert fail(state, 2).probe_wait_s == 2


def test_refused_connections_that_were_under_way_do_not_put_the_first_probe_off() -> None:
    opened = nobody(*[1.0] * 5)
    assert refused(opened, 1).probe_at_us == opened.probe_at_us


@pytest.mark.parametrize("opened", [nobody(*[1.0] * 5), failing(1, 2, 3, 4, 12), fail(START, 1, OutcomeClass.GONE)])
def test_a_probe_whose_credentials_are_refused_is_followed_by_rare_ones(opened: RouteState) -> None:
    state = restarted(opened, 99 * SECOND_US)
    waits = []
    for _ in range(4):
        state = fail(state, state.probe_at_us / SECOND_US, OutcomeClass.AUTH)
        waits.append(state.probe_wait_s)
    assert waits == [900, 1800, 3600, 3600]


@pytest.mark.parametrize("kind", [OutcomeClass.OK, OutcomeClass.REJECTED, OutcomeClass.TOO_LARGE])
def test_any_answer_of_a_living_receiver_ends_the_row(kind: OutcomeClass) -> None:
    state = after_outcome(failing(1, 2, 3, 4), Outcome(kind, ""), 5 * SECOND_US)
    assert (state.failures, state.failing_since_us) == (0, 0)


def test_failed_probes_come_at_doubled_waits_up_to_five_minutes() -> None:
    state = failing(1, 2, 3, 4, 12)
    waits = []
    for _ in range(6):
        state = fail(state, state.probe_at_us / SECOND_US)
        waits.append(state.probe_wait_s)
    assert waits == [30, 60, 120, 240, 300, 300]


def test_attempts_that_were_under_way_when_it_opened_do_not_put_the_first_probe_off() -> None:
    opened = failing(1, 2, 3, 4, 12)
    later = fail(fail(fail(opened, 12), 12), 13)
    assert (later.probe_at_us, later.probe_wait_s) == (opened.probe_at_us, opened.probe_wait_s)


def test_a_probe_that_gets_through_closes_it_and_starts_retry_windows_anew() -> None:
    state = after_outcome(failing(1, 2, 3, 4, 12), Outcome(OutcomeClass.OK, "200 OK"), 40 * SECOND_US)
    assert (state.status, state.recovered_us, state.failures) == (RouteStatus.RUNNING, 40 * SECOND_US, 0)


def test_refused_credentials_open_it_after_three_and_are_probed_rarely() -> None:
    state = failing(1, 1, 1, kind=OutcomeClass.AUTH)
    assert (state.status, state.cause, state.probe_wait_s) == (RouteStatus.OPEN, "auth", 900)
    assert fail(state, 950, OutcomeClass.AUTH).probe_wait_s == 1800


def test_a_hook_that_is_gone_pauses_at_once() -> None:
    state = fail(START, 1, OutcomeClass.GONE)
    assert (state.status, state.cause) == (RouteStatus.PAUSED, "gone")


def test_our_own_fault_says_nothing_about_the_receiver() -> None:
    before = failing(1, 2)
    assert fail(before, 3, OutcomeClass.OURS) is before


@pytest.mark.parametrize(
    ("kind", "hint_s", "held_s"),
    [
        (OutcomeClass.RATE_LIMITED, 7.5, 7.5),
        (OutcomeClass.RATE_LIMITED, None, UNNAMED_HOLD_S),
        (OutcomeClass.RETRY, 30.0, 30.0),
        (OutcomeClass.OK, 2.0, 2.0),
        (OutcomeClass.OK, None, 0.0),
        (OutcomeClass.RATE_LIMITED, 1e12, LONGEST_HOLD_S),
    ],
)
def test_a_hint_silences_the_whole_route(kind: OutcomeClass, hint_s: float | None, held_s: float) -> None:
    state = after_outcome(START, Outcome(kind, "", hint_s=hint_s), 0)
    assert state.hold_until_us == held_s * SECOND_US


def test_a_shorter_hint_does_not_shorten_a_longer_one() -> None:
    state = after_outcome(START, Outcome(OutcomeClass.RATE_LIMITED, "", hint_s=60), 0)
    assert after_outcome(state, Outcome(OutcomeClass.OK, "", hint_s=1), 0).hold_until_us == 60 * SECOND_US


def test_results_that_come_in_after_an_operators_pause_do_not_end_it() -> None:
    state = paused(START, "paused by an operator", 5)
    for kind in (OutcomeClass.OK, OutcomeClass.RETRY, OutcomeClass.GONE):
        after = after_outcome(state, Outcome(kind, ""), 6)
        assert (after.status, after.cause) == (RouteStatus.PAUSED, "operator")


@pytest.mark.parametrize(
    ("before", "status"),
    [
        (START, RouteStatus.RUNNING),
        (paused(START, "", 5), RouteStatus.PAUSED),
        (fail(START, 1, OutcomeClass.GONE), RouteStatus.OPEN),
        (failing(1, 2, 3, 4, 12), RouteStatus.OPEN),
        (failing(1, 1, 1, kind=OutcomeClass.AUTH), RouteStatus.OPEN),
    ],
)
def test_a_restart_probes_what_an_outcome_had_stopped(before: RouteState, status: RouteStatus) -> None:
    after = restarted(before, 99)
    assert after.status is status
    if status is RouteStatus.OPEN:
        assert after.probe_at_us == 99


def test_a_route_that_was_switched_off_recovers_when_it_is_enabled_again() -> None:
    off = restarted(START, 5, enabled=False)
    assert (off.status, off.cause) == (RouteStatus.RUNNING, "disabled")
    assert restarted(off, 6, enabled=False) == off
    on = restarted(off, 99)
    assert (on.status, on.cause, on.recovered_us) == (RouteStatus.RUNNING, "", 99)


def test_an_operators_pause_stays_while_the_route_is_switched_off() -> None:
    off = restarted(paused(START, "paused by ada", 5), 6, enabled=False)
    assert (off.status, off.cause) == (RouteStatus.PAUSED, "operator")


def test_recovery_forgets_why_it_was_stopped() -> None:
    state = recovered(failing(1, 2, 3, 4, 12), 50)
    assert (state.cause, state.reason, state.failures) == ("", "", 0)
