"""Deliveries that wait: for others of their group, or for an hour."""

from __future__ import annotations

import asyncio

from gateway.domain.delivery import NewDelivery, State
from gateway.domain.telling import Decision, Word
from gateway.ports import Store
from tests.queue.incident_world import (
    GROUPED,
    a_state,
    carried,
    end,
    enter,
    grouped,
    seen,
    snapshot,
    states,
    told,
    words,
)
from tests.queue.store_world import LEASES, SECOND_US, Engine, FakeClock, ask, claim_all


async def test_a_group_is_due_when_its_first_member_has_waited(store: Store, clock: FakeClock) -> None:
    stored = await store.put(a_state("k", "b", to=grouped()), LEASES)
    assert (stored.claims, stored.waiting, stored.later) == ((), (), (("a", 30 * SECOND_US),))
    clock.advance(20)
    later = await store.put(a_state("l", "b", to=grouped()), LEASES)
    assert later.later == (("a", 10 * SECOND_US),)
    assert (await ask(store)).next_us == 10 * SECOND_US
    assert await store.next_due(["a"]) == {"a": 10 * SECOND_US}
    clock.advance(10)
    (claim,) = await claim_all(store)
    assert carried(claim) == [f"{stored.alert_id}.a", f"{later.alert_id}.a"]
    assert await states(store, carried(claim)) == {State.SENDING}


async def test_a_member_brings_what_its_attempt_needs(store: Store, clock: FakeClock) -> None:
    await enter(store, "k")
    second = a_state("l", "b", to=grouped())
    stored = await store.put(second, LEASES)
    clock.advance(30)
    (member,) = (await claim_all(store))[0].members
    assert (member.alert_id, member.source, member.body, member.before) == (stored.alert_id, "optix", second.body, None)


async def test_each_member_has_the_state_its_receiver_was_told(store: Store, clock: FakeClock) -> None:
    await enter(store, "k", "l")
    clock.advance(30)
    await end(store, (await claim_all(store))[0], State.DELIVERED)
    for key in ("k", "l"):
        await store.put(a_state(key, "b", "c", to=grouped()), LEASES)
    clock.advance(300)
    (claim,) = await claim_all(store)
    assert [seen(claim.before), *(seen(member.before) for member in claim.members)] == [snapshot("b")] * 2


async def test_a_group_is_not_told_again_before_its_interval(store: Store, clock: FakeClock) -> None:
    await enter(store, "k")
    clock.advance(30)
    await end(store, (await claim_all(store))[0], State.DELIVERED)
    clock.advance(10)
    stored = await store.put(a_state("l", "b", to=grouped()), LEASES)
    assert stored.later == (("a", 290 * SECOND_US),)
    clock.advance(289)
    assert await claim_all(store) == ()
    clock.advance(1)
    assert len(await claim_all(store)) == 1


async def test_after_a_long_rest_a_group_waits_as_at_first(store: Store, clock: FakeClock) -> None:
    await enter(store, "k")
    clock.advance(30)
    await end(store, (await claim_all(store))[0], State.DELIVERED)
    clock.advance(3600)
    stored = await store.put(a_state("l", "b", to=grouped()), LEASES)
    assert stored.later == (("a", 30 * SECOND_US),)


async def test_a_full_group_goes_at_once(store: Store) -> None:
    first = await enter(store, "k", "l")
    stored = await store.put(a_state("m", "b", to=grouped()), LEASES)
    assert (stored.claims, stored.waiting) == ((), ("a",)), "never handed out alone"
    (claim,) = await claim_all(store)
    assert sorted(carried(claim)) == sorted([*first, f"{stored.alert_id}.a"])


async def test_a_group_that_fills_in_one_commit_goes_at_once_and_whole(store: Store) -> None:
    alerts = [a_state(key, "b", to=grouped()) for key in "klm"]
    stored = await asyncio.gather(*(store.put(alert, LEASES) for alert in alerts))
    assert [each.waiting for each in stored] == [(), (), ("a",)]
    (claim,) = await claim_all(store)
    assert sorted(carried(claim)) == sorted(f"{each.alert_id}.a" for each in stored)


async def test_groups_of_other_names_and_routes_are_apart(store: Store, clock: FakeClock) -> None:
    await store.put(a_state("k", "b", to=(*grouped(group="g"), *grouped("b", group="g"))), LEASES)
    await store.put(a_state("l", "b", to=grouped(group="h")), LEASES)
    clock.advance(30)
    assert [claim.members for claim in await claim_all(store)] == [(), ()]
    assert [claim.members for claim in await claim_all(store, "b")] == [()]


async def test_one_that_goes_alone_leaves_the_group_waiting(store: Store, clock: FakeClock) -> None:
    waits = await enter(store, "k")
    stored = await store.put(a_state("l", "b", to=told(terms=GROUPED)), LEASES)
    assert [(claim.route, claim.members) for claim in stored.claims] == [("a", ())]
    clock.advance(30)
    assert [carried(claim) for claim in await claim_all(store)] == [waits]


async def test_what_is_fresh_goes_before_groups(store: Store, clock: FakeClock) -> None:
    await enter(store, "k", "l")
    clock.advance(30)
    stored = await store.put(a_state("m", "b", to=(NewDelivery("a", terms=GROUPED),)), LEASES)
    (claim,) = await claim_all(store, limit=1)
    assert claim.alert_id == stored.alert_id
    (group,) = await claim_all(store, limit=1)
    assert len(group.members) == 1


async def test_a_group_that_waits_outlives_a_kill(engine: Engine) -> None:
    store = await engine.open()
    names = await enter(store, "k", "l")
    store = await engine.crash()
    assert await store.next_due(["a"]) == {"a": 30 * SECOND_US}
    (third,) = await enter(store, "m")
    (claim,) = await claim_all(store)
    assert sorted(carried(claim)) == sorted([*names, third])


async def test_the_interval_outlives_a_kill(engine: Engine) -> None:
    store = await engine.open()
    await enter(store, "k")
    engine.clock.advance(30)
    await end(store, (await claim_all(store))[0], State.DELIVERED)
    store = await engine.crash()
    stored = await store.put(a_state("l", "b", to=grouped()), LEASES)
    assert stored.later == (("a", 300 * SECOND_US),)


async def test_decisions_made_before_and_in_the_store_are_kept_together(store: Store) -> None:
    alert = a_state("k", "b", to=told())._replace(decisions=(Decision("c", Word.COVERED, "a took it"),))
    stored = await store.put(alert, LEASES)
    assert await words(store, stored.alert_id) == {"c": "covered", "a": "told"}
