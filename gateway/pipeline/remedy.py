"""Carries a remediation out, resource by resource: look, plan, put on disk what is replaced, write.

What fails with one resource does not keep the others from their turn.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from gateway.destinations._remedy import Found, Remedy, Target
from gateway.domain.message import Answer, Message, NoAnswer
from gateway.domain.outcome import Outcome, OutcomeClass
from gateway.domain.remediation import Guard, RemediationRow, Step, StepRow, StepWord
from gateway.pipeline.configured import ConfiguredRoute
from gateway.pipeline.mask import mask
from gateway.ports import Clock, Store, Transport

_SECOND_US = 1_000_000
_ONE_S = 15.0
_MOST_LOOKS = 4
_WORST_FIRST = (OutcomeClass.RATE_LIMITED, OutcomeClass.RETRY, OutcomeClass.AUTH)
_DONE = (StepWord.CHANGED, StepWord.SAFE, StepWord.NOT_OURS, StepWord.WOULD_CHANGE)
_NO_TIME = "no time was left for it"
_SAID = 200


class _Edges(NamedTuple):
    store: Store
    transport: Transport
    clock: Clock


class Remediator:
    def __init__(self, store: Store, transport: Transport, clock: Clock) -> None:
        self._edges = _Edges(store, transport, clock)

    async def carry_out(
        self, route: ConfiguredRoute, guard: Guard, work_id: int, targets: Sequence[Target]
    ) -> tuple[Outcome, Answer | None]:
        """What became of all together, and the last answer. It ends within the route's TIMEOUT, and so within the lease
        of its locks; what there was no time for comes first the next time.
        """
        row = await self._edges.store.remediation(work_id)
        earlier = {step.resource: step for step in row.steps} if row else {}
        hand = _Hand(self._edges, route, work_id, route.policy.timeout_s, dry_run=guard.dry_run)
        outcomes = [await hand.one(target, earlier.get(target.resource)) for target in _in_turn(targets, earlier)]
        return _together(outcomes, hand.words, dry_run=guard.dry_run), hand.answer

    async def undo(
        self, route: ConfiguredRoute, row: RemediationRow, who: str, *, force: bool, within_s: float
    ) -> tuple[Step, ...]:
        """Put back what each resource had before. One that was changed since, or of which it is not certain that we
        changed it, is left alone, unless forced.
        """
        hand = _Hand(self._edges, route, row.id, within_s, dry_run=False)
        return tuple([await hand.undo(row, step, who, force=force) for step in row.steps if can_be_undone(step)])


class _Hand:
    """At one work on one route. `words`: what became of how many resources. `answer`: the last one."""

    def __init__(self, edges: _Edges, route: ConfiguredRoute, work_id: int, within_s: float, *, dry_run: bool) -> None:
        assert route.destination.remedy is not None  # noqa: S101 - its callers looked
        self._store, self._transport, self._clock = edges
        self._settings = route.settings
        self._remedy: Remedy[Any] = route.destination.remedy
        self._work_id, self._dry_run, self._secrets = work_id, dry_run, route.settings.secrets()
        self._until_s = self._clock.monotonic_s() + within_s
        self.words: Counter[StepWord] = Counter()
        self.answer: Answer | None = None

    @property
    def _left_s(self) -> float:
        return self._until_s - self._clock.monotonic_s()

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now_us() / _SECOND_US, UTC)

    async def one(self, target: Target, earlier: StepRow | None) -> Outcome:
        if earlier and (earlier.word in _DONE or earlier.undone_us):
            self.words[StepWord.UNDONE if earlier.undone_us else earlier.word] += 1
            kind = OutcomeClass.REJECTED if earlier.word is StepWord.NOT_OURS else OutcomeClass.OK
            return Outcome(kind, earlier.said)
        step, outcome = await self._worked(target, earlier)
        step = step._replace(said=mask(step.said, self._secrets)[:_SAID])
        await self._store.put_step(self._work_id, step)
        self.words[step.word] += 1
        return outcome

    async def _worked(self, target: Target, earlier: StepRow | None) -> tuple[Step, Outcome]:
        if refusal := self._remedy.refuses(target):
            return Step(target.resource, StepWord.FAILED, refusal), Outcome(OutcomeClass.REJECTED, refusal)
        if self._left_s <= 0:
            return Step(target.resource, StepWord.FAILED, _NO_TIME), Outcome(OutcomeClass.RETRY, _NO_TIME)
        target, found = await self._looked(target)
        if found.ended:
            return found.ended, found.outcome
        plan = self._remedy.plan(target, found.setting, self._settings)
        if not plan.said:
            return _nothing_to_do(target, found.setting, earlier), found.outcome
        if self._dry_run:
            return Step(target.resource, StepWord.WOULD_CHANGE, plan.said), found.outcome
        return await self._changed(
            target, Step(target.resource, StepWord.CHANGING, plan.said, found.setting, plan.after)
        )

    async def _changed(self, target: Target, changing: Step) -> tuple[Step, Outcome]:
        await self._store.put_step(self._work_id, changing)
        wrote = await self._wrote(target, changing.after or "")
        if wrote.ended is None:
            return changing._replace(word=StepWord.CHANGED), wrote.outcome
        if wrote.refused:  # so nothing is there to be put back
            return wrote.ended._replace(before="", after=""), wrote.outcome
        return wrote.ended, wrote.outcome

    async def _looked(self, target: Target) -> tuple[Target, Found]:
        """Where it was found in the end."""
        for _ in range(_MOST_LOOKS):
            answer = await self._asked(self._remedy.look(target, self._settings))
            found = self._remedy.read(target, answer, self._now())
            if found.next is None:
                return target, found
            target = found.next
        said = "it is sent from one place to the next"
        ended = Step(target.resource, StepWord.FAILED, said)
        return target, Found(Outcome(OutcomeClass.REJECTED, said), ended=ended)

    async def _wrote(self, target: Target, setting: str) -> Found:
        """`ended` is None only where it is written for certain."""
        answer = await self._asked(self._remedy.write(target, setting, self._settings))
        found = self._remedy.wrote(target, answer, self._now())
        if found.ended or found.outcome.kind is OutcomeClass.OK:
            return found
        return found._replace(ended=Step(target.resource, StepWord.FAILED, found.outcome.reason))

    async def _asked(self, message: Message) -> Answer:
        if self._left_s <= 0:
            return NoAnswer(_NO_TIME)
        self.answer = await self._transport.send(message, min(_ONE_S, self._left_s))
        return self.answer

    async def undo(self, row: RemediationRow, step: StepRow, who: str, *, force: bool) -> Step:
        if self._left_s <= 0:
            return Step(step.resource, StepWord.FAILED, f"{_NO_TIME}: undo it again")
        target, found = await self._looked(Target(step.resource, row.environment, row.rule))
        if found.ended:
            return found.ended
        if found.setting != step.before:
            if not force and (why_not := _why_not_undo(step, found.setting)):
                return Step(step.resource, StepWord.FAILED, f"{why_not}: look, then force it")
            wrote = await self._wrote(target, step.before)
            if wrote.ended:
                return wrote.ended
        await self._store.put_undone(row.id, step.resource, who)
        return Step(step.resource, StepWord.CHANGED, "as it was before")


def _in_turn(targets: Sequence[Target], earlier: Mapping[str, StepRow]) -> list[Target]:
    """Those that hung must not take the time of the others once more."""

    def was_reached(target: Target) -> bool:
        step = earlier.get(target.resource)
        return step is not None and step.said != _NO_TIME

    return sorted(targets, key=was_reached)


def can_be_undone(step: StepRow) -> bool:
    return bool(step.before) and step.undone_us is None


def _why_not_undo(step: StepRow, setting: str) -> str:
    """Why nothing is put back unless somebody insists, "" where nothing is against it."""
    if setting != step.after:
        return "it was changed since, by somebody else or by a later remediation"
    if step.word is not StepWord.CHANGED:  # the answer was lost, and it looks as we would have left it
        return "it is not certain that this is the gateway's own change"
    return ""


def _nothing_to_do(target: Target, setting: str, earlier: StepRow | None) -> Step:
    """Where an attempt before this one was cut off, or heard no answer, after it wrote, the change is its own."""
    if earlier and earlier.before and setting == earlier.after:
        return Step(target.resource, StepWord.CHANGED, "its answer was lost, and it is as it was to become")
    return Step(target.resource, StepWord.SAFE)


def _together(outcomes: Sequence[Outcome], words: Counter[StepWord], *, dry_run: bool) -> Outcome:
    said = ", ".join(f"{count} {word}" for word, count in words.items()) or "nothing was done"
    said = f"DRY_RUN: {said}" if dry_run else said
    for kind in _WORST_FIRST:
        for outcome in outcomes:
            if outcome.kind is kind:
                return Outcome(kind, f"{said}; {outcome.reason}", outcome.status, outcome.hint_s)
    for outcome in outcomes:
        if outcome.kind is not OutcomeClass.OK:  # what it means for another request, it does not mean for all buckets
            return Outcome(OutcomeClass.REJECTED, f"{said}; {outcome.reason}", outcome.status, outcome.hint_s)
    return Outcome(OutcomeClass.OK, said)
