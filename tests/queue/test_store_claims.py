from __future__ import annotations

import pytest

from gateway.domain.delivery import NewDelivery, State
from gateway.ports import Store
from tests.queue.store_world import (
    LEASES,
    SECOND_US,
    FakeClock,
    a_result,
    a_retry,
    an_alert,
    ask,
    claim_all,
    now,
)


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
    await a_retry(store, delay_s=30)
    claims = await ask(store, fresh=9, retries=9)
    assert (claims.claims, claims.more, claims.next_us) == ((), False, 30 * SECOND_US)
    clock.advance(30)
    (claim,) = await claim_all(store)
    assert (claim.attempt, claim.try_number) == (2, 2)
    assert claim.first_us == clock.us - 30 * SECOND_US


async def test_fresh_ones_and_retries_have_slots_of_their_own(store: Store) -> None:
    retry = await a_retry(store, delay_s=0)
    await store.put(an_alert("a"), LEASES)
    claims = await ask(store, fresh=0, retries=5)
    assert [claim.delivery_id for claim in claims.claims] == [retry]
    assert claims.more
    assert claims.next_us is None


async def test_more_is_true_when_a_due_retry_was_not_asked_for(store: Store) -> None:
    await a_retry(store, delay_s=0)
    claims = await ask(store, fresh=1, retries=0)
    assert (claims.claims, claims.more, claims.next_us) == ((), True, 0)


@pytest.mark.parametrize(("retries_first", "wanted"), [(False, ["fresh", "fresh"]), (True, ["retry", "fresh"])])
async def test_when_the_limit_bites_one_kind_yields(store: Store, retries_first: bool, wanted: list[str]) -> None:  # noqa: FBT001 - a table
    retry = await a_retry(store, delay_s=0)
    for _ in range(2):
        await store.put(an_alert("a"), LEASES)
    claims = await ask(store, limit=2, retries_first=retries_first)
    assert ["retry" if claim.delivery_id == retry else "fresh" for claim in claims.claims] == wanted
    assert claims.more
    rest = await ask(store, limit=2, retries_first=retries_first)
    assert len(rest.claims) == 1
    assert not rest.more


async def test_the_longest_due_retry_goes_first(store: Store, clock: FakeClock) -> None:
    late, soon = await a_retry(store, delay_s=20), await a_retry(store, delay_s=10)
    clock.advance(30)
    assert [claim.delivery_id for claim in await claim_all(store)] == [soon, late]


async def test_a_probe_may_take_a_retry_before_it_is_due(store: Store) -> None:
    first = await a_retry(store, delay_s=10)
    await a_retry(store, delay_s=20)
    claims = await ask(store, limit=1, early=True)
    assert [claim.delivery_id for claim in claims.claims] == [first]
    assert not claims.more
    assert claims.next_us == 20 * SECOND_US


async def test_hastened_retries_are_due_now(store: Store) -> None:
    ids = [await a_retry(store, delay_s=delay_s) for delay_s in (0, 10, 20)]
    assert await store.hasten("a") == 2
    assert await store.hasten("a") == 0
    assert await store.hasten("b") == 0
    assert sorted(claim.delivery_id for claim in await claim_all(store)) == sorted(ids)


async def test_a_retrying_head_holds_its_successors(store: Store, clock: FakeClock) -> None:
    first = await a_retry(store, delay_s=30, key="k")
    await store.put(an_alert("a", key="k"), LEASES)
    assert await claim_all(store) == ()
    clock.advance(30)
    assert [claim.delivery_id for claim in await claim_all(store)] == [first]


async def test_next_due_says_when_the_first_delivery_of_a_route_is_due(store: Store, clock: FakeClock) -> None:
    await a_retry(store, delay_s=30)
    await a_retry(store, delay_s=20)
    await store.put(an_alert("b"), LEASES)
    assert await store.next_due(["a", "b", "c"]) == {"a": 20 * SECOND_US, "b": 0}
    clock.advance(25)
    assert await store.next_due(["a"]) == {"a": 0}


async def test_oldest_due_tells_how_long_a_route_is_behind(store: Store, clock: FakeClock) -> None:
    await store.put(an_alert("b"), LEASES)
    await a_retry(store, delay_s=10)
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
