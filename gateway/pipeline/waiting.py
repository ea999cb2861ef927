"""Whether a route may be sent something now: what its silences and its hours say."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Protocol

from gateway.domain.condition import Reading
from gateway.domain.delivery import WINDOW_HOLD, silence_hold
from gateway.domain.silence import Silence, matching
from gateway.domain.telling import Word
from gateway.domain.window import WhenMuted, passes_mute
from gateway.pipeline.configured import ConfiguredRoute

_SECOND_US = 1_000_000
_NEVER = timedelta(days=3650)


class Silencing(Protocol):
    def active(self, now_us: int) -> Sequence[Silence]: ...


class Wait(NamedTuple):
    """`hold` as in `NewDelivery`. `then`: what is to become of an alert that comes meanwhile, which is `word` when it
    is dropped. `reason` is for people.
    """

    until_us: int
    hold: str
    then: WhenMuted
    word: Word
    reason: str


def wait_of(route: ConfiguredRoute, reading: Reading, silences: Sequence[Silence], now_us: int) -> Wait | None:
    """None when it may be sent now. A silence goes before the hours: it was made for what happens now. It holds until
    it is over, which of a past one is known.
    """
    if (route.schedule is None and not silences) or passes_mute(change_closes=reading.alert.is_closed):
        return None
    silence = matching(silences, reading, route.name, now_us)
    return _silenced(silence) if silence else _muted(route, now_us)


def _silenced(silence: Silence) -> Wait:
    until = datetime.fromtimestamp(silence.expires_us / _SECOND_US, UTC)
    reason = f"silence {silence.id} of {silence.author} until {until:%Y-%m-%d %H:%M} UTC: {silence.reason}"
    return Wait(silence.over_us, silence_hold(silence.id), silence.then, Word.SILENCED, reason)


def _muted(route: ConfiguredRoute, now_us: int) -> Wait | None:
    at = datetime.fromtimestamp(now_us / _SECOND_US, UTC)
    if route.schedule is None or route.schedule.is_open(at):
        return None
    opens = route.schedule.opens_at(at) or at + _NEVER
    until_us = int(opens.timestamp() * _SECOND_US)
    return Wait(until_us, WINDOW_HOLD, route.when_muted, Word.MUTED, route.schedule.reason(at))
