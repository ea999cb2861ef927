from __future__ import annotations

import asyncio

import pytest

from gateway.pipeline.alarm import LONGEST_SLEEP_S, Alarm, on_loop
from tests.pipeline.fakes import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def rung() -> list[float]:
    return []


@pytest.fixture
def alarm(clock: FakeClock, rung: list[float]) -> Alarm:
    return Alarm(lambda: rung.append(clock.running_s), clock=clock, timer=clock.later)


def pass_seconds(clock: FakeClock, seconds: int) -> None:
    for _ in range(seconds):
        clock.move(1)
        clock.ring()


@pytest.mark.parametrize("times", [(5, 3, 8), (3, 8, 5), (8, 5, 3)])
def test_it_rings_once_at_the_earliest_of_its_times(
    alarm: Alarm, clock: FakeClock, rung: list[float], times: tuple[int, ...]
) -> None:
    for seconds in times:
        alarm.set(seconds)
    pass_seconds(clock, 20)
    assert rung == [3]


def test_it_can_be_set_again_after_it_rang(alarm: Alarm, clock: FakeClock, rung: list[float]) -> None:
    alarm.set(2)
    pass_seconds(clock, 4)
    alarm.set(2)
    pass_seconds(clock, 4)
    assert rung == [2, 6]


def test_it_never_sleeps_long_because_clocks_are_set(alarm: Alarm, clock: FakeClock, rung: list[float]) -> None:
    alarm.set(1e9)
    pass_seconds(clock, int(LONGEST_SLEEP_S))
    assert rung == [LONGEST_SLEEP_S]


def test_it_stays_silent_once_it_is_switched_off(alarm: Alarm, clock: FakeClock, rung: list[float]) -> None:
    alarm.set(1)
    alarm.switch_off()
    alarm.set(1)
    pass_seconds(clock, 5)
    assert rung == []


async def test_on_a_loop_it_rings_by_itself(clock: FakeClock) -> None:
    rung = asyncio.Event()
    Alarm(rung.set, clock=clock, timer=on_loop).set(0.001)
    async with asyncio.timeout(5):
        await rung.wait()
