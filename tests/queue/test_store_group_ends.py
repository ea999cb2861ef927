"""How a message for a group ends: for all its members alike, tried again together, whole after a kill."""

from __future__ import annotations

import pytest

from gateway.domain.delivery import MemberResult, State
from gateway.domain.snapshot import digest_of, encode
from gateway.ports import Store
from tests.queue.incident_world import a_state, carried, end, enter, grouped, snapshot, states, told, words
from tests.queue.store_world import LEASE_US, LEASES, SECOND_US, Engine, FakeClock, a_result, claim_all


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
