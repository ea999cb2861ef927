"""The last gate: what an attempt is told of a request, and when it is made anew."""

from __future__ import annotations

import pytest

from gateway.domain.approval import DecisionRow, Ruling, Verdict
from gateway.domain.delivery import State
from gateway.ports import Store
from tests.queue.asking import HOUR_S, HOUR_US, PLAN, approves, ask, put, rejects, waiting
from tests.queue.store_world import LEASES, START_US, FakeClock, a_result, an_alert, claim_all, now, state_of


async def test_whatever_came_to_be_sent_is_asked_for_where_nobody_was(store: Store) -> None:
    """From before the route had APPROVAL: the last gate asks."""
    (claim,) = (await store.put(an_alert(now("a")), LEASES)).claims
    assert (await ask(store, claim.delivery_id)).verdict is Verdict.WAITING
    await store.record(a_result(claim, State.PARKED))
    assert await store.rule(approves(claim.delivery_id)) == (claim.delivery_id,)
    assert (await ask(store, claim.delivery_id, START_US + 9 * HOUR_US)).verdict is Verdict.APPROVED


async def test_what_was_approved_is_that_plan_alone(store: Store, clock: FakeClock) -> None:
    delivery = await put(store)
    await store.rule(approves(delivery, why="it is meant"))
    (claim,) = await claim_all(store)
    approved = await ask(store, delivery)
    assert (approved.verdict, approved.plan_id) == (Verdict.APPROVED, PLAN)
    clock.advance(10)
    row = await ask(store, delivery, clock.us + HOUR_US, plan_id="another")
    assert (row.verdict, row.plan_id, row.who, row.asked_us) == (Verdict.WAITING, "", "", clock.us)
    assert row.why == "asked again: what ann approved has changed since"
    assert await ask(store, delivery, clock.us + 9 * HOUR_US) == row
    await store.record(a_result(claim, State.PARKED))
    assert await waiting(store) == [delivery]
    assert await store.rule(approves(delivery)) == (delivery,)


async def test_an_approval_from_before_plans_had_ids_is_asked_for_again_and_kept(
    store: Store, clock: FakeClock
) -> None:
    delivery = await put(store)
    await store.rule(Ruling((delivery,), Verdict.APPROVED, "ann"))
    row = await ask(store, delivery)
    assert (row.verdict, row.who) == (Verdict.WAITING, "")
    assert row.why == "asked again: it was approved by an older version, which did not keep what exactly"
    assert await store.decisions(delivery) == (DecisionRow(clock.us, Verdict.APPROVED, "ann", "", ""),)


@pytest.mark.parametrize("verdict", [Verdict.REJECTED, Verdict.EXPIRED])
async def test_what_was_not_approved_and_is_sent_again_is_asked_for_again(
    store: Store, clock: FakeClock, verdict: Verdict
) -> None:
    delivery = await put(store)
    if verdict is Verdict.REJECTED:
        await store.rule(rejects(delivery))
    clock.advance(HOUR_S)
    await store.expire_approvals()
    assert await store.replay([delivery]) == (delivery,)
    (claim,) = await claim_all(store)
    row = await ask(store, delivery, clock.us + HOUR_US)
    assert (row.verdict, row.expires_us, row.who, row.asked_us) == (
        Verdict.WAITING,
        clock.us + HOUR_US,
        "",
        clock.us,
    )
    await store.record(a_result(claim, State.PARKED))
    assert await waiting(store) == [delivery]


async def test_a_newer_state_takes_the_place_of_a_request_of_the_last_gate(store: Store) -> None:
    (claim,) = (await store.put(an_alert(now("a"), key="k"), LEASES)).claims
    await ask(store, claim.delivery_id)
    await store.record(a_result(claim, State.PARKED))
    newer = await put(store, key="k")
    assert await waiting(store) == [newer]
    assert await state_of(store, claim.delivery_id) is State.SUPERSEDED


async def test_a_request_whose_time_is_over_is_made_anew_by_the_next_attempt(store: Store, clock: FakeClock) -> None:
    """Nobody could decide it any more, and the look that ends it comes later."""
    delivery = await put(store)
    await store.cancel([delivery])
    clock.advance(HOUR_S)
    await store.replay([delivery])
    (claim,) = await claim_all(store)
    row = await ask(store, delivery, clock.us + HOUR_US)
    assert (row.verdict, row.asked_us, row.expires_us) == (Verdict.WAITING, clock.us, clock.us + HOUR_US)
    await store.record(a_result(claim, State.PARKED))
    assert await store.expire_approvals() == ()
    assert await waiting(store) == [delivery]


async def test_a_request_that_ends_between_the_gate_and_the_parking_leaves_nothing_parked(
    store: Store, clock: FakeClock
) -> None:
    (claim,) = (await store.put(an_alert(now("a")), LEASES)).claims
    await ask(store, claim.delivery_id)
    clock.advance(HOUR_S)
    assert await store.expire_approvals() == ()
    await store.record(a_result(claim, State.PARKED))
    assert await store.expire_approvals() == (claim.delivery_id,)
    assert await state_of(store, claim.delivery_id) is State.CANCELLED


async def test_an_attempt_that_lost_its_lease_takes_no_decision_back(store: Store, clock: FakeClock) -> None:
    delivery = await put(store)
    await store.rule(approves(delivery))
    await claim_all(store)
    clock.advance(61)
    await store.expire_leases()
    (claim,) = await claim_all(store)
    await store.record(a_result(claim))
    assert (await ask(store, delivery, plan_id="another")).verdict is Verdict.WITHDRAWN
    row = await store.approval(delivery)
    assert row is not None
    assert (row.verdict, row.who, row.plan_id) == (Verdict.APPROVED, "ann", PLAN)


async def test_who_decided_is_kept_when_it_is_asked_for_again(store: Store, clock: FakeClock) -> None:
    delivery = await put(store)
    await store.rule(rejects(delivery))
    first_us = clock.us
    clock.advance(10)
    await store.replay([delivery])
    (claim,) = await claim_all(store)
    await ask(store, delivery, clock.us + HOUR_US)
    await store.record(a_result(claim, State.PARKED))
    await store.rule(approves(delivery, why="it is not"))
    await store.rule(rejects(delivery))
    assert await store.decisions(delivery) == (
        DecisionRow(first_us, Verdict.REJECTED, "bob", "not this one", ""),
        DecisionRow(clock.us, Verdict.APPROVED, "ann", "it is not", PLAN),
    )
    assert await store.decisions("x") == ()


async def test_that_nobody_decided_in_time_is_kept_too(store: Store, clock: FakeClock) -> None:
    delivery = await put(store)
    clock.advance(HOUR_S)
    await store.expire_approvals()
    assert await store.decisions(delivery) == (DecisionRow(clock.us, Verdict.EXPIRED, "", "", ""),)
