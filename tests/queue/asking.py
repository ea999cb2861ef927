"""Requests for approval, made and decided as a gateway does."""

from __future__ import annotations

from typing import Any

from gateway.domain.approval import APPROVAL_HOLD, ApprovalRow, Ruling, Verdict
from gateway.domain.delivery import NewDelivery
from gateway.ports import Store
from tests.queue.store_world import LEASES, START_US, an_alert

HOUR_US = 3_600_000_000
HOUR_S = 3600.0
PLAN = "0123456789ab"


def asked(route: str = "a", *, lasts_us: int = HOUR_US, **more: Any) -> NewDelivery:
    until_us = START_US + lasts_us
    return NewDelivery(route, parked="waits for approval", hold=APPROVAL_HOLD, approve_by_us=until_us, **more)


async def waiting(store: Store, key: str = "") -> list[str]:
    return [row.delivery for row in await store.approvals(key=key)]


async def put(store: Store, *, key: str | None = None, **more: Any) -> str:
    stored = await store.put(an_alert(asked(**more), key=key), LEASES)
    assert (stored.claims, stored.waiting, stored.later) == ((), (), ())
    return f"{stored.alert_id}.a"


def approves(*ids: str, who: str = "ann", why: str = "") -> Ruling:
    return Ruling(ids, Verdict.APPROVED, who, why, dict.fromkeys(ids, PLAN))


def rejects(*ids: str) -> Ruling:
    return Ruling(ids, Verdict.REJECTED, "bob", "not this one")


async def ask(store: Store, delivery: str, until_us: int = START_US + HOUR_US, *, plan_id: str = PLAN) -> ApprovalRow:
    row = await store.ask_approval(delivery, until_us, plan_id)
    assert row is not None
    return row
