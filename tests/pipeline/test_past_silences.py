from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.silence import Silence
from gateway.pipeline.past_silences import PastSilences
from tests.queue.store_world import START_US, a_silence


def _silence(silence_id: str, starts: int, lasts: int, ended: int | None) -> Silence:
    made = a_silence(silence_id, starts_us=START_US + starts, lasts_us=lasts)
    return made if ended is None else replace(made, ended_us=START_US + ended)


SILENCES = st.builds(
    _silence, st.sampled_from("abcdef"), st.integers(0, 20), st.integers(1, 20), st.none() | st.integers(0, 30)
)


@given(st.lists(SILENCES), st.lists(SILENCES, max_size=2), st.lists(st.integers(-2, 50)), st.integers(0, 50))
def test_those_are_in_force_that_were_also_when_one_is_heard_of_late(
    known: list[Silence], late: list[Silence], moments: list[int], then: int
) -> None:
    past, there = PastSilences(), dict[str, Silence]()
    times = sorted(moments)
    for silences, asked in (known, times[:then]), (late, times[then:]):
        for silence in silences:
            past.add(silence)
            there[silence.id] = silence
        assert len(past) == len(there)
        for moment in asked:
            expected = {one.id for one in there.values() if one.is_active(START_US + moment)}
            assert {one.id for one in past.active(START_US + moment)} == expected
