"""What changed in an incident between two states, in full: whoever applies the changes has the same view as we."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from gateway.domain.snapshot import OPEN, SUPPRESSED, Snapshot

Score: TypeAlias = int | float | None


class Reason(StrEnum):
    """Why a receiver may want to hear of a state. Several hold at once, except `new` and `unchanged`.

    `new`: there is nothing to compare with.
    `grew`: resources came to the list and are not suppressed. A state that we do not know counts, as an unknown
    severity does: nothing may vanish because a word was odd.
    `shrank`: resources went from the list, whatever their state was. This is how Cloud Optix says that one is fixed.
    `raised`: the score is higher, or known for the first time. `lowered`: it is lower.
    `suppressed`: a resource is suppressed that was not, be it that it came so.
    `reopened`: a listed resource is open again, or nothing was open and something is. An alert that never listed a
    resource before reads the same as one whose resources had all gone.
    `changed`: what has no direction. The score became unknown, or a resource took a state that we do not know.
    `unchanged`: none of these. True exactly when the digests are equal.
    """

    NEW = "new"
    GREW = "grew"
    SHRANK = "shrank"
    RAISED = "raised"
    LOWERED = "lowered"
    SUPPRESSED = "suppressed"
    REOPENED = "reopened"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


class Change(NamedTuple):
    """The way from one state to another. Every list is sorted by info, and no info is in two of them.

    `reasons`: at least one, in the order of `Reason`. `came`: (info, state) of what was not listed. `went`: infos that
    are no longer listed. `suppressed` and `reopened`: infos that were listed in another state. `restated`: (info, state
    before, state now) of those that took any other state. A score is None when unknown. The counts are of resources.
    When `new`, everything came, `score_before` is None and `open_before` 0.
    """

    reasons: tuple[Reason, ...]
    came: tuple[tuple[str, str], ...]
    went: tuple[str, ...]
    suppressed: tuple[str, ...]
    reopened: tuple[str, ...]
    restated: tuple[tuple[str, str, str], ...]
    score_before: Score
    score_after: Score
    open_before: int
    open_now: int
    suppressed_now: int
    listed_now: int

    @property
    def is_new(self) -> bool:
        return self.reasons == (Reason.NEW,)

    @property
    def is_unchanged(self) -> bool:
        return self.reasons == (Reason.UNCHANGED,)

    @property
    def is_closed(self) -> bool:
        """The same as `Alert.is_closed` of the later state."""
        return 0 < self.listed_now == self.suppressed_now


def compare(before: Snapshot | None, after: Snapshot) -> Change:
    """`before` None: there was nothing, or the receiver was never told."""
    if before is None:
        return _between(Snapshot(None, ()), after)._replace(reasons=(Reason.NEW,))
    change = _between(before, after)
    return change._replace(reasons=_reasons(change))


def apply(before: Snapshot | None, change: Change) -> Snapshot:
    """What a receiver that knew `before` knows after the change: `apply(before, compare(before, after)) == after`."""
    states = dict(before.resources) if before else {}
    for info in change.went:
        del states[info]
    states.update(change.came)
    states.update(dict.fromkeys(change.suppressed, SUPPRESSED))
    states.update(dict.fromkeys(change.reopened, OPEN))
    states.update((info, state) for info, _, state in change.restated)
    return Snapshot(change.score_after, tuple(sorted(states.items())))


def _between(before: Snapshot, after: Snapshot) -> Change:
    """Without reasons yet."""
    was = dict(before.resources)
    now = dict(after.resources)
    moved = [(info, was[info], state) for info, state in after.resources if was.get(info, state) != state]
    return Change(
        reasons=(),
        came=tuple(pair for pair in after.resources if pair[0] not in was),
        went=tuple(info for info in was if info not in now),
        suppressed=tuple(info for info, _, state in moved if state == SUPPRESSED),
        reopened=tuple(info for info, _, state in moved if state == OPEN),
        restated=tuple(move for move in moved if move[2] not in (OPEN, SUPPRESSED)),
        score_before=before.score,
        score_after=after.score,
        open_before=before.open_count,
        open_now=after.open_count,
        suppressed_now=after.suppressed_count,
        listed_now=len(after.resources),
    )


def _reasons(change: Change) -> tuple[Reason, ...]:
    return tuple(reason for reason, holds in _TESTS.items() if holds(change)) or (Reason.UNCHANGED,)


def _grew(change: Change) -> bool:
    return any(state != SUPPRESSED for _, state in change.came)


def _shrank(change: Change) -> bool:
    return bool(change.went)


def _raised(change: Change) -> bool:
    before, after = change.score_before, change.score_after
    return after is not None and (before is None or after > before)


def _lowered(change: Change) -> bool:
    before, after = change.score_before, change.score_after
    return after is not None and before is not None and after < before


def _suppressed(change: Change) -> bool:
    return bool(change.suppressed) or any(state == SUPPRESSED for _, state in change.came)


def _reopened(change: Change) -> bool:
    return bool(change.reopened) or change.open_now > 0 == change.open_before


def _changed(change: Change) -> bool:
    return bool(change.restated) or (change.score_after is None and change.score_before is not None)


_TESTS: Mapping[Reason, Callable[[Change], bool]] = MappingProxyType(
    {
        Reason.GREW: _grew,
        Reason.SHRANK: _shrank,
        Reason.RAISED: _raised,
        Reason.LOWERED: _lowered,
        Reason.SUPPRESSED: _suppressed,
        Reason.REOPENED: _reopened,
        Reason.CHANGED: _changed,
    }
)
"""Of two different states at least one holds: a score rises, falls or becomes unknown; a resource comes suppressed or
not, goes, or takes a state that is open, suppressed or another.
"""
