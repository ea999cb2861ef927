from __future__ import annotations

import pytest

from gateway.domain.delivery import NewDelivery, Recorded, State
from gateway.ports import Store
from tests.queue.store_world import (
    LEASES,
    SECOND_US,
    Engine,
    FakeClock,
    a_result,
    an_alert,
    ask,
    claim_all,
    now,
    state_of,
)


async def _retry(store: Store, *, delay_s: float, key: str | None = None) -> str:
    """A delivery of route a that failed once and waits; its id."""
    (claim,) = (await store.put(an_alert(now("a"), key=key), LEASES)).claims
    await store.record(a_result(claim, State.PENDING, delay_s=delay_s))
    return claim.delivery_id


async def test_fresh_deliveries_are_handed_out_oldest_first(store: Store) -> None:
    put = [await store.put(an_alert("a"), LEASES) for _ in range(5)]
    claims = await ask(store, fresh=3, retries=0)
    assert [claim.alert_id for claim in claims.claims] == [stored.alert_id for stored in put[:3]]
    assert claims.more
    assert not (await ask(store, fresh=2, retries=0)).more


async def test_a_claim_carries_what_an_attempt_needs(store: Store, clock: FakeClock) -> None:
    alert = an_alert("a")
    stored = await store.put(alert, LEASES)
    clock.advance(5)
    (claim,) = await claim_all(store)
    assert (claim.body, claim.source, claim.route) == (alert.body, "optix", "a")
    assert (claim.alert_id, claim.delivery_id) == (stored.alert_id, f"{stored.alert_id}.a")
    assert (claim.received_us, claim.due_us) == (alert.received_us, clock.us - 5 * SECOND_US)
    assert claim.claimed_us == claim.first_us == clock.us
    assert (claim.attempt, claim.try_number, claim.shrink, claim.progress) == (1, 1, False, "")


async def test_a_claim_is_of_one_route(store: Store) -> None:
    await store.put(an_alert("b"), LEASES)
    assert await claim_all(store, "a") == ()


async def test_retries_are_handed_out_when_they_are_due_and_not_before(store: Store, clock: FakeClock) -> None:
    await _retry(store, delay_s=30)
    claims = await ask(store, fresh=9, retries=9)
    assert (claims.claims, claims.more, claims.next_us) == ((), False, 30 * SECOND_US)
    clock.advance(30)
    (claim,) = await claim_all(store)
    assert (claim.attempt, claim.try_number) == (2, 2)
    assert claim.first_us == clock.us - 30 * SECOND_US


async def test_fresh_ones_and_retries_have_slots_of_their_own(store: Store) -> None:
    retry = await _retry(store, delay_s=0)
    await store.put(an_alert("a"), LEASES)
    claims = await ask(store, fresh=0, retries=5)
    assert [claim.delivery_id for claim in claims.claims] == [retry]
    assert claims.more
    assert claims.next_us is None


async def test_more_is_true_when_a_due_retry_was_not_asked_for(store: Store) -> None:
    await _retry(store, delay_s=0)
    claims = await ask(store, fresh=1, retries=0)
    assert (claims.claims, claims.more, claims.next_us) == ((), True, 0)


@pytest.mark.parametrize(("retries_first", "wanted"), [(False, ["fresh", "fresh"]), (True, ["retry", "fresh"])])
async def test_when_the_limit_bites_one_kind_yields(store: Store, retries_first: bool, wanted: list[str]) -> None:  # noqa: FBT001 - a table
    retry = await _retry(store, delay_s=0)
    for _ in range(2):
        await store.put(an_alert("a"), LEASES)
    claims = await ask(store, limit=2, retries_first=retries_first)
    assert ["retry" if claim.delivery_id == retry else "fresh" for claim in claims.claims] == wanted
    assert claims.more
    rest = await ask(store, limit=2, retries_first=retries_first)
    assert len(rest.claims) == 1
    assert not rest.more


async def test_the_longest_due_retry_goes_first(store: Store, clock: FakeClock) -> None:
    late, soon = await _retry(store, delay_s=20), await _retry(store, delay_s=10)
    clock.advance(30)
    assert [claim.delivery_id for claim in await claim_all(store)] == [soon, late]


async def test_a_probe_may_take_a_retry_before_it_is_due(store: Store) -> None:
    first = await _retry(store, delay_s=10)
    await _retry(store, delay_s=20)
    claims = await ask(store, limit=1, early=True)
    assert [claim.delivery_id for claim in claims.claims] == [first]
    assert not claims.more
    assert claims.next_us == 20 * SECOND_US


async def test_hastened_retries_are_due_now(store: Store) -> None:
    ids = [await _retry(store, delay_s=delay_s) for delay_s in (0, 10, 20)]
    assert await store.hasten("a") == 2
    assert await store.hasten("a") == 0
    assert await store.hasten("b") == 0
    assert sorted(claim.delivery_id for claim in await claim_all(store)) == sorted(ids)


async def test_a_retrying_head_holds_its_successors(store: Store, clock: FakeClock) -> None:
    first = await _retry(store, delay_s=30, key="k")
    await store.put(an_alert("a", key="k"), LEASES)
    assert await claim_all(store) == ()
    clock.advance(30)
    assert [claim.delivery_id for claim in await claim_all(store)] == [first]


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
    await _retry(store, delay_s=30)
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


async def test_next_due_says_when_the_first_delivery_of_a_route_is_due(store: Store, clock: FakeClock) -> None:
    await _retry(store, delay_s=30)
    await _retry(store, delay_s=20)
    await store.put(an_alert("b"), LEASES)
    assert await store.next_due(["a", "b", "c"]) == {"a": 20 * SECOND_US, "b": 0}
    clock.advance(25)
    assert await store.next_due(["a"]) == {"a": 0}


async def test_oldest_due_tells_how_long_a_route_is_behind(store: Store, clock: FakeClock) -> None:
    await store.put(an_alert("b"), LEASES)
    await _retry(store, delay_s=10)
    clock.advance(5)
    assert await store.oldest_due_us(["a", "b"]) == {"b": 5 * SECOND_US}
    clock.advance(6)
    assert await store.oldest_due_us(["a", "b"]) == {"a": SECOND_US, "b": 11 * SECOND_US}


async def test_waiting_routes_are_those_with_something_unfinished(store: Store) -> None:
    await store.put(an_alert("pending", NewDelivery("a", claim=True), NewDelivery("b", claim=True), "parked"), LEASES)
    done = await store.put(an_alert(now("a")), LEASES)
    (parked,) = await claim_all(store, "parked")
    await store.record(a_result(parked, State.PARKED))
    (sent,) = done.claims
    await store.record(a_result(sent))
    assert await store.waiting_routes() == ("a", "b", "parked", "pending")


async def test_fresh_deliveries_go_out_after_the_clock_was_set_back(store: Store, clock: FakeClock) -> None:
    await store.put(an_alert("a"), LEASES)
    clock.advance(-86_400)
    assert await store.next_due(["a"]) == {"a": 0}
    assert len(await claim_all(store)) == 1


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
