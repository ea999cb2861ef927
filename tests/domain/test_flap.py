from __future__ import annotations

from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.flap import Flap, FlapRule, Stability, flap_words, judge_flap

MINUTE_US = 60_000_000
RULE = FlapRule(most=3, window_us=60 * MINUTE_US)


def told(*minutes: float, rule: FlapRule = RULE) -> list[str]:
    times: tuple[int, ...] = ()
    found = []
    for minute in minutes:
        stability, times = judge_flap(times, int(minute * MINUTE_US), rule)
        found.append(str(stability))
    return found


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        ([0], ["steady"]),
        ([0, 1, 2], ["steady"] * 3),
        ([0, 1, 2, 3], ["steady"] * 3 + ["began"]),
        ([0, 0, 0, 0], ["steady"] * 3 + ["began"]),
        ([0, 20, 40, 60], ["steady"] * 4),
        ([0, 20, 40, 59.9], ["steady"] * 3 + ["began"]),
        ([0, 30, 60, 90, 120, 150], ["steady"] * 6),
        ([0, 1, 2, 3, 4, 5], ["steady"] * 3 + ["began", "flapping", "flapping"]),
        ([0, 1, 2, 3, 62, 121, 180], ["steady"] * 3 + ["began"] + ["flapping"] * 3),
        ([0, 1, 2, 3, 63, 64, 65], ["steady"] * 3 + ["began", "ended", "steady", "steady"]),
        (
            [0, 1, 2, 3, 63, 64, 65, 66, 67],
            ["steady"] * 3 + ["began", "ended", "steady", "steady", "began", "flapping"],
        ),
    ],
)
def test_flapping_is_told_once_and_ends_after_a_quiet_window(minutes: list[float], expected: list[str]) -> None:
    assert told(*minutes) == expected


def test_its_end_is_also_seen_without_a_change() -> None:
    times = judge_flap((0, 1, 2), 3, RULE).times_us
    early = judge_flap(times, 2 + RULE.window_us, RULE, changed=False)
    assert early == Flap(Stability.FLAPPING, times)
    assert judge_flap(times, 3 + RULE.window_us, RULE, changed=False) == Flap(Stability.ENDED, ())


def test_a_look_without_a_change_counts_as_none() -> None:
    assert judge_flap((0, 1, 2), 3, RULE, changed=False) == Flap(Stability.STEADY, (0, 1, 2))
    assert judge_flap((), 3, RULE, changed=False) == Flap(Stability.STEADY, ())


def test_a_clock_that_was_set_back_neither_ends_flapping_nor_delays_its_end() -> None:
    times = (10**15, 10**15 + 1, 10**15 + 2)
    began = judge_flap(times, 5, RULE)
    assert began == Flap(Stability.BEGAN, (5, 5, 5, 5))
    assert judge_flap((*times, 10**15 + 3), 5, RULE) == Flap(Stability.FLAPPING, (5, 5, 5, 5))


def test_what_a_larger_rule_left_is_judged_by_the_rule_of_today() -> None:
    assert judge_flap((0, 1, 2), 3, FlapRule(10, RULE.window_us)).stability is Stability.STEADY
    assert judge_flap(tuple(range(30)), 31, RULE) == Flap(Stability.BEGAN, (27, 28, 29, 31))


@pytest.mark.parametrize(
    ("window_us", "words"),
    [
        (3600_000_000, "1h"), (5400_000_000, "90m"), (86_400_000_000, "1d"), (45_000_000, "45s"), (500_000, "0.5s"),
    ],
)  # fmt: skip
def test_it_is_told_in_words_how_often_and_how_long(window_us: int, words: str) -> None:
    rule = FlapRule(3, window_us)
    began = judge_flap((0, 0, 0), 0, rule)
    assert flap_words(began, rule) == f"flapping: 4 changes in {words}"
    assert flap_words(judge_flap(began.times_us, 2 * window_us, rule), rule) == f"stable again: no change for {words}"
    assert flap_words(judge_flap((), 0, rule), rule) == ""


def test_only_what_happens_within_flapping_is_left_untold() -> None:
    assert [Flap(stability, ()).told for stability in Stability] == [True, True, False, True]


GAPS = st.lists(st.integers(0, 90), min_size=1, max_size=40)


@given(GAPS, st.integers(1, 6))
def test_any_history_is_judged_as_the_words_say(gaps: list[int], most: int) -> None:
    rule = FlapRule(most, 60 * MINUTE_US)
    minutes = list(accumulate(gaps))
    seen = told(*minutes, rule=rule)
    assert all(after in ("flapping", "ended") for before, after in pairwise(seen) if before in ("began", "flapping"))
    for at, stability in enumerate(seen):
        gap = gaps[at] if at else 0
        busy = sum(minutes[at] - minute < 60 for minute in minutes[: at + 1])
        assert (stability == "ended") <= (gap >= 60)
        assert (stability == "flapping") <= (gap < 60)
        assert (stability == "began") <= (busy > most)
        assert (stability == "steady") <= (busy <= most)


@given(GAPS, st.integers(1, 6))
def test_no_more_is_kept_than_the_rule_needs(gaps: list[int], most: int) -> None:
    rule = FlapRule(most, 60 * MINUTE_US)
    times: tuple[int, ...] = ()
    for minute in accumulate(gaps):
        times = judge_flap(times, minute * MINUTE_US, rule).times_us
        assert len(times) <= most + 1
        assert list(times) == sorted(times)
