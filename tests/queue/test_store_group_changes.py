"""Members of a group that change, are cancelled or replayed before or while it is told."""

from __future__ import annotations

from gateway.domain.delivery import State, Stored
from gateway.domain.snapshot import digest_of, encode
from gateway.ports import Store
from tests.queue.incident_world import a_state, carried, end, enter, grouped, seen, snapshot, told, words
from tests.queue.store_world import LEASES, SECOND_US, FakeClock, a_result, claim_all, state_of


async def test_a_superseded_member_is_not_told_and_its_successor_is(store: Store, clock: FakeClock) -> None:
    old, other = await enter(store, "k", "l")
    stored = await store.put(a_state("k", "b", "c", to=grouped()), LEASES)
    assert stored.waiting == (), "two wait, the third gave way: the group is not full"
    clock.advance(30)
    (claim,) = await claim_all(store)
    assert sorted(carried(claim)) == sorted([other, f"{stored.alert_id}.a"])
    assert await state_of(store, old) is State.SUPERSEDED


async def test_an_incident_that_goes_on_changing_is_told_when_its_first_change_has_waited(
    store: Store, clock: FakeClock
) -> None:
    every: list[Stored] = []
    for number in range(4):
        every.append(await store.put(a_state("k", *"bcdef"[: number + 1], to=grouped()), LEASES))
        assert every[-1].later == (("a", (30 - 9 * number) * SECOND_US),)
        clock.advance(9)
    assert [claim.alert_id for claim in await claim_all(store)] == [every[-1].alert_id]


async def test_the_wait_that_is_taken_over_ends_no_earlier_than_the_interval_of_another_group(
    store: Store, clock: FakeClock
) -> None:
    await enter(store, "l", to=grouped(group="h"))
    clock.advance(30)
    await end(store, (await claim_all(store))[0], State.DELIVERED)
    await enter(store, "k")
    moved = await store.put(a_state("k", "b", "c", to=grouped(group="h")), LEASES)
    assert moved.later == (("a", 300 * SECOND_US),)


async def test_where_all_states_are_wanted_the_interval_holds_between_those_of_one_incident(
    store: Store, clock: FakeClock
) -> None:
    every = [await store.put(a_state("k", *listed, to=grouped(supersede=False)), LEASES) for listed in ("b", "bc", "c")]
    for number, stored in enumerate(every):
        clock.advance(300 if number else 30)
        (claim,) = await claim_all(store, group_interval_us=300 * SECOND_US)
        assert (claim.alert_id, claim.members) == (stored.alert_id, ())
        await end(store, claim, State.DELIVERED)
        assert await claim_all(store, group_interval_us=300 * SECOND_US) == (), "not before the interval is over"


async def test_later_states_of_one_incident_do_not_fill_a_group(store: Store) -> None:
    for listed in ("b", "bc", "c", "cd"):
        stored = await store.put(a_state("k", *listed, to=grouped(supersede=False)), LEASES)
        assert stored.waiting == ()


async def test_a_change_that_is_undone_before_it_was_told_is_not_told(store: Store, clock: FakeClock) -> None:
    await enter(store, "k")
    clock.advance(30)
    await end(store, (await claim_all(store))[0], State.DELIVERED)
    changed = await store.put(a_state("k", "b", "c", to=grouped()), LEASES)
    undone = await store.put(a_state("k", "b", to=grouped()), LEASES)
    assert (undone.routes, await words(store, undone.alert_id)) == ((), {"a": "unchanged"})
    assert await state_of(store, f"{changed.alert_id}.a") is State.SUPERSEDED
    clock.advance(300)
    assert await claim_all(store) == ()
    again = await store.put(a_state("k", "b", "c", to=grouped()), LEASES)
    assert again.routes == ("a",)


async def test_a_change_that_is_undone_while_it_is_told_is_told_back(store: Store) -> None:
    (first,) = (await store.put(a_state("k", "b", to=told()), LEASES)).claims
    await end(store, first, State.DELIVERED)
    (second,) = (await store.put(a_state("k", "b", "c", to=told()), LEASES)).claims
    undone = await store.put(a_state("k", "b", to=told()), LEASES)
    assert undone.routes == ("a",)
    known = (encode(snapshot("b", "c")), digest_of(snapshot("b", "c")))
    await store.record(a_result(second, told=known, remembers=True))
    (third,) = await claim_all(store)
    assert seen(third.before) == snapshot("b", "c")


async def test_a_cancelled_member_is_not_told_and_takes_no_place(store: Store, clock: FakeClock) -> None:
    gone, other = await enter(store, "k", "l")
    await store.cancel([gone])
    stored = await store.put(a_state("m", "b", to=grouped()), LEASES)
    assert stored.waiting == ()
    clock.advance(30)
    (claim,) = await claim_all(store)
    assert sorted(carried(claim)) == sorted([other, f"{stored.alert_id}.a"])


async def test_a_group_of_which_all_were_cancelled_waits_anew(store: Store, clock: FakeClock) -> None:
    await store.cancel(await enter(store, "k"))
    clock.advance(3600)
    stored = await store.put(a_state("l", "b", to=grouped()), LEASES)
    assert stored.later == (("a", 30 * SECOND_US),)


async def test_a_state_that_came_while_its_group_was_sent_gets_its_turn(store: Store, clock: FakeClock) -> None:
    names = await enter(store, "k", "l", "m")
    (claim,) = await claim_all(store)
    next_ = await store.put(a_state("l", "b", "c", to=grouped()), LEASES)
    assert claim.delivery_id == names[0], "a member's successor"
    assert (next_.waiting, next_.later) == ((), ()), "its elder is under way"
    assert await end(store, claim, State.DELIVERED), "somebody must look when it is due"
    assert await store.next_due(["a"]) == {"a": 300 * SECOND_US}
    clock.advance(300)
    (again,) = await claim_all(store)
    assert carried(again) == [f"{next_.alert_id}.a"]
    assert seen(again.before) == snapshot("b")


async def test_a_replayed_member_goes_out_by_itself(store: Store, clock: FakeClock) -> None:
    names = await enter(store, "k", "l", "m")
    await end(store, (await claim_all(store))[0], State.DELIVERED)
    await store.replay([names[1]])
    assert [carried(claim) for claim in await claim_all(store)] == [[names[1]]]
    clock.advance(3600)
    assert await claim_all(store) == ()
