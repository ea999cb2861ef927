"""What reaches a receiver without having been decided by its terms: it is remembered like everything it was told."""

from __future__ import annotations

from gateway.domain.change import Reason
from gateway.domain.delivery import Claim, MemberResult, NewDelivery, Primary, State
from gateway.domain.snapshot import Snapshot, digest_of, encode
from gateway.domain.telling import Terms
from gateway.ports import Store
from tests.queue.incident_world import GROUPED, TOLD_CHANGES, a_state, grouped, seen, snapshot, told, words
from tests.queue.store_world import LEASES, FakeClock, a_result, claim_all, state_of

ONLY_NEW = Terms(notify=frozenset({Reason.NEW}), grouping=GROUPED.grouping)


async def deliver(store: Store, claim: Claim, now: Snapshot) -> None:
    known = (encode(now), digest_of(now)) if claim.remembers else None
    assert (await store.record(a_result(claim, told=known, remembers=claim.remembers))).applied


async def known_state(store: Store, *listed: str) -> None:
    (claim,) = (await store.put(a_state("k", *listed, to=told()), LEASES)).claims
    await deliver(store, claim, snapshot(*listed))


async def test_a_stand_in_tells_what_is_new_to_its_receiver_and_is_remembered(store: Store, clock: FakeClock) -> None:
    await known_state(store, "b1")
    stand_in = NewDelivery("a", terms=TOLD_CHANGES, stands_in_for=(Primary("b", 1),))
    stored = await store.put(a_state("k", "b2", to=(NewDelivery("b"), stand_in)), LEASES)
    assert stored.decided == (), "nobody decides about it"
    clock.advance(1)
    (claim,) = await claim_all(store)
    assert (seen(claim.before), claim.remembers) == (snapshot("b1"), True)
    await deliver(store, claim, snapshot("b2"))
    (back,) = (await store.put(a_state("k", "b1", to=told()), LEASES)).claims
    assert seen(back.before) == snapshot("b2")


async def test_a_stand_in_that_was_not_needed_told_nothing(store: Store) -> None:
    await known_state(store, "b1")
    stand_in = NewDelivery("a", terms=TOLD_CHANGES, stands_in_for=(Primary("b", 1),))
    await store.put(a_state("k", "b2", to=(NewDelivery("b"), stand_in)), LEASES)
    (claim,) = await claim_all(store, "b")
    await deliver(store, claim, snapshot("b2"))
    stored = await store.put(a_state("k", "b1", to=told()), LEASES)
    assert await words(store, stored.alert_id) == {"a": "unchanged"}


async def test_what_was_parked_on_purpose_is_remembered_when_it_is_sent(store: Store) -> None:
    await known_state(store, "b1")
    parked = NewDelivery("a", terms=TOLD_CHANGES, parked="no answer")
    stored = await store.put(a_state("k", "b2", to=(parked,)), LEASES)
    repeat = await store.put(a_state("k", "b1", to=told()), LEASES)
    assert await words(store, repeat.alert_id) == {"a": "unchanged"}, "it was not told yet"
    await store.replay([f"{stored.alert_id}.a"])
    (claim,) = await claim_all(store)
    await deliver(store, claim, snapshot("b2"))
    assert len((await store.put(a_state("k", "b1", to=told()), LEASES)).claims) == 1


async def test_of_a_message_for_several_one_that_nobody_was_told_of_is_as_new_as_before(
    store: Store, clock: FakeClock
) -> None:
    for key in ("k", "l"):
        await store.put(a_state(key, "b1", to=grouped()), LEASES)
    clock.advance(30)
    (tried,) = await claim_all(store)
    members = tuple(MemberResult(member.row, member.token) for member in tried.members)
    await store.record(a_result(tried, State.PENDING, remembers=True, members=members))
    for key, listed in (("k", "b1"), ("l", "-b1")):
        await store.put(a_state(key, listed, score=90, to=grouped()), LEASES)
    clock.advance(300)
    (claim,) = await claim_all(store)
    (member,) = claim.members
    over = MemberResult(member.row, member.token, state=State.SUPERSEDED)
    now = snapshot("b1", score=90)
    await store.record(a_result(claim, told=(encode(now), digest_of(now)), remembers=True, members=(over,)))
    assert await state_of(store, claim.delivery_id) is State.DELIVERED
    assert await state_of(store, member.delivery_id) is State.SUPERSEDED
    again = await store.put(a_state("l", "b1", to=grouped(terms=ONLY_NEW)), LEASES)
    assert await words(store, again.alert_id) == {"a": "told"}
