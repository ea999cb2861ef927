"""A held alert that is read at last may be older than what is known of its incident by then."""

from __future__ import annotations

from gateway.domain.delivery import WINDOW_HOLD, NewAlert, NewDelivery, State, Stored
from gateway.domain.telling import Decision, Word
from gateway.ports import Store
from tests.queue.incident_world import a_state, end, memory, told, words
from tests.queue.store_world import LEASES, SECOND_US, START_US, FakeClock, claim_all, state_of

EVERYTHING = NewDelivery("all", claim=True)
LATEST = NewDelivery("latest", claim=True, supersede=True)
LATER_US = START_US + 3600 * SECOND_US


def in_the_morning(route: str) -> NewDelivery:
    return NewDelivery(route, due_us=LATER_US, hold=WINDOW_HOLD)


async def hold(store: Store, clock: FakeClock) -> str:
    held = a_state("k")._replace(state=None, held="unreadable", key="", received_us=clock.us)
    found = (await store.put(held, LEASES)).alert_id
    clock.advance(60)
    return found


async def readmit(store: Store, alert_id: str, alert: NewAlert) -> Stored:
    stored = await store.readmit(alert_id, alert)
    assert stored is not None
    return stored


async def test_an_older_state_leaves_what_is_remembered(store: Store, clock: FakeClock) -> None:
    held = await hold(store, clock)
    await store.put(a_state("k", "b1", "b2"), LEASES)
    before = await memory(store)
    clock.advance(60)
    await readmit(store, held, a_state("k", "b1", score=90))
    assert await memory(store) == before
    assert await store.held_count() == 0


async def test_an_older_state_goes_where_every_alert_goes_and_the_others_know_better(
    store: Store, clock: FakeClock
) -> None:
    held = await hold(store, clock)
    (claim,) = (await store.put(a_state("k", "b", to=told()), LEASES)).claims
    await end(store, claim, State.DELIVERED)
    older = a_state("k", "b", "b2", to=(EVERYTHING, LATEST, *told("a")))
    stored = await readmit(store, held, older._replace(decisions=(Decision("a", Word.HELD, "at night"),)))
    assert stored.routes == ("all",)
    assert await words(store, held) == {"latest": "outdated", "a": "outdated"}
    assert [claim.alert_id for claim in await claim_all(store, "all")] == [held]
    (claim,) = (await store.put(a_state("k", "b", "b3", to=told()), LEASES)).claims
    assert claim.before, "what the receiver knows is what it was told"


async def test_what_waits_is_not_replaced_by_an_older_state(store: Store, clock: FakeClock) -> None:
    held = await hold(store, clock)
    newer = await store.put(a_state("k", "b", to=(in_the_morning("all"), in_the_morning("night"))), LEASES)
    await readmit(store, held, a_state("k", "b", "b2", to=(EVERYTHING, in_the_morning("night"))))
    assert [await state_of(store, f"{newer.alert_id}.{route}") for route in ("all", "night")] == [State.PENDING] * 2
    assert await words(store, held) == {"night": "outdated"}
    clock.advance(7200)
    (first,) = await claim_all(store, "all")
    assert first.alert_id == newer.alert_id
    await end(store, first, State.DELIVERED)
    assert [claim.alert_id for claim in await claim_all(store, "all")] == [held]


async def test_held_alerts_that_are_read_in_their_order_are_each_newer_than_the_one_before(
    store: Store, clock: FakeClock
) -> None:
    first, second = await hold(store, clock), await hold(store, clock)
    await readmit(store, first, a_state("k", "b1", to=told()))
    await readmit(store, second, a_state("k", "b1", "b2", to=told()))
    found = await memory(store)
    assert [row.info for row in found.resources] == ["b1", "b2"]
    assert (found.incident.first_seen_us, found.incident.last_seen_us) == (START_US, START_US + 60 * SECOND_US)
    assert await words(store, second) == {"a": "told"}
    assert await state_of(store, f"{second}.a") is State.PENDING
