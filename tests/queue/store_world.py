"""A store to test, with a clock that only moves when told; and short ways to say what goes in."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any, Protocol

from gateway.domain.delivery import AttemptRecord, Claim, Claims, NewAlert, NewDelivery, Result, State
from gateway.domain.outcome import OutcomeClass
from gateway.domain.silence import Silence, parse_silence
from gateway.ports import Store
from gateway.queue.sqlite import SqliteStore, open_sqlite

NOWHERE = ("aaaaaa-1.a", "", "x", "-", "-1.a", "aaaaaa-x.a", "aaaaaa-99999999999999999999.a", "\ud800")
"""Ids of no delivery and no alert."""

START_US = 1_700_000_000_000_000
SECOND_US = 1_000_000
LEASE_US = 60 * SECOND_US
LEASES: Mapping[str, int] = {"a": LEASE_US, "b": LEASE_US}

_NUMBERS = count(1)


class FakeClock:
    def __init__(self) -> None:
        self.us = START_US
        self.running_s = 0.0

    def now_us(self) -> int:
        return self.us

    def monotonic_s(self) -> float:
        return self.running_s

    def advance(self, seconds: float) -> None:
        self.us += int(seconds * SECOND_US)
        self.running_s += max(0.0, seconds)


class Engine(Protocol):
    """One kind of store under test."""

    clock: FakeClock

    async def open(self) -> Store: ...

    async def crash(self) -> Store:
        """The store as another process finds it when the first one was killed at this moment."""

    async def close(self) -> None: ...


class SqliteEngine:
    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.path = folder / "gateway.db"
        self.fatal: list[str] = []
        self.commits: list[int] = []
        self.reserve_bytes = 0
        self.store: SqliteStore | None = None

    async def open(self) -> SqliteStore:
        self.store = store = await open_sqlite(
            self.path,
            clock=self.clock,
            disk_reserve_bytes=self.reserve_bytes,
            on_fatal=self.fatal.append,
            on_commit=lambda _seconds, changes: self.commits.append(changes),
        )
        return store

    async def crash(self) -> SqliteStore:
        left = self.path.parent / "left"
        left.mkdir()
        for file in self.path.parent.glob(self.path.name + "*"):
            if not file.name.endswith((".lock", "-shm")):
                shutil.copy(file, left / file.name)
        await self.close()
        self.path = left / self.path.name
        return await self.open()

    async def close(self) -> None:
        store, self.store = self.store, None
        if store is not None:
            await store.close()


def an_alert(
    *deliveries: NewDelivery | str, key: str | None = None, body: bytes | None = None, **fields: Any
) -> NewAlert:
    """A new alert each time, of an incident of its own unless `key` is given. A route's name alone is a delivery."""
    number = next(_NUMBERS)
    body = b'{"number":%d}' % number if body is None else body
    values: dict[str, Any] = {
        "source": "optix",
        "digest": sha256(body).digest(),
        "body": body,
        "received_us": START_US,
        "revision": "r1",
        "key": f"optix-{number}" if key is None else key,
        "environment": "123456789012",
        "alert_id": f"id-{number}",
        "alert_type": "Policy",
        "severity": "high",
        "score": 83.0,
        "rule": "AR-251",
        "summary": f"summary {number}",
        "deliveries": tuple(NewDelivery(each) if isinstance(each, str) else each for each in deliveries),
    }
    return NewAlert(**values | fields)


def now(route: str = "a", *, supersede: bool = False) -> NewDelivery:
    """A delivery that is to be handed out at once."""
    return NewDelivery(route, supersede=supersede, claim=True)


def a_record(claim: Claim, reason: str = "200 OK", outcome: OutcomeClass = OutcomeClass.OK) -> AttemptRecord:
    return AttemptRecord(
        due_us=claim.due_us,
        claimed_us=claim.claimed_us,
        started_us=claim.claimed_us + 1,
        ended_us=claim.claimed_us + 2,
        outcome=outcome,
        reason=reason,
        status=200,
        headers={"content-type": "text/plain"},
        excerpt="thanks",
        revision="r1",
    )


def a_silence(silence_id: str, *, lasts_s: float = 3600, made_us: int = START_US, **more: Any) -> Silence:
    asked = {"reason": "work", "author": "me", "lasts_us": int(lasts_s * SECOND_US), "all": True} | more
    return parse_silence(asked, silence_id=silence_id, now_us=made_us)


def a_result(claim: Claim, state: State = State.DELIVERED, *, delay_s: float = 0, **fields: Any) -> Result:
    return Result(claim.row, claim.token, state, a_record(claim), delay_us=int(delay_s * SECOND_US), **fields)


async def ask(store: Store, route: str = "a", *, fresh: int = 50, retries: int = 50, **how: Any) -> Claims:
    return await store.claim(route, fresh=fresh, retries=retries, lease_us=LEASE_US, **{"limit": 100} | how)


async def claim_all(store: Store, route: str = "a", **how: Any) -> tuple[Claim, ...]:
    return (await ask(store, route, **how)).claims


async def state_of(store: Store, delivery_id: str) -> State:
    found = await store.delivery(delivery_id, stopped=())
    assert found is not None
    return found[0].state


async def finished(store: Store, state: State, route: str = "a", **fields: Any) -> str:
    """A delivery that came to that state by its first attempt; its id."""
    (claim,) = (await store.put(an_alert(now(route), **fields), LEASES)).claims
    await store.record(a_result(claim, state))
    return claim.delivery_id


async def a_retry(store: Store, *, delay_s: float, key: str | None = None) -> str:
    """A delivery of route a that failed once and waits; its id."""
    (claim,) = (await store.put(an_alert(now("a"), key=key), LEASES)).claims
    await store.record(a_result(claim, State.PENDING, delay_s=delay_s))
    return claim.delivery_id
