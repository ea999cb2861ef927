from __future__ import annotations

import pytest

from gateway.domain.delivery import Recorded, State
from gateway.ports import Store
from tests.queue.store_world import (
    LEASES,
    SECOND_US,
    Engine,
    FakeClock,
    a_result,
    a_retry,
    an_alert,
    claim_all,
    now,
    state_of,
)


@pytest.mark.parametrize("state", [State.DELIVERED, State.DEAD, State.PARKED, State.SUPERSEDED, State.CANCELLED])
async def test_one_that_is_over_or_parked_makes_room_for_the_next_oldest(store: Store, state: State) -> None:
    (claim,) = (await store.put(an_alert(now("a"), key="k"), LEASES)).claims
    second = await store.put(an_alert("a", key="k"), LEASES)
    await store.put(an_alert("a", key="k"), LEASES)
    assert await store.record(a_result(claim, state)) == Recorded(applied=True, promoted=True)
    assert await state_of(store, claim.delivery_id) is state
    assert [each.alert_id for each in await claim_all(store)] == [second.alert_id]


async def test_nothing_is_promoted_when_nothing_waits(store: Store) -> None:
    (claim,) = (await store.put(an_alert(now("a")), LEASES)).claims
    assert await store.record(a_result(claim)) == Recorded(applied=True, promoted=False)


async def test_a_result_is_written_once(store: Store) -> None:
    (claim,) = (await store.put(an_alert(now("a")), LEASES)).claims
    await store.record(a_result(claim))
    assert await store.record(a_result(claim, State.DEAD)) == Recorded(applied=False)
    found = await store.delivery(claim.delivery_id, stopped=())
    assert found is not None
    assert found[0].state is State.DELIVERED
    assert len(found[1]) == 1


async def test_a_result_under_an_old_token_changes_nothing(store: Store, clock: FakeClock) -> None:
    (lost,) = (await store.put(an_alert(now("a")), LEASES)).claims
    clock.advance(61)
    assert await store.expire_leases() == ("a",)
    (claim,) = await claim_all(store)
    assert not (await store.record(a_result(lost))).applied
    assert await state_of(store, claim.delivery_id) is State.SENDING
    assert (await store.record(a_result(claim))).applied


async def test_an_attempt_is_kept_as_it_was_recorded(store: Store) -> None:
    (claim,) = (await store.put(an_alert(now("a")), LEASES)).claims
    await store.record(a_result(claim))
    found = await store.delivery(claim.delivery_id, stopped=())
    assert found is not None
    row, (attempt,) = found
    assert (row.attempts, row.reason, row.due_us) == (1, "200 OK", None)
    assert row.finished_us is not None
    assert attempt.number == 1
    assert attempt.detail == {
        "due_us": claim.due_us,
        "claimed_us": claim.claimed_us,
        "started_us": claim.claimed_us + 1,
        "ended_us": claim.claimed_us + 2,
        "outcome": "ok",
        "reason": "200 OK",
        "status": 200,
        "hint_s": None,
        "headers": {"content-type": "text/plain"},
        "excerpt": "thanks",
        "reference": "",
        "revision": "r1",
    }


async def test_an_attempt_that_is_not_charged_does_not_count(store: Store, clock: FakeClock) -> None:
    (claim,) = (await store.put(an_alert(now("a")), LEASES)).claims
    await store.record(a_result(claim, State.PENDING, delay_s=10, charged=False))
    assert await claim_all(store) == ()
    clock.advance(10)
    (again,) = await claim_all(store)
    assert (again.attempt, again.try_number) == (1, 2)


async def test_shrink_and_progress_come_back_with_the_next_attempt(store: Store) -> None:
    (claim,) = (await store.put(an_alert(now("a")), LEASES)).claims
    await store.record(a_result(claim, State.PENDING, shrink=True, progress="first recipient served"))
    (again,) = await claim_all(store)
    assert (again.shrink, again.progress) == (True, "first recipient served")


async def test_the_oldest_attempts_of_a_delivery_that_is_probed_for_ever_are_forgotten(store: Store) -> None:
    claims = (await store.put(an_alert(now("a")), LEASES)).claims
    for _ in range(105):
        await store.record(a_result(claims[0], State.PENDING, charged=False))
        claims = await claim_all(store)
    found = await store.delivery(claims[0].delivery_id, stopped=())
    assert found is not None
    assert [attempt.number for attempt in found[1]] == list(range(6, 106))


async def test_released_deliveries_are_pending_again_at_once_and_not_charged(store: Store, clock: FakeClock) -> None:
    await store.put(an_alert("a"), LEASES)
    claims = await claim_all(store)
    await store.release(claims)
    clock.advance(1)
    (again,) = await claim_all(store)
    assert (again.attempt, again.try_number, again.first_us) == (1, 2, clock.us)
    found = await store.delivery(again.delivery_id, stopped=())
    assert found is not None
    assert found[1] == ()


async def test_a_released_retry_is_due_at_once(store: Store, clock: FakeClock) -> None:
    await a_retry(store, delay_s=30)
    clock.advance(30)
    first_us = clock.us - 30 * SECOND_US
    claims = await claim_all(store)
    await store.release(claims)
    assert await store.next_due(["a"]) == {"a": 0}
    (again,) = await claim_all(store)
    assert (again.attempt, again.first_us) == (2, first_us)


async def test_releasing_what_was_lost_changes_nothing(store: Store) -> None:
    (claim,) = (await store.put(an_alert(now("a")), LEASES)).claims
    await store.record(a_result(claim))
    await store.release([claim])
    assert await state_of(store, claim.delivery_id) is State.DELIVERED


async def test_leases_that_ran_out_are_taken_back_charged_and_recorded(store: Store, clock: FakeClock) -> None:
    (claim,) = (await store.put(an_alert(now("a")), LEASES)).claims
    clock.advance(60)
    assert await store.expire_leases() == ()
    clock.advance(1)
    assert await store.expire_leases() == ("a",)
    (again,) = await claim_all(store)
    assert (again.attempt, again.try_number, again.first_us) == (2, 2, claim.first_us)
    found = await store.delivery(claim.delivery_id, stopped=())
    assert found is not None
    assert [attempt.detail["outcome"] for attempt in found[1]] == ["interrupted"]


async def test_what_a_killed_process_was_sending_is_due_again_and_charged(engine: Engine) -> None:
    store = await engine.open()
    (claim,) = (await store.put(an_alert(now("a")), LEASES)).claims
    store = await engine.crash()
    (again,) = await claim_all(store)
    assert (again.delivery_id, again.attempt, again.try_number) == (claim.delivery_id, 2, 2)
    assert not (await store.record(a_result(claim))).applied
    found = await store.delivery(claim.delivery_id, stopped=())
    assert found is not None
    assert [attempt.detail["outcome"] for attempt in found[1]] == ["interrupted"]


async def test_everything_outlives_a_kill(engine: Engine) -> None:
    store = await engine.open()
    (done,) = (await store.put(an_alert(now("a")), LEASES)).claims
    await store.record(a_result(done))
    waiting = await store.put(an_alert("b"), LEASES)
    store = await engine.crash()
    assert await state_of(store, done.delivery_id) is State.DELIVERED
    assert await state_of(store, f"{waiting.alert_id}.b") is State.PENDING
    later = await store.put(an_alert("b"), LEASES)
    assert later.alert_id != waiting.alert_id
    assert later.alert_id.split("-")[0] == waiting.alert_id.split("-")[0]
