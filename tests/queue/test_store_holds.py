"""Deliveries that are held for the hours of their route or by a silence, and what is put off when it comes due."""

from __future__ import annotations

import pytest

from gateway.domain.delivery import NewDelivery, PutOff, State
from gateway.domain.telling import Terms
from gateway.ports import Store
from tests.queue.incident_world import GROUPED, TOLD_CHANGES, a_state, carried, enter, told
from tests.queue.store_world import (
    LEASES,
    SECOND_US,
    FakeClock,
    a_result,
    a_retry,
    a_silence,
    claim_all,
    now,
    state_of,
)

EVERY_STATE_GROUPED = Terms(grouping=GROUPED.grouping)


def held(route: str = "a", *, after_s: float = 100, **more: object) -> NewDelivery:
    """What came outside the route's hours, which begin in so many seconds."""
    values = {"supersede": True, "claim": True, "terms": TOLD_CHANGES, "hold": "window"} | more
    return NewDelivery(route, due_us=_in(after_s), **values)  # type: ignore[arg-type]  # typed where a test writes them


def _in(seconds: float) -> int:
    return FakeClock().us + int(seconds * SECOND_US)


async def test_what_is_held_is_due_when_the_window_opens(store: Store, clock: FakeClock) -> None:
    stored = await store.put(a_state("k", "b", to=(held(),)), LEASES)
    assert (stored.claims, stored.waiting, stored.later) == ((), (), (("a", 100 * SECOND_US),))
    clock.advance(99)
    assert await claim_all(store) == ()
    clock.advance(1)
    assert len(await claim_all(store)) == 1


async def test_of_what_is_held_the_newest_state_counts(store: Store, clock: FakeClock) -> None:
    first = await store.put(a_state("k", "b", to=(held(),)), LEASES)
    second = await store.put(a_state("k", "b", "c", to=(held(),)), LEASES)
    clock.advance(100)
    assert [claim.alert_id for claim in await claim_all(store)] == [second.alert_id]
    assert await state_of(store, f"{first.alert_id}.a") is State.SUPERSEDED


@pytest.mark.parametrize("supersede", [False, True])
async def test_a_state_that_is_not_held_takes_the_place_of_one_that_is(store: Store, *, supersede: bool) -> None:
    """Also on a route that wants every state."""
    first = await store.put(a_state("k", "b", to=(held(),)), LEASES)
    second = await store.put(a_state("k", "b", "c", to=told(supersede=supersede)), LEASES)
    assert [claim.before for claim in second.claims] == [None]
    assert await state_of(store, f"{first.alert_id}.a") is State.SUPERSEDED


@pytest.mark.parametrize("routes", [("a",), ()])
async def test_what_is_held_is_over_when_its_incident_closes_whoever_takes_that(
    store: Store, clock: FakeClock, routes: tuple[str, ...]
) -> None:
    first = await store.put(a_state("k", "b", to=(held(),)), LEASES)
    closing = await store.put(a_state("k", "-b", to=told() if routes else ()), LEASES)
    assert (closing.routes, closing.claims) == ((), ()), "it never heard of it"
    assert await state_of(store, f"{first.alert_id}.a") is State.SUPERSEDED
    clock.advance(3600)
    assert await claim_all(store) == ()
    again = await store.put(a_state("k", "b", to=told()), LEASES)
    assert [claim.before for claim in again.claims] == [None]


async def test_one_that_is_tried_already_does_not_give_way_to_a_state_that_waits_for_its_turn(store: Store) -> None:
    retry = await a_retry(store, delay_s=30, key="k")
    await store.put(a_state("k", "b", to=(now("a"),)), LEASES)
    assert await state_of(store, retry) is State.PENDING


async def test_what_is_held_waits_also_when_the_receiver_is_back(store: Store, clock: FakeClock) -> None:
    retry = await a_retry(store, delay_s=30)
    await store.put(a_state("k", "b", to=(held(after_s=20),)), LEASES)
    await enter(store, "l")
    assert await store.hasten("a") == 1
    assert [claim.delivery_id for claim in await claim_all(store)] == [retry]
    clock.advance(20)
    assert len(await claim_all(store)) == 1


async def test_a_probe_does_not_take_what_is_held(store: Store) -> None:
    await store.put(a_state("k", "b", to=(held(after_s=20),)), LEASES)
    await enter(store, "l")
    assert await claim_all(store, early=True) == ()
    retry = await a_retry(store, delay_s=30)
    assert [claim.delivery_id for claim in await claim_all(store, early=True)] == [retry]


async def test_what_is_held_does_not_fill_a_group_and_goes_out_with_it(store: Store, clock: FakeClock) -> None:
    names = [f"{(await store.put(a_state(key, 'b', to=(_held_member(),)), LEASES)).alert_id}.a" for key in "klmn"]
    assert await claim_all(store) == (), "four of three, but all outside the hours"
    (awake,) = await enter(store, "o")
    clock.advance(30)
    assert [carried(claim) for claim in await claim_all(store)] == [[awake]]
    clock.advance(70)
    (claim,) = await claim_all(store)
    assert sorted(carried(claim)) == sorted(names)


async def test_what_is_put_off_is_due_later_and_charged_nothing(store: Store, clock: FakeClock) -> None:
    stored = await store.put(a_state("k", "b", to=(held(after_s=10),)), LEASES)
    clock.advance(10)
    (claim,) = await claim_all(store)
    assert claim.asks
    until_us = clock.us + 50 * SECOND_US
    later = await store.put_off(claim, [PutOff(claim.row, until_us, "silence:s", "a silence of mine")])
    assert later == (("a", 50 * SECOND_US),)
    found = await store.delivery(f"{stored.alert_id}.a", stopped=())
    assert found is not None
    row, attempts = found
    assert (row.state, row.hold, row.reason, row.attempts, attempts) == (
        State.PENDING,
        "silence:s",
        "a silence of mine",
        0,
        (),
    )
    assert not (await store.record(a_result(claim))).applied, "it was given back"
    clock.advance(49)
    assert await claim_all(store) == ()
    clock.advance(1)
    (again,) = await claim_all(store)
    assert (again.attempt, again.asks) == (1, True)


async def test_of_a_group_some_are_put_off_and_the_others_go_out_together(store: Store) -> None:
    names = await enter(store, "k", "l", "m")
    (claim,) = await claim_all(store)
    assert claim.asks
    await store.put_off(claim, [PutOff(claim.row, _in(100), "window", "night")])
    (rest,) = await claim_all(store)
    assert carried(rest) == [name for name in names if name != claim.delivery_id]


async def _a_state_behind_one_that_was_put_off(store: Store, clock: FakeClock, behind: NewDelivery) -> str:
    """Of a route that wants every state; the id of the one behind."""
    await store.put(a_state("k", "b", to=told(terms=EVERY_STATE_GROUPED, group="g", supersede=False)), LEASES)
    stored = await store.put(a_state("k", "b", "c", to=(behind,)), LEASES)
    clock.advance(400)
    (claim,) = await claim_all(store)
    await store.put_off(claim, [PutOff(claim.row, _in(8000), "window", "night")])
    clock.advance(400)
    assert await claim_all(store) == ()
    return f"{stored.alert_id}.a"


async def test_what_waited_behind_one_that_gives_way_is_due_and_its_route_is_told_so(
    store: Store, clock: FakeClock
) -> None:
    (again,) = told(terms=EVERY_STATE_GROUPED, group="g", supersede=False)
    behind = await _a_state_behind_one_that_was_put_off(store, clock, again)
    stored = await store.put(a_state("k", "d", to=(again,)), LEASES)
    assert stored.waiting == ("a",)
    assert [claim.delivery_id for claim in await claim_all(store)] == [behind]


async def test_what_waited_behind_one_that_is_over_is_due_and_its_route_is_told_so(
    store: Store, clock: FakeClock
) -> None:
    behind = await _a_state_behind_one_that_was_put_off(store, clock, NewDelivery("a"))
    stored = await store.put(a_state("k", "d"), LEASES)
    assert stored.waiting == ("a",)
    assert [claim.delivery_id for claim in await claim_all(store)] == [behind]


async def test_what_a_silence_held_asks_when_it_is_ended(store: Store) -> None:
    await store.put_silence(a_silence("s"))
    await store.put(a_state("k", "b", to=(held(hold="silence:s"),)), LEASES)
    assert await store.end_silence("s") == ("a",)
    (claim,) = await claim_all(store)
    assert claim.asks


async def test_who_was_tried_or_is_replayed_does_not_ask(store: Store, clock: FakeClock) -> None:
    stored = await store.put(a_state("k", "b", to=(held(after_s=10),)), LEASES)
    clock.advance(10)
    (claim,) = await claim_all(store)
    await store.record(a_result(claim, State.PENDING))
    (tried,) = await claim_all(store)
    assert not tried.asks
    await store.record(a_result(tried, State.DEAD))
    await store.replay([f"{stored.alert_id}.a"])
    assert [claim.asks for claim in await claim_all(store)] == [False]


async def test_what_comes_in_between_takes_the_place_of_what_is_put_off(store: Store, clock: FakeClock) -> None:
    await store.put(a_state("k", "b", to=(held(after_s=10),)), LEASES)
    clock.advance(10)
    (claim,) = await claim_all(store)
    newer = await store.put(a_state("k", "b", "c", to=told()), LEASES)
    assert newer.claims == ()
    assert ("a", 0) in await store.put_off(claim, [PutOff(claim.row, _in(500), "window", "night")])
    assert [claim.alert_id for claim in await claim_all(store)] == [newer.alert_id]


def _held_member() -> NewDelivery:
    return held(terms=GROUPED, group="g")
