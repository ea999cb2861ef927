from __future__ import annotations

import asyncio

from gateway.domain.delivery import NewDelivery, State
from gateway.domain.query import AlertSelection
from gateway.ports import Store
from tests.queue.store_world import (
    LEASE_US,
    LEASES,
    START_US,
    FakeClock,
    a_result,
    an_alert,
    claim_all,
    now,
    state_of,
)


async def test_an_alert_is_given_back_as_it_was_stored(store: Store) -> None:
    alert = an_alert("b", "a", body=b"\x00 any bytes \xff")
    stored = await store.put(alert, LEASES)
    found = await store.alert(stored.alert_id, stopped=())
    assert found is not None
    row, body, deliveries = found
    assert body == alert.body
    assert (row.source, row.key, row.alert_id, row.rule, row.score) == (
        "optix",
        alert.key,
        alert.alert_id,
        "AR-251",
        83,
    )
    assert (row.received_us, row.held, row.routes, row.body_size) == (START_US, None, ("b", "a"), len(alert.body))
    assert [delivery.route for delivery in deliveries] == ["a", "b"]


async def test_stored_names_the_routes_and_those_that_wait(store: Store) -> None:
    stored = await store.put(an_alert(now("a"), "b"), LEASES)
    assert stored.routes == ("a", "b")
    assert stored.waiting == ("b",)
    assert [claim.route for claim in stored.claims] == ["a"]


async def test_an_alert_that_no_route_takes_is_stored(store: Store) -> None:
    stored = await store.put(an_alert(), LEASES)
    assert stored.routes == ()
    assert await store.alert(stored.alert_id, stopped=()) is not None


async def test_an_exact_repeat_stores_nothing_and_answers_with_the_first_id(store: Store) -> None:
    alert = an_alert(now("a"))
    first = await store.put(alert, LEASES)
    again = await store.put(alert, LEASES)
    assert again.duplicate
    assert not first.duplicate
    assert (again.alert_id, again.routes, again.claims, again.waiting) == (first.alert_id, ("a",), (), ())
    assert len((await store.alerts(AlertSelection(), limit=10)).alerts) == 1


async def test_of_repeats_stored_at_once_one_is_the_first(store: Store) -> None:
    alert = an_alert(now("a"))
    answers = await asyncio.gather(*(store.put(alert, LEASES) for _ in range(40)))
    assert sum(not answer.duplicate for answer in answers) == 1
    assert sum(len(answer.claims) for answer in answers) == 1
    assert len({answer.alert_id for answer in answers}) == 1


async def test_a_repeat_of_a_held_alert_reads_as_held(store: Store) -> None:
    alert = an_alert(held="no alertId")
    await store.put(alert, LEASES)
    again = await store.put(alert, LEASES)
    assert again.held
    assert again.duplicate


async def test_a_delivery_handed_out_with_its_alert_is_a_whole_claim(store: Store, clock: FakeClock) -> None:
    alert = an_alert(now("a"))
    stored = await store.put(alert, LEASES)
    (claim,) = stored.claims
    assert claim.body is alert.body
    assert (claim.attempt, claim.try_number, claim.source) == (1, 1, "optix")
    assert claim.due_us == claim.claimed_us == claim.first_us == clock.us
    assert claim.delivery_id == f"{stored.alert_id}.a"
    assert await state_of(store, claim.delivery_id) is State.SENDING
    assert await claim_all(store) == ()


async def test_a_route_without_a_lease_gets_nothing_handed_out(store: Store) -> None:
    stored = await store.put(an_alert(now("unknown")), LEASES)
    assert stored.claims == ()
    assert stored.waiting == ("unknown",)


async def test_nothing_is_handed_out_while_an_older_state_of_the_incident_is_unfinished(store: Store) -> None:
    first = await store.put(an_alert(now("a"), key="k"), LEASES)
    second = await store.put(an_alert(now("a"), now("b"), key="k"), LEASES)
    assert [claim.route for claim in second.claims] == ["b"]
    assert second.waiting == ()
    assert await claim_all(store) == ()
    recorded = await store.record(a_result(first.claims[0]))
    assert recorded.promoted
    assert [claim.alert_id for claim in await claim_all(store)] == [second.alert_id]


async def test_states_of_one_incident_stored_at_once_keep_their_order(store: Store) -> None:
    answers = await asyncio.gather(*(store.put(an_alert(now("a"), key="k"), LEASES) for _ in range(20)))
    claims = [claim for answer in answers for claim in answer.claims]
    delivered = []
    while claims:
        (claim,) = claims
        delivered.append(claim.alert_id)
        await store.record(a_result(claim))
        claims = list(await claim_all(store))
    assert delivered == [answer.alert_id for answer in answers]


async def test_alerts_without_an_incident_do_not_wait_for_each_other(store: Store) -> None:
    await store.put(an_alert(now("a"), key=""), LEASES)
    second = await store.put(an_alert(now("a"), key=""), LEASES)
    assert len(second.claims) == 1


async def test_a_newer_state_takes_the_place_of_those_that_wait(store: Store) -> None:
    first = await store.put(an_alert("a", key="k"), LEASES)
    second = await store.put(an_alert(now("a", supersede=True), key="k"), LEASES)
    assert [claim.alert_id for claim in second.claims] == [second.alert_id]
    found = await store.delivery(f"{first.alert_id}.a", stopped=())
    assert found is not None
    assert found[0].state is State.SUPERSEDED
    assert found[0].reason == "a newer state of this alert took its place"
    assert found[0].finished_us is not None


async def test_a_newer_state_takes_the_place_of_one_that_waits_for_its_retry(store: Store) -> None:
    first = await store.put(an_alert(now("a"), key="k"), LEASES)
    await store.record(a_result(first.claims[0], State.PENDING, delay_s=3600))
    second = await store.put(an_alert(now("a", supersede=True), key="k"), LEASES)
    assert len(second.claims) == 1
    assert await state_of(store, f"{first.alert_id}.a") is State.SUPERSEDED


async def test_a_newer_state_waits_behind_one_that_is_being_sent(store: Store) -> None:
    first = await store.put(an_alert(now("a"), key="k"), LEASES)
    second = await store.put(an_alert("a", key="k"), LEASES)
    third = await store.put(an_alert(now("a", supersede=True), key="k"), LEASES)
    assert third.claims == ()
    assert await state_of(store, f"{first.alert_id}.a") is State.SENDING
    assert await state_of(store, f"{second.alert_id}.a") is State.SUPERSEDED
    assert (await store.record(a_result(first.claims[0]))).promoted
    assert [claim.alert_id for claim in await claim_all(store)] == [third.alert_id]


async def test_one_that_fails_gives_way_to_a_newer_state_that_waits_behind_it(store: Store) -> None:
    first = await store.put(an_alert(now("a"), key="k"), LEASES)
    second = await store.put(an_alert(now("a", supersede=True), key="k"), LEASES)
    recorded = await store.record(a_result(first.claims[0], State.PENDING, delay_s=3600))
    assert recorded.promoted
    assert await state_of(store, f"{first.alert_id}.a") is State.SUPERSEDED
    assert [claim.alert_id for claim in await claim_all(store)] == [second.alert_id]


async def test_superseding_touches_one_incident_on_one_route_only(store: Store) -> None:
    other = await store.put(an_alert("a", "b", key="other"), LEASES)
    same = await store.put(an_alert("b", key="k"), LEASES)
    await store.put(an_alert(NewDelivery("a", supersede=True), key="k"), LEASES)
    for delivery_id in (f"{other.alert_id}.a", f"{other.alert_id}.b", f"{same.alert_id}.b"):
        assert await state_of(store, delivery_id) is State.PENDING


async def test_text_that_utf8_cannot_carry_is_stored_all_the_same(store: Store) -> None:
    stored = await store.put(an_alert("a", summary="half \ud83d", environment="nul \x00"), LEASES)
    found = await store.alert(stored.alert_id, stopped=())
    assert found is not None
    assert found[0].summary == "half ?"


async def test_a_search_column_holds_the_beginning_of_a_long_text(store: Store) -> None:
    stored = await store.put(an_alert(summary="x" * 5000), LEASES)
    found = await store.alert(stored.alert_id, stopped=())
    assert found is not None
    assert found[0].summary == "x" * 1000


async def test_a_bad_alert_fails_alone(store: Store) -> None:
    twice = an_alert("a", "a")
    answers = await asyncio.gather(
        store.put(an_alert("a"), LEASES),
        store.put(twice, LEASES),
        store.put(an_alert("a"), LEASES),
        return_exceptions=True,
    )
    assert [isinstance(answer, Exception) for answer in answers] == [False, True, False]
    assert len(await claim_all(store)) == 2


async def test_a_caller_that_goes_away_does_not_undo_an_admitted_alert(store: Store) -> None:
    putting = asyncio.ensure_future(store.put(an_alert("a"), LEASES))
    await asyncio.sleep(0)
    putting.cancel()
    await asyncio.gather(putting, return_exceptions=True)
    for _ in range(2):  # the second is not in the same transaction
        await store.put(an_alert("b"), LEASES)
    assert len(await claim_all(store)) == 1


async def test_ids_are_short_words_that_fit_a_path(store: Store) -> None:
    stored = await store.put(an_alert(now("a")), {"a": LEASE_US})
    assert stored.alert_id.replace("-", "").isalnum()
    assert stored.alert_id.lower() == stored.alert_id
    assert len(stored.alert_id) < 30
