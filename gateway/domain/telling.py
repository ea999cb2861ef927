"""Whether one receiver is told of an alert that its route took, and what to remember of that.

The filter decided before; here it is decided against what this receiver knows already, so the decision belongs into the
transaction that stores the alert.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple

from gateway.domain.change import Reason
from gateway.domain.change_wording import words
from gateway.domain.flap import FlapRule, flap_words, judge_flap
from gateway.domain.grouping import Grouping
from gateway.domain.inhibit import Inhibitor
from gateway.domain.notify import EVERYTHING, Known, Notify, is_due, judge, written
from gateway.domain.snapshot import Snapshot

_SECOND_US = 1_000_000
NO_RULES = Inhibitor()


class Word(StrEnum):
    """What became of an alert on a route whose filter took it.

    `told`: a delivery was made; `reminded`: of a standing alert, because REMIND_AFTER passed. The others made none:
    `unchanged`, `unwanted` (not among NOTIFY), `closed` (before this receiver heard of it), `inhibited`, `flapping`,
    `silenced` and `muted` (by a silence or window that drops), `unmet` (WHEN is false), `covered` (another route comes
    first: STOP or CATCH_ALL), `outdated` (read so late that a newer state was known). `held`: a delivery was made that
    waits for a silence or window to end, or for approval. `failed`: a delivery was made that is parked, because WHEN
    could not be evaluated.
    """

    TOLD = "told"
    REMINDED = "reminded"
    HELD = "held"
    FAILED = "failed"
    UNCHANGED = "unchanged"
    UNWANTED = "unwanted"
    CLOSED = "closed"
    INHIBITED = "inhibited"
    FLAPPING = "flapping"
    SILENCED = "silenced"
    MUTED = "muted"
    UNMET = "unmet"
    COVERED = "covered"
    OUTDATED = "outdated"


DELIVERED_WORDS = frozenset({Word.TOLD, Word.REMINDED, Word.HELD, Word.FAILED})


class Decision(NamedTuple):
    """`reason`: one line for people, "" where the word says all."""

    route: str
    word: Word
    reason: str = ""

    @property
    def makes_delivery(self) -> bool:
        return self.word in DELIVERED_WORDS


@dataclass(frozen=True, slots=True)
class Terms:
    """What a route's receiver wants to be told. `remind_after_us` None: no reminders. `grouping` None: one message for
    each alert. `flap` None: no damping.
    """

    notify: Notify = EVERYTHING
    remind_after_us: int | None = None
    grouping: Grouping | None = None
    inhibitor: Inhibitor = NO_RULES
    flap: FlapRule | None = None

    @property
    def remembers(self) -> bool:
        """Whether what the receiver was told matters: not for one that is sent every alert by itself."""
        return Reason.UNCHANGED not in self.notify or self.grouping is not None or bool(self.inhibitor or self.flap)


class State(NamedTuple):
    """The state that an alert brings. `digest`: of the snapshot."""

    snapshot: Snapshot
    digest: bytes


class Told(NamedTuple):
    """What a receiver knows of an incident once everything is delivered that waits for it.

    `state`: None when it never met the incident. `asked_us`: when a delivery was last made, None when it was only
    passed over. A delivery that ends dead takes this back to what was truly told. `flaps`: times of late changes.
    """

    state: State
    asked_us: int | None
    flaps: tuple[int, ...] = ()


class Circumstances(NamedTuple):
    """Of one alert's arrival. `moved`: its state is another than that of the alert before. `inhibited`: why another
    finding mutes this one, "" when none does; asked only where a message would be made, because it costs. `replaces`:
    a message was to be made before, was not, and gives way to this one.
    """

    now_us: int
    moved: bool = True
    inhibited: Callable[[], str] = str
    replaces: bool = False


def decide(
    route: str, terms: Terms, told: Told | None, now: State, when: Circumstances
) -> tuple[Decision, Told | None]:
    """The decision, and what the receiver will know then; None when it is still to be met as new."""
    now_us = when.now_us
    flap = judge_flap(told.flaps, now_us, terms.flap, changed=when.moved) if terms.flap and told else None
    if flap and told:
        told = told._replace(flaps=flap.times_us)
    if told is not None and told.state.digest == now.digest:
        return _repeat(route, terms, told, now_us)
    known = Known(told.state.snapshot, told.asked_us) if told else None
    if now.snapshot.is_closed and (told is None or told.asked_us is None):
        return Decision(
            route, Word.CLOSED, "all its resources are suppressed, and this receiver never heard of it"
        ), None
    verdict = judge(terms.notify, known, now.snapshot)
    flaps = told.flaps if told else ()
    if verdict.worth and not now.snapshot.is_closed and (inhibited := when.inhibited()):
        return Decision(route, Word.INHIBITED, inhibited), told
    damped = bool(flap and not flap.told and not when.replaces)
    if verdict.worth and damped and terms.flap and not now.snapshot.is_closed:
        return Decision(route, Word.FLAPPING, f"more than {terms.flap.most} changes in a short time"), told
    if verdict.worth:
        flapping = flap_words(flap, terms.flap) if flap and terms.flap else ""
        said = "; ".join(filter(None, (words(verdict.because), flapping)))
        return Decision(route, Word.TOLD, said), Told(now, now_us, flaps)
    reason = f"{words(verdict.because)}; NOTIFY is {written(terms.notify)}"
    return Decision(route, Word.UNWANTED, reason), told or Told(now, None)


def _repeat(route: str, terms: Terms, told: Told, now_us: int) -> tuple[Decision, Told]:
    if Reason.UNCHANGED in terms.notify:
        return Decision(route, Word.TOLD, "nothing changed"), told._replace(asked_us=now_us)
    if not told.state.snapshot.is_closed and is_due(terms.remind_after_us, told.asked_us, now_us):
        return Decision(route, Word.REMINDED, f"nothing changed since {_moment(told.asked_us)}"), Told(
            told.state, now_us
        )
    since = f"nothing changed since a message was made for this receiver, {_moment(told.asked_us)}"
    return Decision(route, Word.UNCHANGED, since if told.asked_us else "nothing changed"), told


def _moment(at_us: int | None) -> str:
    return f"{datetime.fromtimestamp((at_us or 0) / _SECOND_US, UTC):%Y-%m-%d %H:%M:%S} UTC"
