"""Deliveries that a person has to approve: what holds them, and what becomes of them."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.domain.approval import Verdict
from gateway.domain.delivery import NewDelivery, State
from gateway.ports import Store
from tests.queue.asking import HOUR_S, HOUR_US, PLAN, approves, asked, put, rejects, waiting
from tests.queue.incident_world import TOLD_CHANGES, a_state
from tests.queue.store_world import LEASES, START_US, FakeClock, a_result, an_alert, claim_all, now, state_of


async def test_what_waits_for_approval_is_parked_and_handed_out_to_nobody(store: Store) -> None:
    delivery = await put(store)
    assert await state_of(store, delivery) is State.PARKED
    assert await claim_all(store) == ()
    (row,) = await store.approvals()
    assert (row.delivery, row.verdict, row.expires_us) == (delivery, Verdict.WAITING, START_US + HOUR_US)


async def test_what_is_approved_goes_out_once(store: Store, clock: FakeClock) -> None:
    delivery = await put(store)
    clock.advance(10)
    assert await store.rule(approves(delivery, why="it must not be public")) == (delivery,)
    assert await store.rule(approves(delivery, who="bob")) == ()
    (claim,) = await claim_all(store)
    assert claim.delivery_id == delivery
    row = await store.approval(delivery)
    assert row is not None
    assert (row.verdict, row.who, row.why, row.decided_us) == (
        Verdict.APPROVED,
        "ann",
        "it must not be public",
        clock.us,
    )
    await store.record(a_result(claim))
    assert await store.rule(approves(delivery)) == ()
    assert await claim_all(store) == ()


async def test_what_is_rejected_ends_and_stays_so(store: Store) -> None:
    delivery = await put(store)
    assert await store.rule(rejects(delivery)) == (delivery,)
    assert await store.rule(approves(delivery)) == ()
    assert await state_of(store, delivery) is State.CANCELLED
    found = await store.delivery(delivery, stopped=())
    assert found is not None
    assert found[0].reason == "rejected by bob: not this one"


async def test_nobody_can_approve_after_the_time_is_over(store: Store, clock: FakeClock) -> None:
    delivery = await put(store)
    assert await store.expire_approvals() == ()
    clock.advance(HOUR_S)
    assert await store.rule(approves(delivery)) == ()
    assert await store.expire_approvals() == (delivery,)
    assert await store.expire_approvals() == ()
    assert await state_of(store, delivery) is State.CANCELLED
    assert await waiting(store) == []


async def test_what_expired_is_asked_for_anew_and_what_was_rejected_is_not(store: Store, clock: FakeClock) -> None:
    """An unchanged alert comes again every hour: a person's no is not asked for again each time."""
    first = await store.put(a_state("k", "bucket", to=(asked(terms=TOLD_CHANGES),)), LEASES)
    again = await store.put(a_state("k", "bucket", to=(asked(terms=TOLD_CHANGES),)), LEASES)
    assert (first.routes, again.routes) == (("a",), ())
    clock.advance(HOUR_S)
    await store.expire_approvals()
    (anew,) = (await store.put(a_state("k", "bucket", to=(asked(lasts_us=2 * HOUR_US, terms=TOLD_CHANGES),)), LEASES),)
    assert anew.routes == ("a",)
    assert await store.rule(rejects(f"{anew.alert_id}.a"))
    after = await store.put(a_state("k", "bucket", to=(asked(lasts_us=2 * HOUR_US, terms=TOLD_CHANGES),)), LEASES)
    assert after.routes == ()


async def test_a_newer_state_takes_the_place_of_a_request(store: Store) -> None:
    older, newer = await put(store, key="k"), await put(store, key="k")
    assert await waiting(store) == [newer]
    assert await store.rule(approves(older)) == ()
    assert await state_of(store, older) is State.SUPERSEDED
    row = await store.approval(older)
    assert row is not None
    assert row.verdict is Verdict.WITHDRAWN


async def test_a_request_is_over_when_the_incident_closes(store: Store) -> None:
    await store.put(a_state("k", "bucket", to=(asked(terms=TOLD_CHANGES),)), LEASES)
    closed = await store.put(a_state("k", "-bucket", to=(asked(terms=TOLD_CHANGES),)), LEASES)
    assert await waiting(store) == []
    assert closed.routes == ()


async def test_all_of_one_incident_are_found(store: Store) -> None:
    both = await store.put(an_alert(asked("a"), asked("b"), key="k"), LEASES)
    await put(store, key="other")
    assert await waiting(store, "k") == [f"{both.alert_id}.a", f"{both.alert_id}.b"]
    assert len(await store.rule(approves(*await waiting(store, "k")))) == 2
    assert len(await claim_all(store)) == len(await claim_all(store, "b")) == 1


async def test_a_replay_does_not_get_round_the_request(store: Store) -> None:
    delivery = await put(store)
    assert await store.replay([delivery]) == ()
    assert await store.cancel([delivery]) == (delivery,)
    assert await store.rule(approves(delivery)) == ()


async def test_an_approved_delivery_waits_for_its_turn(store: Store) -> None:
    """A younger one of the incident that is under way is not overtaken."""
    delivery = await put(store, key="k")
    (claim,) = (await store.put(an_alert(now("a"), key="k"), LEASES)).claims
    assert await store.rule(approves(delivery)) == (delivery,)
    assert await claim_all(store) == ()
    await store.record(a_result(claim))
    assert [each.delivery_id for each in await claim_all(store)] == [delivery]


async def test_requests_are_listed_with_those_that_are_decided(store: Store) -> None:
    first, second = await put(store), await put(store)
    await store.rule(approves(first))
    assert [(row.delivery, row.verdict) for row in await store.approvals(decided=True)] == [
        (second, Verdict.WAITING),
        (first, Verdict.APPROVED),
    ]
    assert await store.approvals(decided=True, limit=1) == (await store.approval(second),)


@pytest.mark.parametrize("name", ["", "x", "aaaaaa-1.a", "\ud800"])
async def test_what_does_not_exist_cannot_be_decided(store: Store, name: str) -> None:
    assert await store.rule(approves(name)) == ()
    assert await store.ask_approval(name, START_US, PLAN) is None
    assert await store.approval(name) is None


async def test_a_crash_forgets_no_request_and_no_decision(store: Store, engine: Any) -> None:
    first, second = await put(store), await put(store)
    await store.rule(approves(first))
    left = await engine.crash()
    assert await waiting(left) == [second]
    assert [claim.delivery_id for claim in await claim_all(left)] == [first]


async def waits_for(store: Store, delivery: str, *, stopped: tuple[str, ...] = ()) -> str:
    found = await store.delivery(delivery, stopped=stopped)
    assert found is not None
    return found[0].waits_for


async def test_what_is_parked_says_what_it_waits_for(store: Store) -> None:
    asking, waiting_ = await put(store), f"{(await store.put(an_alert('a'), LEASES)).alert_id}.a"
    faulty = f"{(await store.put(an_alert(NewDelivery('b', parked='WHEN failed')), LEASES)).alert_id}.b"
    assert [await waits_for(store, one) for one in (asking, waiting_, faulty)] == ["approval", "", "replay"]
    stopped = ("a", "b")
    assert [await waits_for(store, one, stopped=stopped) for one in (asking, waiting_, faulty)] == [
        "approval", "route", "replay",
    ]  # fmt: skip


async def test_what_was_parked_by_its_last_attempt_waits_for_a_replay_whatever_it_waited_for_before(
    store: Store, clock: FakeClock
) -> None:
    """Nobody approved it in time, and its route asks nobody any more."""
    delivery = await put(store)
    clock.advance(HOUR_S)
    await store.expire_approvals()
    assert await waits_for(store, delivery) == ""
    assert await store.replay([delivery]) == (delivery,)
    (claim,) = await claim_all(store)
    await store.record(a_result(claim, State.PARKED))
    assert await waits_for(store, delivery) == "replay"


async def test_requests_are_listed_page_by_page(store: Store) -> None:
    asked_for = [
        await put(store, lasts_us=lasts_us) for lasts_us in (HOUR_US, HOUR_US, 2 * HOUR_US, HOUR_US // 2, HOUR_US)
    ]
    wanted = [asked_for[at] for at in (3, 0, 1, 4, 2)]
    found: list[str] = []
    page = await store.approvals(limit=2)
    while page:
        found += [row.delivery for row in page]
        page = await store.approvals(limit=2, after=page[-1])
    assert found == wanted
