from __future__ import annotations

import pytest

from gateway.domain.delivery import RouteState, RouteStatus, State
from gateway.domain.query import Selection
from gateway.ports import Store
from tests.queue.store_world import (
    LEASES,
    NOWHERE,
    START_US,
    Engine,
    FakeClock,
    a_result,
    an_alert,
    claim_all,
    finished,
    now,
    state_of,
)


@pytest.mark.parametrize("state", [State.DELIVERED, State.DEAD, State.PARKED, State.SUPERSEDED, State.CANCELLED])
async def test_a_replayed_delivery_is_a_retry_due_now_with_attempts_counted_anew(
    store: Store, clock: FakeClock, state: State
) -> None:
    delivery_id = await finished(store, state)
    clock.advance(5)
    assert await store.replay([delivery_id]) == (delivery_id,)
    assert await state_of(store, delivery_id) is State.PENDING
    (claim,) = await claim_all(store, fresh=0)
    assert (claim.attempt, claim.try_number, claim.first_us, claim.due_us) == (1, 2, clock.us, clock.us)


async def test_replay_leaves_what_is_pending_sending_or_unknown(store: Store) -> None:
    pending = await store.put(an_alert("a"), LEASES)
    (sending,) = (await store.put(an_alert(now("a")), LEASES)).claims
    assert await store.replay([f"{pending.alert_id}.a", sending.delivery_id, f"{pending.alert_id}.b", *NOWHERE]) == ()
    assert (await store.record(a_result(sending))).applied


async def test_a_replayed_state_goes_before_a_younger_one_that_waits(store: Store) -> None:
    old = await finished(store, State.DEAD, key="k")
    young = await store.put(an_alert("a", key="k"), LEASES)
    await store.replay([old])
    (claim,) = await claim_all(store)
    assert claim.delivery_id == old
    await store.record(a_result(claim))
    assert [each.alert_id for each in await claim_all(store)] == [young.alert_id]


async def test_a_replayed_state_waits_while_a_younger_one_is_being_sent(store: Store) -> None:
    old = await finished(store, State.DEAD, key="k")
    (young,) = (await store.put(an_alert(now("a"), key="k"), LEASES)).claims
    await store.replay([old])
    assert await claim_all(store) == ()
    assert (await store.record(a_result(young, State.PENDING, delay_s=30))).promoted
    assert [claim.delivery_id for claim in await claim_all(store)] == [old]


async def test_pending_and_parked_deliveries_can_be_cancelled(store: Store) -> None:
    pending = await store.put(an_alert("a"), LEASES)
    parked = await finished(store, State.PARKED)
    ids = (f"{pending.alert_id}.a", parked)
    assert await store.cancel(ids) == ids
    assert [await state_of(store, each) for each in ids] == [State.CANCELLED, State.CANCELLED]
    assert await claim_all(store) == ()


async def test_cancel_leaves_everything_else(store: Store) -> None:
    (sending,) = (await store.put(an_alert(now("a")), LEASES)).claims
    done = await finished(store, State.DELIVERED)
    assert await store.cancel([sending.delivery_id, done, *NOWHERE]) == ()
    assert await state_of(store, done) is State.DELIVERED


async def test_a_cancelled_head_makes_room_for_the_next_oldest(store: Store) -> None:
    first = await store.put(an_alert("a", key="k"), LEASES)
    second = await store.put(an_alert("a", key="k"), LEASES)
    await store.cancel([f"{first.alert_id}.a"])
    assert [claim.alert_id for claim in await claim_all(store)] == [second.alert_id]


async def test_a_cancelled_one_that_waited_promotes_nothing(store: Store) -> None:
    first = await store.put(an_alert("a", key="k"), LEASES)
    second = await store.put(an_alert("a", key="k"), LEASES)
    await store.put(an_alert("a", key="k"), LEASES)
    await store.cancel([f"{second.alert_id}.a"])
    assert [claim.alert_id for claim in await claim_all(store)] == [first.alert_id]


async def test_a_held_alert_is_read_anew_and_its_deliveries_are_added(store: Store) -> None:
    held = await store.put(an_alert(held="no alertId", key="", body=b"{}"), LEASES)
    assert held.held
    assert await store.held_count() == 1
    stored = await store.readmit(held.alert_id, an_alert("a", key="k", rule="AR-1"))
    assert stored is not None
    assert (stored.alert_id, stored.routes, stored.waiting) == (held.alert_id, ("a",), ("a",))
    (claim,) = await claim_all(store)
    assert claim.body == b"{}"
    found = await store.alert(held.alert_id, stopped=())
    assert found is not None
    assert (found[0].held, found[0].key, found[0].rule, found[0].routes) == (None, "k", "AR-1", ("a",))
    assert await store.held_count() == 0


async def test_readmit_is_for_held_alerts_only(store: Store) -> None:
    stored = await store.put(an_alert("a"), LEASES)
    assert await store.readmit(stored.alert_id, an_alert("b")) is None
    assert await store.readmit("aaaaaa-1", an_alert("b")) is None
    assert await store.waiting_routes() == ("a",)


async def test_a_route_state_reads_as_it_was_put(store: Store) -> None:
    first = RouteState("a", RouteStatus.OPEN, "failing", "503", 1, 2, 3, 4, 5, 6.5, 7)
    await store.put_route_state(first)
    await store.put_route_state(RouteState("b"))
    assert await store.route_states() == {"a": first, "b": RouteState("b")}
    await store.put_route_state(RouteState("a", RouteStatus.PAUSED))
    assert (await store.route_states())["a"] == RouteState("a", RouteStatus.PAUSED)


async def test_a_job_is_carried_out_in_slices(store: Store) -> None:
    dead = [await finished(store, State.DEAD) for _ in range(5)]
    other = await finished(store, State.DELIVERED)
    job = await store.add_job("replay", Selection(states=(State.DEAD,)), stopped=())
    assert (job.kind, job.total, job.done, job.changed, job.ended_us, job.cancelled) == ("replay", 5, 0, 0, None, False)
    job, routes = await store.step_job(job.id, limit=2)
    assert (job.done, job.changed, job.ended_us, routes) == (2, 2, None, ("a",))
    assert [await state_of(store, each) for each in dead[:3]] == [State.PENDING, State.PENDING, State.DEAD]
    while job.ended_us is None:
        job, _ = await store.step_job(job.id, limit=2)
    assert (job.done, job.changed) == (5, 5)
    assert await store.step_job(job.id, limit=2) == (job, ())
    assert await state_of(store, other) is State.DELIVERED


async def test_a_job_leaves_alerts_that_came_after_it_began(store: Store) -> None:
    await store.put(an_alert("a"), LEASES)
    job = await store.add_job("cancel", Selection(states=(State.PARKED,)), stopped=("a",))
    later = await store.put(an_alert("a"), LEASES)
    job, _ = await store.step_job(job.id, limit=10)
    assert (job.total, job.done, job.changed) == (1, 1, 1)
    assert await state_of(store, f"{later.alert_id}.a") is State.PENDING


async def test_a_job_goes_on_after_a_kill_where_it_stood(engine: Engine) -> None:
    store = await engine.open()
    for _ in range(3):
        await finished(store, State.DEAD)
    selection = Selection(states=(State.DEAD,), routes=("a",), since_us=START_US)
    job = await store.add_job("replay", selection, stopped=("x",))
    await store.step_job(job.id, limit=1)
    store = await engine.crash()
    found = await store.job(job.id)
    assert found is not None
    assert (found.selection, found.done) == (selection, 1)
    found, _ = await store.step_job(job.id, limit=10)
    assert (found.done, found.changed, found.ended_us is None) == (3, 3, False)


async def test_a_stopped_job_changes_nothing_more(store: Store) -> None:
    await finished(store, State.DEAD)
    job = await store.add_job("replay", Selection(), stopped=())
    stopped = await store.stop_job(job.id)
    assert stopped is not None
    assert stopped.cancelled
    assert stopped.ended_us is not None
    assert await store.step_job(job.id, limit=10) == (stopped, ())
    assert await store.stop_job(job.id) == stopped


async def test_jobs_are_listed_youngest_first(store: Store) -> None:
    made = [await store.add_job("replay", Selection(), stopped=()) for _ in range(3)]
    assert await store.jobs(limit=2) == (made[2], made[1])
    assert await store.job(made[0].id) == made[0]
    assert await store.job(99) is None
    assert await store.stop_job(99) is None


async def test_purge_deletes_what_is_old_andfinished(store: Store) -> None:
    old = await finished(store, State.DELIVERED)
    nobody = await store.put(an_alert(), LEASES)
    young = await finished(store, State.DEAD, received_us=START_US + 10)
    assert await store.purge(START_US + 10, limit=10) == 2
    assert await store.purge(START_US + 10, limit=10) == 0
    assert await store.delivery(old, stopped=()) is None
    assert await store.alert(nobody.alert_id, stopped=()) is None
    assert await state_of(store, young) is State.DEAD


async def test_purge_leaves_held_alerts_and_unfinished_deliveries(store: Store) -> None:
    held = await store.put(an_alert(held="no alertId"), LEASES)
    parked = await finished(store, State.PARKED)
    half = await store.put(an_alert(now("a"), "b"), LEASES)
    await store.record(a_result(half.claims[0]))
    await store.put(an_alert(now("a")), LEASES)
    assert await store.purge(START_US + 1, limit=10) == 0
    assert await store.alert(held.alert_id, stopped=()) is not None
    assert await state_of(store, parked) is State.PARKED
    assert await state_of(store, f"{half.alert_id}.b") is State.PENDING


async def test_purge_goes_in_slices_past_what_cannot_go(store: Store) -> None:
    for _ in range(3):
        await store.put(an_alert("a"), LEASES)
        await finished(store, State.DELIVERED, "b")
    assert [await store.purge(START_US + 1, limit=2) for _ in range(3)] == [2, 1, 0]
    for claim in await claim_all(store):
        await store.record(a_result(claim))
    assert await store.purge(START_US + 1, limit=10) == 3


async def test_a_body_that_was_purged_is_new_when_it_comes_again(store: Store) -> None:
    alert = an_alert()
    first = await store.put(alert, LEASES)
    await store.purge(START_US + 1, limit=10)
    again = await store.put(alert, LEASES)
    assert not again.duplicate
    assert again.alert_id != first.alert_id


async def test_ping_commits(store: Store) -> None:
    await store.ping()
    await store.ping()
