"""One attempt of one delivery: format -> send -> judge -> record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import structlog
from tenacity import AsyncRetrying, retry_if_exception_type, wait_exponential

from gateway.destinations import Context, FormatFault
from gateway.domain.alert import Alert
from gateway.domain.condition import Reading
from gateway.domain.delivery import AttemptRecord, Claim, PutOff, Recorded, Result, State
from gateway.domain.message import Answer, HttpAnswer, HttpAnswers, MailAnswer
from gateway.domain.outcome import Outcome, OutcomeClass
from gateway.domain.retry import Step, next_step
from gateway.pipeline.configured import ConfiguredRoute
from gateway.pipeline.guarded import Guarded, Tried
from gateway.pipeline.lane import Lane
from gateway.pipeline.mask import mask
from gateway.pipeline.message import format_message
from gateway.pipeline.parcel import MOOT, Parcel
from gateway.pipeline.recent import Recent
from gateway.pipeline.waiting import Silencing, wait_of
from gateway.ports import Clock, Dice, Observer, Store, StoreUnavailable, Transport

_SECOND_US = 1_000_000
_EXCERPT_CHARACTERS = 4096
KEPT_HEADERS = frozenset(
    {"content-type", "date", "retry-after", "server", "x-request-id", "x-correlation-id", "via"}
    | {"x-amzn-requestid", "x-amz-request-id", "x-amz-id-2", "x-amz-function-error"}
)
"""Response headers worth keeping for a support case; those of rate limits are kept by prefix. None holds a secret."""
_KEPT_PREFIXES = ("x-ratelimit-", "ratelimit-")


_OF_ONE = frozenset({"rejected", "too_large", "format"})
"""Why a group is given up that one of it alone may have caused: then each of them goes alone."""

_UNTIL_STORED = AsyncRetrying(
    retry=retry_if_exception_type(StoreUnavailable), wait=wait_exponential(0.1, max=5), reraise=True
)


class Courier:
    """Carries claimed deliveries to their receivers and records what came of it."""

    def __init__(
        self,
        *,
        store: Store,
        transport: Transport,
        clock: Clock,
        dice: Dice,
        observer: Observer,
        silencing: Silencing,
        revision: str,
    ) -> None:
        self._store, self._transport, self._clock, self._dice = store, transport, clock, dice
        self._observer, self._silencing, self._revision = observer, silencing, revision
        self._guarded = Guarded(store, transport, clock)
        self._secrets: dict[str, tuple[str, ...]] = {}
        self.recent = Recent()

    async def deliver(self, lane: Lane, claim: Claim, alert: Alert | None) -> Sequence[tuple[str, int]]:
        """Make one attempt; (route, microseconds until then) of the routes that have to do by it what they had not.

        Whatever goes wrong on the way is an outcome, never an exception; only cancellation is.
        """
        probing = lane.is_probe(claim)
        started_us = self._clock.now_us()
        remembers = claim.remembers and lane.route.terms.remembers  # the route may have been changed since
        parcel = Parcel(claim._replace(remembers=remembers), alert or self.recent.take(claim.alert_id))
        if claim.asks and (waits := self._waits(lane.route, parcel, started_us)):
            return await self._put_off(lane, claim, waits)
        try:
            tried = await self._attempt(lane.route, parcel)
        except Exception as error:  # noqa: BLE001 - one delivery's surprise must not stop the others
            structlog.get_logger().error("delivery.crashed", delivery=claim.delivery_id, exc_info=error)
            tried = Tried(Outcome(OutcomeClass.OURS, f"unexpected {type(error).__name__}"))
        outcome = tried.outcome
        result = self._result(lane, parcel, tried, probing=probing, started_us=started_us)
        change = lane.settle(claim, None if tried.answer is None else outcome)
        recorded = await self._record(result)
        if not recorded.applied:
            self._observer.lease_lost(claim)
        else:
            self._observer.attempt_ended(claim, result, outcome)
        if change:
            await lane.remember(change)
        if recorded.promoted:
            lane.wake()
        if result.state is State.PENDING:
            lane.wake_in(result.delay_us / _SECOND_US)
        return recorded.later

    def _waits(self, route: ConfiguredRoute, parcel: Parcel, now_us: int) -> list[PutOff]:
        """What of it must not be sent now, after it waited. It came when it was to be told, so nothing is dropped."""
        silences = self._silencing.active(now_us)
        if route.schedule is None and not silences:
            return []
        try:
            parcel.open()
        except FormatFault:
            return []  # the attempt says so
        found = ((row, wait_of(route, Reading(alert), silences, now_us)) for row, alert in parcel.parts())
        return [PutOff(row, wait.until_us, wait.hold, wait.reason) for row, wait in found if wait]

    async def _put_off(self, lane: Lane, claim: Claim, waits: Sequence[PutOff]) -> Sequence[tuple[str, int]]:
        later: Sequence[tuple[str, int]] = await _UNTIL_STORED(self._store.put_off, claim, waits)
        for wait in waits:
            self._observer.delivery_put_off(claim, wait)
        if len(waits) <= len(claim.members):
            lane.wake()
        return later

    async def _attempt(self, route: ConfiguredRoute, parcel: Parcel) -> Tried:
        """What came of it, safe to show, and what the receiver said."""
        if parcel.claim.attempt > len(route.policy.retry.schedule_s) + 1:
            # Attempts are counted when handed out: one that takes the process down with it ends here, not in a loop.
            return Tried(Outcome(OutcomeClass.REJECTED, "the last attempt allowed was interrupted"))
        context = parcel.context(self._now())
        try:
            alert = parcel.open()
            if parcel.is_moot:
                return Tried(Outcome(OutcomeClass.OK, MOOT))
            if route.approval or route.guard:
                return await self._guarded.attempt(route, parcel.claim, alert, context, self._send)
            return await self._send(route, *parcel.content(context, route.terms.grouping))
        except FormatFault as fault:
            return Tried(Outcome(OutcomeClass.OURS, mask(str(fault), self._secrets_of(route))))

    async def _send(self, route: ConfiguredRoute, alert: Alert, context: Context) -> Tried:
        """Raises FormatFault."""
        message = format_message(route, alert, context)
        answer = await self._transport.send(message, route.policy.timeout_s)
        return Tried(judged(route, answer, self._now(), context, self._secrets_of(route)), answer)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now_us() / _SECOND_US, UTC)

    def _result(self, lane: Lane, parcel: Parcel, tried: Tried, *, probing: bool, started_us: int) -> Result:
        ended_us, outcome = self._clock.now_us(), tried.outcome
        route, claim = lane.route, parcel.claim
        window_from_us = max(claim.first_us, lane.state.recovered_us)
        step = tried.step or next_step(
            outcome,
            route.policy.retry,
            attempt=claim.attempt,
            elapsed_s=(ended_us - window_from_us) / _SECOND_US,
            may_shrink=route.destination.can_shrink and not claim.shrink,
            probing=probing,
            dice=self._dice,
        )
        apart = bool(claim.members) and step.given_up in _OF_ONE
        step = Step(State.PENDING, charged=False) if apart else step
        members, step = parcel.member_results(step), parcel.ended(step)
        delivered = step.state is State.DELIVERED
        return Result(
            claim.row,
            claim.token,
            step.state,
            self._attempt_record(route, claim, outcome, tried.answer, started_us=started_us, ended_us=ended_us),
            delay_us=int(step.delay_s * _SECOND_US),
            charged=step.charged,
            shrink=claim.shrink or step.shrink,
            progress=outcome.progress or claim.progress,
            given_up=step.given_up,
            told=parcel.told() if delivered else None,
            remembers=claim.remembers,
            apart=apart,
            together=bool(claim.members),
            members=members,
        )

    def _attempt_record(
        self,
        route: ConfiguredRoute,
        claim: Claim,
        outcome: Outcome,
        answer: Answer | None,
        *,
        started_us: int,
        ended_us: int,
    ) -> AttemptRecord:
        secrets = self._secrets_of(route)
        return AttemptRecord(
            due_us=claim.due_us,
            claimed_us=claim.claimed_us,
            started_us=started_us,
            ended_us=ended_us,
            outcome=outcome.kind,
            reason=outcome.reason,
            status=outcome.status,
            hint_s=outcome.hint_s,
            headers={name: mask(value, secrets) for name, value in _kept(answer).items()},
            excerpt=excerpt(answer, secrets),
            reference=outcome.reference or claim.reference,
            revision=self._revision,
        )

    def _secrets_of(self, route: ConfiguredRoute) -> tuple[str, ...]:
        """Asked for after every attempt, and never changing."""
        secrets = self._secrets.get(route.name)
        if secrets is None:
            secrets = self._secrets[route.name] = route.settings.secrets()
        return secrets

    async def _record(self, result: Result) -> Recorded:
        """Until the store takes it: a result that is not written means a message sent twice."""
        try:
            return await self._store.record(result)
        except StoreUnavailable:
            return await _UNTIL_STORED(self._store.record, result)


def _kept(answer: Answer | None) -> Mapping[str, str]:
    if not isinstance(answer, HttpAnswer):
        return {}
    return {
        name: value for name, value in answer.headers.items() if name in KEPT_HEADERS or name.startswith(_KEPT_PREFIXES)
    }


def judged(route: ConfiguredRoute, answer: Answer, now: datetime, context: Context, secrets: Sequence[str]) -> Outcome:
    """What the answer means, in words without secrets: receivers quote what they were sent."""
    if isinstance(answer, MailAnswer):  # what it said of single recipients goes on as progress
        refused = {who: (code, mask(text, secrets)) for who, (code, text) in answer.refused.items()}
        answer = replace(answer, text=mask(answer.text, secrets), refused=refused)
    outcome = route.destination.outcome_of(answer, now, context, route.settings)
    reason, reference = mask(outcome.reason, secrets), mask(outcome.reference, secrets)
    if (reason, reference) == (outcome.reason, outcome.reference):
        return outcome
    return replace(outcome, reason=reason, reference=reference)


def excerpt(answer: Answer | None, secrets: Sequence[str]) -> str:
    """The beginning of what was answered, secrets masked: before it is cut, or half a secret would be left."""
    match answer:
        case HttpAnswer():
            text = answer.body.decode("utf-8", "replace")
        case HttpAnswers():
            return "\n".join(filter(None, (excerpt(one, secrets) for one in answer.answers)))[:_EXCERPT_CHARACTERS]
        case MailAnswer():
            text = answer.text
        case _:
            return ""
    return mask(text, secrets)[:_EXCERPT_CHARACTERS]
