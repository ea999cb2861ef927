"""What a route was told is forgotten when its receiver is sent every alert from now on."""

from __future__ import annotations

import asyncio

from gateway.domain.delivery import State
from gateway.ports import Store
from tests.queue.incident_world import a_state, end, memory, seen, snapshot, told
from tests.queue.store_world import LEASES, a_result, ask, claim_all

MANY = 1001


async def knowing(store: Store, key: str) -> list[str]:
    """The routes that were told of an incident."""
    return [row.route for row in (await memory(store, key)).told]


async def test_what_a_route_was_told_is_forgotten_and_what_others_were_is_not(store: Store) -> None:
    for claim in (await store.put(a_state("k", "b", to=(*told("a"), *told("b"))), LEASES)).claims:
        await end(store, claim, State.DELIVERED)
    assert await knowing(store, "k") == ["a", "b"]
    await store.forget_told(["a", "nowhere"])
    assert await knowing(store, "k") == ["b"]


async def test_what_is_unfinished_is_not_remembered_any_more(store: Store) -> None:
    await store.put(a_state("k", "b1"), LEASES)
    stored = await store.put(a_state("k", "b1", "b2", to=(*told("a"), *told("b"))), LEASES)
    ids = [claim.delivery_id for claim in stored.claims]
    for claim in stored.claims:
        await store.record(a_result(claim, State.PARKED, remembers=True))
    await store.forget_told(["a"])
    await store.replay(ids)
    for route, remembers in (("a", False), ("b", True)):
        (claim,) = await claim_all(store, route)
        assert claim.remembers is remembers
        assert seen(claim.before) == (None if remembers else snapshot("b1"))


async def test_however_much_it_was_all_is_forgotten(store: Store) -> None:
    await asyncio.gather(*(store.put(a_state(f"k{n}", "b", to=told()), {}) for n in range(MANY)))
    await store.forget_told(["a"])
    claims = (await ask(store, fresh=MANY, limit=MANY)).claims
    assert [claim.remembers for claim in claims] == [False] * MANY
    again = await asyncio.gather(*(store.put(a_state(f"k{n}", "b", to=told("a")), {}) for n in (0, MANY - 1)))
    assert [stored.decided[0].word for stored in again] == ["told", "told"]
