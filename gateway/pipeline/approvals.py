"""Requests for approval: told to a route, decided by people, over when their time is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256

import structlog

from gateway.domain import approval
from gateway.domain.alert import JSON, Alert
from gateway.domain.approval import ApprovalRow, DecisionRow, Ruling, Verdict
from gateway.domain.delivery import NewAlert, NewDelivery
from gateway.domain.optix import console_url, parse
from gateway.domain.text import one_line
from gateway.pipeline.configured import ConfiguredRoute
from gateway.pipeline.dispatch import Dispatcher
from gateway.pipeline.plan import Plan, plan_of
from gateway.ports import Clock, Store, StoreUnavailable

_LOOK_EVERY_S = 30.0
_MOST_RESOURCES = 500


@dataclass(frozen=True, slots=True)
class Links:
    """Where people decide, and what signs the way there. `url` "": there are none."""

    url: str = ""
    key: str = ""

    def to(self, row: ApprovalRow) -> str:
        return approval.link(self.url, self.key, row.delivery, row.asked_us) if self.url else ""


@dataclass(frozen=True, slots=True)
class Request:
    """`plan`: what would be done; None where it was not asked for, or when the alert or its route is gone."""

    row: ApprovalRow
    plan: Plan | None


class Approvals:
    """`run` for ever; `wake` when a delivery was made that waits for approval."""

    def __init__(
        self,
        routes: Sequence[ConfiguredRoute],
        *,
        store: Store,
        dispatcher: Dispatcher,
        clock: Clock,
        links: Links | None = None,
        revision: str = "",
    ) -> None:
        self._routes: Mapping[str, ConfiguredRoute] = {route.name: route for route in routes}
        self._store, self._dispatcher, self._clock = store, dispatcher, clock
        self._links, self._revision = links or Links(), revision
        self._due = asyncio.Event()
        self._told: set[tuple[str, int]] = set()

    @property
    def waiting_count(self) -> int:
        """As of the last look, which is seconds ago at most while something happens."""
        return len(self._told)

    def wake(self) -> None:
        self._due.set()

    async def run(self) -> None:
        while True:
            with suppress(StoreUnavailable):
                if await self._store.take_turn("approvals", 2 * _LOOK_EVERY_S):
                    await self.look()
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_EVERY_S):
                    await self._due.wait()
            self._due.clear()

    async def look(self) -> None:
        """End what nobody approved in time, and tell of what is new."""
        if expired := await self._store.expire_approvals():
            structlog.get_logger().warning("approval.expired", deliveries=expired)
        waiting: set[tuple[str, int]] = set()
        page = await self._store.approvals()
        while page:
            for row in page:
                if (row.delivery, row.asked_us) not in self._told:
                    await self._tell_if_possible(row)
            waiting.update((row.delivery, row.asked_us) for row in page)
            page = await self._store.approvals(after=page[-1])
        self._told = waiting

    async def waiting(self, key: str = "") -> tuple[Request, ...]:
        return tuple([Request(row, await self.plan(row)) for row in await self._store.approvals(key=key)])

    async def all(self, limit: int) -> tuple[Request, ...]:
        return tuple([Request(row, None) for row in await self._store.approvals(decided=True, limit=limit)])

    async def one(self, delivery_id: str) -> Request | None:
        row = await self._store.approval(delivery_id)
        return Request(row, await self.plan(row)) if row else None

    async def decisions(self, delivery_id: str) -> tuple[DecisionRow, ...]:
        return await self._store.decisions(delivery_id)

    async def by_link(self, delivery_id: str, asked_us: int, signature: str) -> Request | None:
        """None where the link is not one that we made, or is of an earlier request."""
        if not self._links.url or not approval.is_signed(self._links.key, delivery_id, asked_us, signature):
            return None
        found = await self.one(delivery_id)
        return found if found and found.row.asked_us == asked_us else None

    async def rule(
        self, ids: Sequence[str], verdict: Verdict, *, who: str, why: str, plan_id: str = ""
    ) -> tuple[str, ...]:
        """The deliveries that were decided now; what is decided already stays so. `plan_id`: what whoever approves was
        shown, "" for whatever would be done now: where it is another one, nothing is approved.
        """
        plan_ids: dict[str, str] = {}
        if verdict is Verdict.APPROVED:
            plan_ids = {name: now for name in ids if (now := await self._plan_id(name)) and plan_id in ("", now)}
            ids = tuple(plan_ids)
        changed = await self._store.rule(Ruling(tuple(ids), verdict, who, why, plan_ids))
        if changed:
            structlog.get_logger().info("approval.decided", verdict=verdict, deliveries=changed, who=who, why=why[:300])
            self._dispatcher.wake([delivery_id.partition(".")[2] for delivery_id in changed])
            self.wake()
        return changed

    async def rule_incident(self, key: str, verdict: Verdict, *, who: str, why: str) -> tuple[str, ...]:
        """Everything of one incident that waits."""
        ids = [row.delivery for row in await self._store.approvals(key=key)]
        return await self.rule(ids, verdict, who=who, why=why)

    async def plan(self, row: ApprovalRow) -> Plan | None:
        alert = await self._alert(row)
        route = self._routes.get(row.route)
        return plan_of(route, alert) if alert and route else None

    async def _plan_id(self, delivery_id: str) -> str:
        found = await self.one(delivery_id)
        return found.plan.id if found and found.plan else ""

    async def _alert(self, row: ApprovalRow) -> Alert | None:
        found = await self._store.alert(row.alert, stopped=())
        read = parse(found[0].source, found[1]) if found else None
        return read if isinstance(read, Alert) else None

    async def _tell_if_possible(self, row: ApprovalRow) -> None:
        """What cannot be told still waits, and others are told."""
        try:
            await self._tell(row)
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - one request's surprise must not end the gateway
            structlog.get_logger().error("approval.untold", delivery=row.delivery, exc_info=error)

    async def _tell(self, row: ApprovalRow) -> None:
        """Once only, also over restarts: a repeat of the same request is no new alert to the store."""
        route = self._routes.get(row.route)
        notify = route.approval.notify if route and route.approval else ""
        alert = await self._alert(row) if notify else None
        if route is None or alert is None:
            return
        event = self._event(row, alert, plan_of(route, alert))
        body = json.dumps(event, ensure_ascii=False).encode("utf-8", "replace")
        digest = sha256(f"{approval.SOURCE}\0{row.delivery}\0{row.asked_us}".encode()).digest()
        new = NewAlert(
            approval.SOURCE,
            digest,
            body,
            self._clock.now_us(),
            self._revision,
            environment=row.environment,
            alert_type=approval.EVENT_TYPE,
            severity=row.severity,
            rule=row.rule,
            summary=f"approval asked for {row.delivery}",
            deliveries=(NewDelivery(notify),),
        )
        self._dispatcher.arrange(await self._store.put(new, {}))

    def _event(self, row: ApprovalRow, alert: Alert, plan: Plan) -> dict[str, JSON]:
        listed = alert.resources[:_MOST_RESOURCES]
        link = self._links.to(row)
        return {
            "eventType": approval.EVENT_TYPE,
            "payloadData": {
                "alertId": f"approval of {row.delivery}",
                "accountId": alert.environment,
                "alertType": alert.alert_type,
                "provider": alert.provider,
                "ruleNumber": alert.rule,
                "score": alert.score,
                "alertSummary": f"Approve? {row.route}: {one_line(alert.summary)}",
                "alertDetails": _details(row, plan, link),
                "affectedResources": [{"resourceInfo": r.info, "state": r.state} for r in listed],
                approval.LINK: link or console_url(alert),
            },
        }


def _details(row: ApprovalRow, plan: Plan, link: str) -> str:
    """What others had a hand in stands at the end: there nobody takes it for the command, and a chat cuts it first."""
    again = f"{_sentence(one_line(row.why))} " if row.why else ""
    lines = [
        _sentence(approval.waits_until(row.expires_us)),
        f"By command: optix-gateway approvals approve {row.delivery} --plan {plan.id}",
        *([f"Or at: {link}"] if link else []),
        f"{again}What would be done: {plan.text}",
    ]
    return "\n".join(lines)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
