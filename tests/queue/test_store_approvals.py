"""Deliveries that a person has to approve: what holds them, and what becomes of them."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.domain.approval import APPROVAL_HOLD, ApprovalRow, DecisionRow, Ruling, Verdict
from gateway.domain.delivery import NewDelivery, State
from gateway.ports import Store
from tests.queue.incident_world import TOLD_CHANGES, a_state
from tests.queue.store_world import LEASES, START_US, FakeClock, a_result, an_alert, claim_all, now, state_of

HOUR_US = 3_600_000_000
HOUR_S = 3600.0
PLAN = "0123456789ab"


def asked(route: str = "a", *, lasts_us: int = HOUR_US, **more: Any) -> NewDelivery:
    until_us = START_US + lasts_us
    return NewDelivery(route, parked="waits for approval", hold=APPROVAL_HOLD, approve_by_us=until_us, **more)


async def waiting(store: Store, key: str = "") -> list[str]:
    return [row.delivery for row in await store.approvals(key=key)]


async def put(store: Store, *, key: str | None = None, **more: Any) -> str:
    stored = await store.put(an_alert(asked(**more), key=key), LEASES)
    assert (stored.claims, stored.waiting, stored.later) == ((), (), ())
    return f"{stored.alert_id}.a"


def approves(*ids: str, who: str = "ann", why: str = "") -> Ruling:
    return Ruling(ids, Verdict.APPROVED, who, why, dict.fromkeys(ids, PLAN))


def rejects(*ids: str) -> Ruling:
    return Ruling(ids, Verdict.REJECTED, "bob", "not this one")


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


async def ask(store: Store, delivery: str, until_us: int = START_US + HOUR_US, *, plan_id: str = PLAN) -> ApprovalRow:
    row = await store.ask_approval(delivery, until_us, plan_id)
    assert row is not None
    return row


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


async def test_an_approval_from_before_plans_had_ids_is_asked_for_again(store: Store) -> None:
    delivery = await put(store)
    await store.rule(Ruling((delivery,), Verdict.APPROVED, "ann"))
    assert (await ask(store, delivery)).verdict is Verdict.WAITING


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
