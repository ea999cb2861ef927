"""Flap damping: an incident that opens and closes again and again is told once, then left alone until it is stable.

FLAP_MAX and FLAP_WINDOW of a route; without them nothing is damped. What counts as a change of state (opened, closed,
grew, shrank) is for the caller to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

MOST_CHANGES = 50
"""The largest FLAP_MAX that makes sense: so many times, and one more, are kept of each incident."""

_UNITS = ((86_400_000_000, "d"), (3_600_000_000, "h"), (60_000_000, "m"), (1_000_000, "s"))


@dataclass(frozen=True, slots=True)
class FlapRule:
    """More than `most` changes within `window_us` microseconds are flapping; `window_us` without any ends it."""

    most: int
    window_us: int = 3_600_000_000


class Stability(StrEnum):
    """`began` and `ended` are told once each, `steady` as usual, `flapping` not at all."""

    STEADY = "steady"
    BEGAN = "began"
    FLAPPING = "flapping"
    ENDED = "ended"


class Flap(NamedTuple):
    """`times_us`: what to hand in the next time. At most `most` + 1 times, oldest first; so many mean that it flaps."""

    stability: Stability
    times_us: tuple[int, ...]

    @property
    def told(self) -> bool:
        return self.stability is not Stability.FLAPPING


def judge_flap(times_us: tuple[int, ...], now_us: int, rule: FlapRule, *, changed: bool = True) -> Flap:
    """What a change at `now_us` means after the earlier ones; with `changed` False, what no change until now means.

    `times_us`: as the last judgement left them, () at first. While it flaps, the last of them is the latest change.
    A change after a whole quiet window both ends the flapping and is the first of what may follow. Times later than
    now (the clock was set back) count as now.
    """
    times_us = tuple(min(moment_us, now_us) for moment_us in times_us)
    if _is_flapping(times_us, rule):
        return _while_flapping(times_us, now_us, rule, changed=changed)
    kept = times_us[-rule.most :]  # more only where the rule was larger before: then it is told that it began
    recent = tuple(moment_us for moment_us in kept if now_us - moment_us < rule.window_us) + (now_us,) * changed
    return Flap(Stability.BEGAN if len(recent) > rule.most else Stability.STEADY, recent)


def _is_flapping(times_us: tuple[int, ...], rule: FlapRule) -> bool:
    return len(times_us) == rule.most + 1


def _while_flapping(times_us: tuple[int, ...], now_us: int, rule: FlapRule, *, changed: bool) -> Flap:
    if now_us - times_us[-1] >= rule.window_us:
        return Flap(Stability.ENDED, (now_us,) * changed)
    return Flap(Stability.FLAPPING, (*times_us[:-1], now_us) if changed else times_us)


def flap_words(flap: Flap, rule: FlapRule) -> str:
    """What is told beside the alert: `flapping: 7 changes in 1h`, `stable again: no change for 1h`; else ""."""
    if flap.stability is Stability.BEGAN:
        return f"flapping: {len(flap.times_us)} changes in {_span(rule.window_us)}"
    if flap.stability is Stability.ENDED:
        return f"stable again: no change for {_span(rule.window_us)}"
    return ""


def _span(window_us: int) -> str:
    """As an operator writes it: `1h`, `90m`; a fraction of a second as `0.5s`."""
    unit_us, unit = next((found for found in _UNITS if window_us and not window_us % found[0]), _UNITS[-1])
    return f"{window_us / unit_us:g}{unit}"
