"""What a receiver was truly told, and that this alone decides what it is told next."""

from __future__ import annotations

import pytest

from gateway.domain.change import Reason
from gateway.domain.delivery import NewDelivery, State
from gateway.domain.query import Selection
from gateway.domain.telling import Terms
from gateway.ports import Store
from tests.queue.hearing import deliver, end, passed_over, sent
from tests.queue.incident_world import a_state, memory, seen, snapshot, told, words
from tests.queue.store_world import LEASES, Engine, FakeClock, a_result, claim_all, state_of


async def test_a_repeat_is_told_once(store: Store) -> None:
    await deliver(store, await sent(store, "b1"), snapshot("b1"))
    assert await passed_over(store, "b1") == "unchanged"


async def test_a_repeat_of_what_waits_makes_no_second_delivery(store: Store) -> None:
    claim = await sent(store, "b1")
    assert await passed_over(store, "b1") == "unchanged"
    await end(store, claim, State.PENDING, delay_s=10)
    assert await passed_over(store, "b1") == "unchanged"


async def test_a_change_is_measured_from_what_was_delivered(store: Store) -> None:
    first = await sent(store, "b1")
    assert (first.before, first.remembers) == (None, True)
    await deliver(store, first, snapshot("b1"), "thread-7")
    second = await sent(store, "b1", "b2")
    assert (seen(second.before), second.reference) == (snapshot("b1"), "thread-7")


async def test_what_changed_while_nothing_was_told_is_told_together(store: Store, clock: FakeClock) -> None:
    await deliver(store, await sent(store, "b1"), snapshot("b1"))
    await end(store, await sent(store, "b1", "b2"), State.PENDING, delay_s=10)
    stored = await store.put(a_state("k", "b1", "b2", "b3", to=told()), LEASES)
    assert len(stored.claims) == 1
    assert seen(stored.claims[0].before) == snapshot("b1"), "the second state was never delivered"
    page = await store.deliveries(Selection(states=(State.SUPERSEDED,)), stopped=(), limit=9)
    assert len(page.deliveries) == 1
    clock.advance(60)
    assert await claim_all(store) == ()


@pytest.mark.parametrize("listed", [("b1", "b2"), ("b1", "b2", "b3")])
async def test_a_dead_delivery_told_nothing_and_the_next_send_is_told(store: Store, listed: tuple[str, ...]) -> None:
    await deliver(store, await sent(store, "b1"), snapshot("b1"))
    await end(store, await sent(store, "b1", "b2"), State.DEAD)
    assert seen((await sent(store, *listed)).before) == snapshot("b1")


async def test_a_dead_first_delivery_leaves_the_incident_new(store: Store) -> None:
    await end(store, await sent(store, "b1"), State.DEAD)
    again = await sent(store, "b1")
    assert again.before is None


async def test_a_dead_delivery_of_what_a_receiver_knows_goes_back_to_that(store: Store) -> None:
    await deliver(store, await sent(store, "b1"), snapshot("b1"))
    await end(store, await sent(store, "b1", "b2"), State.DEAD)
    assert await passed_over(store, "b1") == "unchanged"


async def test_a_dead_delivery_takes_nothing_back_while_a_newer_one_waits(store: Store) -> None:
    claim = await sent(store, "b1")
    await store.put(a_state("k", "b1", "b2", to=told()), LEASES)
    await end(store, claim, State.DEAD)
    assert await passed_over(store, "b1", "b2") == "unchanged"


async def test_a_cancelled_delivery_told_nothing(store: Store) -> None:
    claim = await sent(store, "b1")
    await end(store, claim, State.PENDING, delay_s=10)
    assert await store.cancel([claim.delivery_id]) == (claim.delivery_id,)
    assert (await sent(store, "b1")).before is None


async def test_a_cancelled_parked_delivery_told_nothing(store: Store) -> None:
    claim = await sent(store, "b1")
    await end(store, claim, State.PARKED)
    assert await passed_over(store, "b1") == "unchanged", "it may still be told"
    assert await store.cancel([claim.delivery_id]) == (claim.delivery_id,)
    assert (await sent(store, "b1")).before is None


async def test_one_that_was_over_before_the_receiver_heard_of_it_told_nothing(store: Store) -> None:
    claim = await sent(store, "b1")
    await store.put(a_state("k", "-b1", to=told()), LEASES)
    await end(store, claim, State.DEAD)
    (closing,) = await claim_all(store)
    assert closing.before is None
    await end(store, closing, State.SUPERSEDED)
    only_new = Terms(notify=frozenset({Reason.NEW}))
    assert (await sent(store, "b1", terms=only_new)).before is None, "it is as new as ever"


async def test_a_closed_incident_is_not_told_to_whom_never_heard_of_it(store: Store) -> None:
    assert await passed_over(store, "-b1") == "closed"
    assert (await sent(store, "b1")).before is None


async def test_a_replayed_delivery_tells_what_it_says(store: Store) -> None:
    dead = await sent(store, "b1")
    await end(store, dead, State.DEAD)
    await store.replay([dead.delivery_id])
    (again,) = await claim_all(store)
    await deliver(store, again, snapshot("b1"))
    assert await passed_over(store, "b1") == "unchanged"


async def test_a_replay_of_a_later_state_counts_from_then_on(store: Store) -> None:
    await deliver(store, await sent(store, "b1"), snapshot("b1"))
    dead = await sent(store, "b1", "b2")
    await end(store, dead, State.DEAD)
    await store.replay([dead.delivery_id])
    (again,) = await claim_all(store)
    assert seen(again.before) == snapshot("b1")
    await deliver(store, again, snapshot("b1", "b2"))
    assert await passed_over(store, "b1", "b2") == "unchanged"
    assert seen((await sent(store, "b2")).before) == snapshot("b1", "b2")


async def test_an_older_state_that_is_sent_again_is_what_was_heard_last_and_the_next_repeat_puts_it_right(
    store: Store,
) -> None:
    first = await sent(store, "b1")
    await deliver(store, first, snapshot("b1"), "old thread")
    await deliver(store, await sent(store, "b1", "b2"), snapshot("b1", "b2"), "new thread")
    await store.replay([first.delivery_id])
    (again,) = await claim_all(store)
    await deliver(store, again, snapshot("b1"), "old thread")
    third = await sent(store, "b1", "b2")
    assert (seen(third.before), third.reference) == (snapshot("b1"), "old thread")


async def test_two_receivers_know_each_their_own(store: Store) -> None:
    to = (*told("a"), *told("b"))
    one, other = (await store.put(a_state("k", "b1", to=to), LEASES)).claims
    await deliver(store, one, snapshot("b1"))
    await end(store, other, State.DEAD)
    stored = await store.put(a_state("k", "b1", to=to), LEASES)
    assert await words(store, stored.alert_id) == {"a": "unchanged", "b": "told"}
    assert [claim.route for claim in stored.claims] == ["b"]


async def test_who_is_sent_everything_is_not_remembered(store: Store) -> None:
    (claim,) = (await store.put(a_state("k", "b1", to=(NewDelivery("a", claim=True),)), LEASES)).claims
    assert not claim.remembers
    await store.record(a_result(claim))
    assert (await memory(store)).told == ()


async def test_what_was_told_outlives_a_kill(engine: Engine) -> None:
    store = await engine.open()
    await deliver(store, await sent(store, "b1"), snapshot("b1"), "thread-7")
    store = await engine.crash()
    assert await passed_over(store, "b1") == "unchanged"
    claim = await sent(store, "b1", "b2")
    assert (seen(claim.before), claim.reference) == (snapshot("b1"), "thread-7")


async def test_a_delivery_that_a_kill_broke_off_told_nothing_yet(engine: Engine) -> None:
    store = await engine.open()
    await sent(store, "b1")
    store = await engine.crash()
    assert await passed_over(store, "b1") == "unchanged", "it waits"
    (again,) = await claim_all(store)
    assert again.before is None


async def test_retention_forgets_what_was_told_with_the_incident(store: Store, clock: FakeClock) -> None:
    await deliver(store, await sent(store, "b1"), snapshot("b1"))
    clock.advance(3600)
    await store.purge(clock.us, limit=10)
    assert (await sent(store, "b1")).before is None


async def test_a_late_delivery_of_a_forgotten_incident_leaves_no_trace(store: Store, clock: FakeClock) -> None:
    claim = await sent(store, "b1")
    clock.advance(3600)
    await store.purge(clock.us, limit=10)
    await deliver(store, claim, snapshot("b1"))
    assert (await sent(store, "b1")).before is None


async def test_a_delivery_without_an_answer_keeps_its_state_until_an_operator_decides(store: Store) -> None:
    parked = NewDelivery("a", parked="WHEN has no answer: no such field")
    stored = await store.put(a_state("k", "b1", to=(parked,)), LEASES)
    name = f"{stored.alert_id}.a"
    assert (stored.claims, stored.waiting, stored.later, stored.routes) == ((), (), (), ("a",))
    found = await store.delivery(name, stopped=())
    assert found is not None
    assert (found[0].state, found[0].reason) == (State.PARKED, "WHEN has no answer: no such field")
    assert await claim_all(store) == ()
    assert await store.replay([name]) == (name,)
    (claim,) = await claim_all(store)
    assert claim.delivery_id == name


async def test_a_parked_delivery_holds_nothing_up(store: Store) -> None:
    await store.put(a_state("k", "b1", to=(NewDelivery("a", parked="no answer", due_us=1),)), LEASES)
    (claim,) = (await store.put(a_state("k", "b1", to=(NewDelivery("a", claim=True),)), LEASES)).claims
    assert await state_of(store, claim.delivery_id) is State.SENDING
