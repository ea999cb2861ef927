"""Deliveries that wait for another route to fail."""

from __future__ import annotations

import pytest

from gateway.domain.delivery import NewDelivery, Primary, State, Stored
from gateway.domain.telling import Word
from gateway.ports import Store
from tests.queue.incident_world import TOLD_CHANGES, a_state, told
from tests.queue.store_world import (
    LEASE_US,
    LEASES,
    SECOND_US,
    Engine,
    FakeClock,
    a_result,
    claim_all,
    now,
    state_of,
)


def stand_in(route: str = "b", *, after_s: float = 900, for_: str = "a") -> NewDelivery:
    primaries = (Primary(name, int(after_s * SECOND_US)) for name in for_.split(","))
    return NewDelivery(route, stands_in_for=tuple(primaries))


async def first_and_second(store: Store, *, key: str = "k") -> Stored:
    return await store.put(a_state(key, "b", to=(*told(), stand_in())), LEASES)


@pytest.mark.parametrize("state", [State.DELIVERED, State.SUPERSEDED])
async def test_a_stand_in_is_given_up_when_the_first_route_has_settled_it(
    store: Store, clock: FakeClock, state: State
) -> None:
    stored = await first_and_second(store)
    (claim,) = stored.claims
    await store.record(a_result(claim, state))
    found = await store.delivery(f"{stored.alert_id}.b", stopped=())
    assert found is not None
    assert (found[0].state, found[0].reason) == (State.SUPERSEDED, "the route it stands in for delivered")
    clock.advance(900)
    assert await claim_all(store, "b") == ()


async def test_a_stand_in_is_due_when_the_first_route_has_not_delivered_in_time(store: Store, clock: FakeClock) -> None:
    stored = await first_and_second(store)
    assert (stored.routes, stored.later) == (("a",), (("b", 900 * SECOND_US),)), "nobody but the first took it"
    recorded = await store.record(a_result(stored.claims[0], State.PENDING, delay_s=5000))
    assert recorded.later == ()
    clock.advance(899)
    assert await claim_all(store, "b") == ()
    clock.advance(1)
    assert [claim.alert_id for claim in await claim_all(store, "b")] == [stored.alert_id]


@pytest.mark.parametrize("state", [State.DEAD, State.PARKED])
async def test_a_stand_in_is_due_at_once_when_the_first_route_can_deliver_no_more(store: Store, state: State) -> None:
    stored = await first_and_second(store)
    recorded = await store.record(a_result(stored.claims[0], state))
    assert recorded.later == (("b", 0),)
    assert [claim.alert_id for claim in await claim_all(store, "b")] == [stored.alert_id]


async def test_a_stand_in_of_a_cancelled_delivery_tells_nobody(store: Store) -> None:
    stored = await first_and_second(store)
    name = f"{stored.alert_id}.a"
    await store.record(a_result(stored.claims[0], State.PENDING, delay_s=50))
    assert await store.cancel([name]) == (name,)
    found = await store.delivery(f"{stored.alert_id}.b", stopped=())
    assert found is not None
    assert (found[0].state, found[0].reason) == (State.SUPERSEDED, "the route it stands in for was cancelled")


async def test_one_that_stands_in_for_several_waits_for_all_and_comes_for_the_first_that_fails(store: Store) -> None:
    stored = await store.put(
        a_state("k", "b", to=(now("a"), now("c"), stand_in(for_="a,c"))), dict(LEASES) | {"c": LEASE_US}
    )
    first, second = stored.claims
    await store.record(a_result(first))
    found = await store.delivery(f"{stored.alert_id}.b", stopped=())
    assert found is not None
    assert (found[0].state, found[0].stands_in_for) == (State.PENDING, "c")
    assert (await store.record(a_result(second, State.DEAD))).later == (("b", 0),)


async def a_chain(store: Store) -> Stored:
    """In the stead of a, b after 900 s; c after 60 s more in the stead of b."""
    return await store.put(a_state("k", "b", to=(*told(), stand_in(), stand_in("c", after_s=60, for_="b"))), LEASES)


async def test_a_stand_in_of_a_stand_in_is_due_after_its_own_time(store: Store) -> None:
    stored = await a_chain(store)
    assert stored.later == (("b", 900 * SECOND_US), ("c", 960 * SECOND_US))
    recorded = await store.record(a_result(stored.claims[0], State.DEAD))
    assert sorted(recorded.later) == [("b", 0), ("c", 60 * SECOND_US)]
    (second,) = await claim_all(store, "b")
    assert (await store.record(a_result(second, State.DEAD))).later == (("c", 0),)
    assert [claim.alert_id for claim in await claim_all(store, "c")] == [stored.alert_id]


@pytest.mark.parametrize("state", [State.DELIVERED, State.PENDING, State.DEAD])
async def test_what_the_first_route_delivers_ends_the_whole_chain(store: Store, clock: FakeClock, state: State) -> None:
    stored = await a_chain(store)
    if state is not State.DELIVERED:
        clock.advance(900)
        (second,) = await claim_all(store, "b")
        await store.record(a_result(second, state, delay_s=5000))
    await store.record(a_result(stored.claims[0]))
    assert await state_of(store, f"{stored.alert_id}.c") is State.SUPERSEDED
    assert await state_of(store, f"{stored.alert_id}.b") is (State.DEAD if state is State.DEAD else State.SUPERSEDED)


async def test_a_chain_outlives_a_kill(engine: Engine) -> None:
    store = await engine.open()
    stored = await a_chain(store)
    await store.record(a_result(stored.claims[0], State.DEAD))
    store = await engine.crash()
    assert await store.next_due(["b", "c"]) == {"b": 0, "c": 60 * SECOND_US}


async def test_a_stand_in_that_was_sent_stays_sent(store: Store, clock: FakeClock) -> None:
    stored = await first_and_second(store)
    clock.advance(900)
    (claim,) = await claim_all(store, "b")
    await store.record(a_result(stored.claims[0]))
    assert await state_of(store, claim.delivery_id) is State.SENDING
    assert (await store.record(a_result(claim))).applied


async def test_there_is_no_stand_in_where_the_first_route_is_told_nothing(store: Store) -> None:
    stored = await store.put(a_state("k", "-b", to=(*told(), stand_in())), LEASES)
    assert (stored.routes, stored.later, stored.decided[0].word) == ((), (), Word.CLOSED)


async def test_there_is_no_stand_in_where_the_second_route_has_the_alert_already(store: Store) -> None:
    stored = await store.put(a_state("k", "b", to=(*told(), *told("b"), stand_in())), LEASES)
    assert (stored.routes, stored.later) == (("a", "b"), ())
    assert [claim.route for claim in stored.claims] == ["a", "b"]


async def test_a_newer_state_takes_over_the_wait_of_an_older_one_that_was_not_delivered(
    store: Store, clock: FakeClock
) -> None:
    older = await first_and_second(store)
    clock.advance(600)
    newer = await store.put(a_state("k", "b", "c", to=(*told(), stand_in())), LEASES)
    assert newer.later == (("b", 300 * SECOND_US),), "the receiver has been silent since the first"
    assert await state_of(store, f"{older.alert_id}.b") is State.SUPERSEDED
    clock.advance(300)
    assert [claim.alert_id for claim in await claim_all(store, "b")] == [newer.alert_id]


async def test_a_stand_in_does_not_hold_up_what_its_route_takes_itself(store: Store) -> None:
    await first_and_second(store)
    own = await store.put(a_state("k", "b", "c", to=(now("b"),)), LEASES)
    assert [claim.route for claim in own.claims] == ["b"]


async def test_a_stand_in_gives_way_to_nobody_it_does_not_know(store: Store) -> None:
    """Its route's own delivery for the hours to come is not lost with it."""
    await store.put(
        a_state(
            "k", "b", to=(NewDelivery("b", due_us=FakeClock().us + 100 * SECOND_US, hold="window", terms=TOLD_CHANGES),)
        ),
        LEASES,
    )
    stored = await first_and_second(store)
    await store.record(a_result(stored.claims[0]))
    assert await store.next_due(["b"]) == {"b": 100 * SECOND_US}


async def test_one_delivery_of_an_incident_is_out_at_a_time_also_when_a_stand_in_is_given_up(store: Store) -> None:
    (own,) = (await store.put(a_state("k", "b", to=(now("b"),)), LEASES)).claims
    stored = await store.put(a_state("k", "b", "c", to=(*told(), stand_in())), LEASES)
    third = await store.put(a_state("k", "c", to=(now("b"),)), LEASES)
    await store.record(a_result(stored.claims[0]))
    assert await claim_all(store, "b") == ()
    assert (await store.record(a_result(own))).promoted
    assert [claim.alert_id for claim in await claim_all(store, "b")] == [third.alert_id]
