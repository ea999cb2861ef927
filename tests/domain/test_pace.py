from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.pace import TokenBucket
from gateway.domain.policy import Pace


def test_a_burst_goes_at_once_and_the_next_waits_for_its_turn() -> None:
    bucket = TokenBucket(Pace(per_s=2, burst=3), 0.0)
    assert bucket.available(0.0) == 3
    bucket.take(3, 0.0)
    assert bucket.available(0.0) == 0
    assert round(bucket.wait_s(0.0), 6) == 0.5
    assert bucket.available(0.5) == 1


def test_an_idle_time_saves_up_no_more_than_the_burst() -> None:
    bucket = TokenBucket(Pace(per_s=100, burst=2), 0.0)
    assert bucket.available(3600.0) == 2


def test_what_was_not_sent_is_given_back() -> None:
    bucket = TokenBucket(Pace(per_s=1, burst=1), 0.0)
    bucket.take(1, 0.0)
    bucket.give_back(1)
    assert bucket.available(0.0) == 1


@given(st.floats(0.01, 1000), st.integers(1, 50), st.lists(st.floats(0, 10), min_size=1, max_size=50))
def test_it_never_lets_through_more_than_it_promises(per_s: float, burst: int, steps: list[float]) -> None:
    bucket, now_s, sent = TokenBucket(Pace(per_s, burst), 0.0), 0.0, 0
    for step in steps:
        now_s += step
        count = bucket.available(now_s)
        bucket.take(count, now_s)
        sent += count
        assert sent <= burst + now_s * per_s + 1e-3


@given(st.floats(0.01, 1000), st.integers(1, 5))
def test_after_the_wait_it_tells_one_may_go(per_s: float, burst: int) -> None:
    bucket = TokenBucket(Pace(per_s, burst), 0.0)
    bucket.take(burst, 0.0)
    assert bucket.available(bucket.wait_s(0.0)) >= 1
