"""A webhook body's way in: parse -> route -> enqueue. Authentication came before, the answer comes after."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TypeAlias

from gateway.domain.alert import Alert
from gateway.domain.authenticate import Source
from gateway.domain.delivery import NewAlert, NewDelivery, Stored
from gateway.domain.optix import Problem, Unreadable, parse
from gateway.domain.snapshot import digest_of, snapshot_of
from gateway.domain.telling import State
from gateway.pipeline.approvals import Approvals
from gateway.pipeline.choosing import Choice, Chooser
from gateway.pipeline.dispatch import Dispatcher
from gateway.ports import Clock, Observer, Store, StoreUnavailable

LONGEST_SUMMARY = 500
NOTHING = Choice(())


@dataclass(frozen=True, slots=True)
class Accepted:
    """Committed. `routes` are those that took it; none is no error."""

    id: str
    routes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Duplicate:
    """An exact repeat of a stored body; `id` and `routes` are the first one's."""

    id: str
    routes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Held:
    """Committed, but it could not be read as an alert."""

    id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Not JSON, or not an object: nothing was stored."""

    reason: str


Reply: TypeAlias = Accepted | Duplicate | Held | Refused


class Intake:
    def __init__(
        self,
        chooser: Chooser,
        *,
        dispatcher: Dispatcher,
        store: Store,
        clock: Clock,
        observer: Observer,
        revision: str,
        approvals: Approvals | None = None,
    ) -> None:
        self.accepting = True
        """False from the moment the gateway begins to shut down."""
        self._chooser, self._dispatcher, self._store = chooser, dispatcher, store
        self._clock, self._observer, self._revision, self._approvals = clock, observer, revision, approvals

    async def receive(self, source: Source, body: bytes) -> Reply:
        """Store one body of an authenticated source, and begin to deliver what it is for.

        Raises StoreUnavailable when it is not on disk: the sender must hear that.
        """
        if not self.accepting:
            raise StoreUnavailable("the gateway is shutting down")
        read = parse(source.name, body)
        if isinstance(read, Unreadable):
            if read.problem is not Problem.NOT_AN_ALERT:
                return Refused(read.reason)
            new = self._new(source.name, body, held=read.reason)
            stored = await self._store.put(new, {})
        else:
            new, stored = await self._put(read, body)
        self._observer.webhook_accepted(source.name, stored, new, len(body))
        if stored.duplicate:
            return Duplicate(stored.alert_id, stored.routes)
        if new.held is not None:
            return Held(stored.alert_id, new.held)
        return Accepted(stored.alert_id, stored.routes)

    def admit(self, alert: Alert, body: bytes) -> NewAlert:
        """What is to be stored of an alert, nothing of it to be handed out at once."""
        choice = self._chooser.choose(alert, self._clock.now_us())
        return self._new(alert.source, body, alert=alert, choice=choice)

    async def _put(self, alert: Alert, body: bytes) -> tuple[NewAlert, Stored]:
        lanes = self._dispatcher.lanes
        choice = self._chooser.choose(alert, self._clock.now_us())
        reserved = {
            d.route: lanes[d.route] for d in choice.deliveries if _may_start(d) and lanes[d.route].reserve(len(body))
        }
        new = self._new(alert.source, body, alert=alert, choice=choice)
        begun: set[str] = set()
        try:
            stored = await self._store.put(new, {name: lane.lease_us for name, lane in reserved.items()})
            for claim in stored.claims:
                begun.add(claim.route)
                reserved[claim.route].begin(claim, alert)
        finally:
            for name in reserved.keys() - begun:
                reserved[name].unreserve()
        if stored.waiting:
            self._dispatcher.expect(stored.alert_id, alert, body, len(stored.waiting))
        self._dispatcher.arrange(stored)
        if self._approvals and any(delivery.approve_by_us for delivery in choice.deliveries):
            self._approvals.wake()
        return new, stored

    def _new(
        self, source: str, body: bytes, *, alert: Alert | None = None, held: str | None = None, choice: Choice = NOTHING
    ) -> NewAlert:
        digest = sha256(source.encode() + b"\0" + body).digest()
        received_us = self._clock.now_us()
        if alert is None:
            return NewAlert(source, digest, body, received_us, self._revision, held=held)
        snapshot = snapshot_of(alert)
        return NewAlert(
            source,
            digest,
            body,
            received_us,
            self._revision,
            key=alert.key,
            environment=alert.environment,
            alert_id=alert.alert_id,
            alert_type=alert.alert_type,
            severity=alert.severity,
            score=alert.score,
            rule=alert.rule,
            summary=alert.summary[:LONGEST_SUMMARY],
            deliveries=choice.deliveries,
            state=State(snapshot, digest_of(snapshot)),
            decisions=choice.decisions,
        )


def _may_start(delivery: NewDelivery) -> bool:
    return not (delivery.due_us or delivery.group or delivery.parked)
