"""One attempt on a route that asks first, or that changes things: everything that must hold before something is done.

The last gate before the receiver. However a delivery came here (at once, replayed, from before its route had APPROVAL),
nothing passes that nobody approved.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple, TypeAlias

import structlog

from gateway.destinations import Context, FormatFault
from gateway.domain.alert import Alert
from gateway.domain.approval import ApprovalRow, Verdict, waits_until
from gateway.domain.cel_fields import ExpressionFailed, Facts
from gateway.domain.condition import Reading
from gateway.domain.delivery import Claim, State
from gateway.domain.message import Answer
from gateway.domain.optix import NotNarrowed
from gateway.domain.outcome import Outcome, OutcomeClass
from gateway.domain.remediation import NOTHING_OPEN, Begun, Guard, Work, locks_of, narrowed, narrowed_body, passing
from gateway.domain.retry import Step
from gateway.domain.snapshot import OPEN
from gateway.pipeline.configured import ConfiguredRoute
from gateway.pipeline.mask import mask
from gateway.pipeline.plan import plan_of, targets_of, too_many
from gateway.pipeline.remedy import Remediator
from gateway.ports import Clock, Store, StoreUnavailable, Transport

_SECOND_US = 1_000_000
_LEASE_MARGIN_US = 30 * _SECOND_US
_BUSY_S = 2.0


class Tried(NamedTuple):
    """`answer` None: nothing was sent. `step` None: what follows is for the retry rule to say."""

    outcome: Outcome
    answer: Answer | None = None
    step: Step | None = None


Send: TypeAlias = Callable[[ConfiguredRoute, Alert, Context], Awaitable[Tried]]


class Guarded:
    def __init__(self, store: Store, transport: Transport, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._remediator = Remediator(store, transport, clock)

    async def attempt(self, route: ConfiguredRoute, claim: Claim, alert: Alert, context: Context, send: Send) -> Tried:
        try:
            return await self._passed(route, claim, alert, context, send)
        except StoreUnavailable as unavailable:
            # Whatever was done is found done by the next attempt; nothing is done that is not on disk.
            outcome = Outcome(OutcomeClass.RETRY, unavailable.reason)
            return Tried(outcome, None, Step(State.PENDING, unavailable.retry_after_s, charged=False))

    async def _passed(self, route: ConfiguredRoute, claim: Claim, alert: Alert, context: Context, send: Send) -> Tried:
        if route.guard is None:
            agreed = await self._agreed(route, claim, alert)
            return await send(route, alert, context) if isinstance(agreed, str) else agreed
        if said := _not_taken(route, alert, self._clock.now_us()):
            return _parked(said, "guard")
        passes = await self._still_open(alert, passing(alert, route.filter))
        if not any(passes):
            return Tried(Outcome(OutcomeClass.OK, NOTHING_OPEN), None, Step(State.SUPERSEDED))
        try:
            left, context = narrowed(alert, passes), replace(context, body=narrowed_body(context.body, passes))
        except NotNarrowed as why:
            return _parked(str(why), "guard")
        if route.approval is None and (said := too_many(route, left)):
            return _parked(said, "guard")
        agreed = await self._agreed(route, claim, alert)  # nobody is asked about what would not be done
        if isinstance(agreed, Tried):
            return agreed
        return await self._changing(route, route.guard, claim, left, context, send, agreed)

    async def _agreed(self, route: ConfiguredRoute, claim: Claim, alert: Alert) -> str | Tried:
        """Who approved it, "" where nobody has to; or that it waits for somebody. `alert`: as it was received."""
        if route.approval is None:
            return ""
        until_us = self._clock.now_us() + route.approval.expires_us
        row = await self._store.ask_approval(claim.delivery_id, until_us, plan_of(route, alert).id)
        if row is None or row.verdict is not Verdict.APPROVED:
            return _parked(_waits(row) if row else "there is no such delivery", "approval")
        return f"{row.who}: {row.why}" if row.why else row.who

    async def _still_open(self, alert: Alert, passes: tuple[bool, ...]) -> tuple[bool, ...]:
        """Without what was fixed or suppressed since the alert came: it may have waited for days."""
        detail = await self._store.incident(alert.key)
        if detail is None:
            return passes
        now_open = {resource.info for resource in detail.resources if resource.state == OPEN}
        return tuple([passed and r.info in now_open for passed, r in zip(passes, alert.resources, strict=True)])

    async def _changing(
        self,
        route: ConfiguredRoute,
        guard: Guard,
        claim: Claim,
        alert: Alert,
        context: Context,
        send: Send,
        agreed: str,
    ) -> Tried:
        begun = await self._store.begin_work(_work(route, guard, claim, alert, agreed))
        if begun.id is None:
            return _not_begun(begun, guard)
        try:
            tried = await self._done(route, guard, begun.id, alert, context, send)
        except StoreUnavailable:
            raise
        except FormatFault as fault:
            said = mask(str(fault), route.settings.secrets())
            await self._store.end_work(begun.id, claim.delivery_id, "ours", said)
            raise
        except Exception as error:
            await self._store.end_work(begun.id, claim.delivery_id, "ours", f"unexpected {type(error).__name__}")
            raise
        await self._store.end_work(begun.id, claim.delivery_id, tried.outcome.kind, tried.outcome.reason)
        structlog.get_logger().info(
            "remediation.ended",
            remediation=begun.id,
            delivery=claim.delivery_id,
            route=route.name,
            dry_run=guard.dry_run,
            outcome=tried.outcome.kind,
            reason=tried.outcome.reason,
        )
        return tried

    async def _done(
        self, route: ConfiguredRoute, guard: Guard, work_id: int, alert: Alert, context: Context, send: Send
    ) -> Tried:
        if route.destination.remedy is not None:
            return Tried(*await self._remediator.carry_out(route, guard, work_id, targets_of(alert)))
        if guard.dry_run:
            return Tried(Outcome(OutcomeClass.OK, plan_of(route, alert).text))
        return await send(route, alert, context)


def _not_taken(route: ConfiguredRoute, alert: Alert, now_us: int) -> str:
    """Why the route would not take that alert now, "" where it would. `alert`: as it was received."""
    if not route.filter.takes(Reading(alert)):
        return "the filter of this route does not take the alert any more"
    facts = Facts(alert, now=datetime.fromtimestamp(now_us / _SECOND_US, UTC))
    try:
        if route.when is None or route.when.holds(facts):
            return ""
    except ExpressionFailed as error:
        return f"WHEN has no answer (any more): {error}"
    return f"WHEN is false (by now): {route.when.describe()}"


def _work(route: ConfiguredRoute, guard: Guard, claim: Claim, alert: Alert, agreed: str) -> Work:
    return Work(
        delivery=claim.delivery_id,
        alert=claim.alert_id,
        route=route.name,
        kind=route.kind,
        key=alert.key,
        environment=alert.environment,
        rule=alert.rule,
        locks=locks_of(alert),
        plan=plan_of(route, alert).text,
        dry_run=guard.dry_run,
        agreed=agreed,
        hourly=guard.hourly,
        lease_us=int(route.policy.timeout_s * _SECOND_US) + _LEASE_MARGIN_US,
        first_us=claim.first_us,
    )


def _waits(row: ApprovalRow) -> str:
    return waits_until(row.expires_us) + (f" ({row.why})" if row.why else "")


def _not_begun(begun: Begun, guard: Guard) -> Tried:
    if begun.busy:
        said = f"another delivery acts on the same resource ({begun.busy})"
        return Tried(Outcome(OutcomeClass.RETRY, said), None, Step(State.PENDING, _BUSY_S, charged=False))
    said = f"HOURLY={guard.hourly} is reached: replay it once it is clear why there is so much to change"
    return _parked(said, "hourly")


def _parked(why: str, word: str) -> Tried:
    return Tried(Outcome(OutcomeClass.OURS, why), None, Step(State.PARKED, charged=False, given_up=word))
