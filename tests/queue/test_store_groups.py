"""Deliveries that wait: for others of their group, or for an hour."""

from __future__ import annotations

import asyncio

import pytest

from gateway.domain.delivery import MemberResult, NewDelivery, State, Stored
from gateway.domain.snapshot import digest_of, encode
from gateway.domain.telling import Decision, Word
from gateway.ports import Store
from tests.queue.incident_world import GROUPED, a_state, carried, end, enter, grouped, seen, snapshot, told, words
from tests.queue.store_world import (
    LEASE_US,
    LEASES,
    SECOND_US,
    Engine,
    FakeClock,
    a_result,
    ask,
    claim_all,
    state_of,
)

# A group waits 30 s for its first message, 300 s between messages, and is full with 3.


async def states(store: Store, names: list[str]) -> set[State]:
    return {await state_of(store, name) for name in names}


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


@pytest.mark.parametrize("state", [State.DELIVERED, State.DEAD, State.PARKED])
async def test_what_went_out_together_ends_together(store: Store, clock: FakeClock, state: State) -> None:
    names = await enter(store, "k", "l", "m")
    (claim,) = await claim_all(store)
    assert len(claim.members) == 2
    await end(store, claim, state)
    assert await states(store, names) == {state}
    for name in names:
        found = await store.delivery(name, stopped=())
        assert found is not None
        assert [attempt.detail["outcome"] for attempt in found[1]] == ["ok"]
    clock.advance(3600)
    assert await claim_all(store) == ()


@pytest.mark.parametrize(("state", "word"), [(State.DELIVERED, "unchanged"), (State.DEAD, "told")])
async def test_every_member_is_remembered_by_how_the_message_ended(store: Store, state: State, word: str) -> None:
    await enter(store, "k", "l", "m")
    await end(store, (await claim_all(store))[0], state)
    for key in "klm":
        stored = await store.put(a_state(key, "b", to=grouped()), LEASES)
        assert await words(store, stored.alert_id) == {"a": word}


async def test_a_group_is_tried_again_together(store: Store, clock: FakeClock) -> None:
    names = await enter(store, "k", "l", "m")
    for attempt in (1, 2, 3):
        (claim,) = await claim_all(store)
        assert sorted(carried(claim)) == sorted(names)
        assert claim.attempt == attempt
        await end(store, claim, State.PENDING, delay_s=10)
        assert await claim_all(store) == ()
        clock.advance(10)


async def test_one_retry_slot_is_enough_for_a_group(store: Store) -> None:
    await enter(store, "k", "l", "m")
    (claim,) = await claim_all(store)
    await end(store, claim, State.PENDING)
    (again,) = await claim_all(store, fresh=0, retries=1, limit=1)
    assert len(again.members) == 2
    assert await claim_all(store) == ()


async def test_newcomers_do_not_share_the_last_attempts_of_others(store: Store, clock: FakeClock) -> None:
    await enter(store, "k", "l", "m")
    await end(store, (await claim_all(store))[0], State.PENDING, delay_s=400)
    (new,) = await enter(store, "n")
    clock.advance(400)
    claims = await claim_all(store)
    assert sorted((claim.attempt, len(claim.members)) for claim in claims) == [(1, 0), (2, 2)]
    assert [carried(claim) for claim in claims if claim.attempt == 1] == [[new]]


async def test_newcomers_wait_for_one_another_also_while_others_are_tried_again(store: Store, clock: FakeClock) -> None:
    await enter(store, "k", "l", "m")
    await end(store, (await claim_all(store))[0], State.PENDING, delay_s=100)
    early = await enter(store, "n")
    clock.advance(100)
    await end(store, (await claim_all(store))[0], State.DELIVERED)
    late = await enter(store, "o")
    clock.advance(200)
    (claim,) = await claim_all(store)
    assert carried(claim) == [*early, *late], "one message, not two"


async def test_a_group_that_is_handed_back_goes_out_again_whole_and_uncharged(store: Store) -> None:
    names = await enter(store, "k", "l", "m")
    await store.release(await claim_all(store))
    assert await states(store, names) == {State.PENDING}
    (claim,) = await claim_all(store)
    assert sorted(carried(claim)) == sorted(names)
    assert claim.attempt == 1


async def test_a_group_whose_lease_ran_out_goes_out_again_whole(store: Store, clock: FakeClock) -> None:
    names = await enter(store, "k", "l", "m")
    (lost,) = await claim_all(store)
    clock.advance(LEASE_US / SECOND_US + 1)
    assert await store.expire_leases() == ("a",)
    (claim,) = await claim_all(store)
    assert sorted(carried(claim)) == sorted(names)
    members = tuple(MemberResult(member.row, member.token) for member in lost.members)
    assert not (await store.record(a_result(lost, State.DEAD, members=members))).applied
    assert await states(store, names) == {State.SENDING}, "the first message's end comes too late for all of them"


async def test_a_group_that_a_kill_broke_off_goes_out_again_whole(engine: Engine) -> None:
    store = await engine.open()
    names = await enter(store, "k", "l", "m")
    await claim_all(store)
    store = await engine.crash()
    (claim,) = await claim_all(store)
    assert sorted(carried(claim)) == sorted(names)
    assert claim.attempt == 2


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


async def test_decisions_made_before_and_in_the_store_are_kept_together(store: Store) -> None:
    alert = a_state("k", "b", to=told())._replace(decisions=(Decision("c", Word.COVERED, "a took it"),))
    stored = await store.put(alert, LEASES)
    assert await words(store, stored.alert_id) == {"c": "covered", "a": "told"}


async def test_what_a_receiver_gave_for_a_whole_group_is_no_reference_of_its_members(
    store: Store, clock: FakeClock
) -> None:
    await enter(store, "k")
    clock.advance(30)
    (alone,) = await claim_all(store)
    known = (encode(snapshot("b")), digest_of(snapshot("b")))
    result = a_result(alone, State.DELIVERED, told=known, remembers=True)
    await store.record(result._replace(record=result.record._replace(reference="thread of k")))
    for key in ("k", "l"):
        await store.put(a_state(key, "b", "c", to=grouped()), LEASES)
    clock.advance(300)
    (claim,) = await claim_all(store)
    known = (encode(snapshot("b", "c")), digest_of(snapshot("b", "c")))
    members = tuple(MemberResult(member.row, member.token, known) for member in claim.members)
    result = a_result(claim, State.DELIVERED, told=known, remembers=True, together=True, members=members)
    await store.record(result._replace(record=result.record._replace(reference="the digest")))
    stored = [await store.put(a_state(key, "b", to=told()), LEASES) for key in ("k", "l")]
    assert [claim.reference for one in stored for claim in one.claims] == ["thread of k", ""]
