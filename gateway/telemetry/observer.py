"""Turns what happens into log lines and numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from structlog.typing import FilteringBoundLogger

from gateway.domain.delivery import Claim, NewAlert, PutOff, Result, RouteState, RouteStatus, State, Stored
from gateway.domain.outcome import Outcome
from gateway.domain.telling import Decision
from gateway.ports import Clock
from gateway.telemetry.metrics import ANSWERS, GIVEN_UP, Metrics

Fields: TypeAlias = dict[str, str | int | float | tuple[str, ...]]

_QUIET_S = 1.0
_IDS_SHOWN = 20
_SHOWN = 300


class TelemetryObserver:
    """Fills `ports.Observer`. Never raises: unknown names count as `unknown`, and the log swallows a broken stream."""

    def __init__(self, log: FilteringBoundLogger, metrics: Metrics, clock: Clock) -> None:
        self._log, self._metrics, self._clock = log.bind(), metrics, clock
        self._refusals: dict[tuple[str, int], _Window] = {}

    def restore(self, states: Iterable[RouteState]) -> None:
        """Tell the metrics in which state the routes were when the gateway stopped."""
        for state in states:
            self._metrics.set_status(state.route, state.status)

    def webhook_accepted(self, source: str, stored: Stored, alert: NewAlert, body_bytes: int) -> None:
        fields: Fields = {"source": source, "alert": stored.alert_id, "bytes": body_bytes}
        if stored.duplicate:
            self._metrics.webhooks.add(source, "duplicate")
            self._log.info("webhook.duplicated", **fields)
        elif alert.held is not None:
            self._metrics.webhooks.add(source, "held")
            self._log.warning("webhook.held", reason=alert.held[:_SHOWN], **fields)
        else:
            decided = alert.decisions + stored.decided
            self._count_new(source, alert, stored.routes)
            if decided and (untold := self._count_untold(decided)):
                fields["untold"] = untold
            self._log.info("webhook.accepted", severity=alert.severity, routes=stored.routes, **fields)

    def _count_new(self, source: str, alert: NewAlert, routes: Sequence[str]) -> None:
        self._metrics.webhooks.add(source, "accepted")
        self._metrics.alerts.add(source, alert.severity)
        parked = {delivery.route for delivery in alert.deliveries if delivery.parked}
        for route in routes:
            self._metrics.deliveries.add(route, State.PARKED if route in parked else State.PENDING)

    def _count_untold(self, decided: Sequence[Decision]) -> tuple[str, ...]:
        """`soc: unchanged` of each receiver that is not told, at most 20 with a count of the rest."""
        untold = [decision for decision in decided if not decision.makes_delivery]
        for decision in untold:
            self._metrics.untold.add(decision.route, decision.word)
        said = tuple([f"{decision.route}: {decision.word}" for decision in untold[:_IDS_SHOWN]])
        return (*said, f"+{len(untold) - _IDS_SHOWN} more") if len(untold) > _IDS_SHOWN else said

    def webhook_refused(self, source: str, status: int, reason: str) -> None:
        """At most one line a second for each source and status: whoever is refused can knock as often as they like."""
        answer = str(status)
        self._metrics.webhooks.add(source, answer if answer in ANSWERS else "other")
        window = self._refusals.setdefault((source, status), _Window())
        now_s = self._clock.monotonic_s()
        if now_s < window.quiet_until_s:
            window.suppressed += 1
            return
        fields: Fields = {"suppressed": window.suppressed} if window.suppressed else {}
        self._log.warning("webhook.refused", source=source, status=status, reason=reason[:_SHOWN], **fields)
        window.quiet_until_s, window.suppressed = now_s + _QUIET_S, 0

    def attempt_ended(self, claim: Claim, result: Result, outcome: Outcome) -> None:
        fields = _attempt_fields(claim, result, outcome)
        self._metrics.attempts.add(claim.route, result.record.outcome)
        if result.state is State.PENDING:
            self._log.warning("delivery.delayed", wait_s=result.delay_us / 1e6, **fields)
            return
        ends = Counter([result.state, *(member.state or result.state for member in result.members)])
        for state, deliveries in ends.items():
            self._metrics.deliveries.add(claim.route, state, deliveries)
        if ends[State.DELIVERED]:
            age_s = (result.record.ended_us - claim.received_us) / 1e6
            self._metrics.delivery_seconds.observe(claim.route, age_s)
            self._log.info("delivery.delivered", age_s=age_s, **fields)
            return
        if result.state is State.SUPERSEDED:
            self._log.info("delivery.superseded", **fields)
            return
        cause = result.given_up if result.given_up in GIVEN_UP else "other"
        self._metrics.given_up.add(claim.route, cause, ends[result.state])
        report = self._log.warning if result.state is State.PARKED else self._log.error
        report("delivery.parked" if result.state is State.PARKED else "delivery.given_up", **fields)

    def delivery_put_off(self, claim: Claim, wait: PutOff) -> None:
        names = {claim.row: claim.delivery_id} | {member.row: member.delivery_id for member in claim.members}
        wait_s = max(0.0, (wait.until_us - self._clock.now_us()) / 1e6)
        said: Fields = {"route": claim.route, "wait_s": wait_s, "reason": wait.reason[:_SHOWN]}
        self._log.info("delivery.put_off", delivery=names[wait.row], **said)

    def lease_lost(self, claim: Claim) -> None:
        self._log.warning("delivery.lease_lost", alert=claim.alert_id, delivery=claim.delivery_id, route=claim.route)

    def lease_expired(self, route: str) -> None:
        self._metrics.attempts.add(route, "interrupted")
        self._log.warning("lease.expired", route=route)

    def route_changed(self, before: RouteState, after: RouteState) -> None:
        self._metrics.set_status(after.route, after.status)
        if after.status is not before.status:
            self._report_status(before.status, after)
        if after.hold_until_us > before.hold_until_us:
            wait_s = max(0.0, (after.hold_until_us - self._clock.now_us()) / 1e6)
            self._log.info("route.held_back", route=after.route, wait_s=wait_s, reason=after.reason[:_SHOWN])

    def _report_status(self, before: RouteStatus, after: RouteState) -> None:
        fields: Fields = {"route": after.route, "cause": after.cause, "reason": after.reason[:_SHOWN]}
        match after.status:
            case RouteStatus.OPEN:
                self._log.error("route.opened", failures=after.failures, **fields)
            case RouteStatus.PAUSED:
                self._log.warning("route.paused", **fields)
            case RouteStatus.RUNNING if before is RouteStatus.OPEN:
                self._log.info("route.recovered", route=after.route)
            case RouteStatus.RUNNING:
                self._log.info("route.resumed", route=after.route)

    def deliveries_changed(self, ids: Sequence[str], state: str, by: str) -> None:
        if not ids:
            return  # nothing changed, or a job, which reports its own end
        event = "deliveries.cancelled" if state == State.CANCELLED else "deliveries.replayed"
        self._log.info(event, count=len(ids), deliveries=tuple(ids[:_IDS_SHOWN]), by=by)

    def committed(self, seconds: float, items: int) -> None:
        self._metrics.committed(seconds, items)

    def purged(self, alerts: int) -> None:
        if alerts:
            self._log.info("alerts.purged", count=alerts)


@dataclass(slots=True)
class _Window:
    quiet_until_s: float = float("-inf")
    suppressed: int = 0


def _attempt_fields(claim: Claim, result: Result, outcome: Outcome) -> Fields:
    fields: Fields = {
        "alert": claim.alert_id,
        "delivery": claim.delivery_id,
        "route": claim.route,
        "source": claim.source,
        "attempt": claim.attempt,
        "outcome": outcome.kind,
        "reason": result.record.reason[:_SHOWN],
    }
    if outcome.status is not None:
        fields["status"] = outcome.status
    if result.members:
        fields["members"] = tuple([member.delivery_id for member in claim.members[:_IDS_SHOWN]])
    return fields
