from __future__ import annotations

from typing import Any

import pytest

from gateway.domain.delivery import NewDelivery, RouteState, RouteStatus, State
from gateway.domain.query import AlertSelection, Selection
from gateway.ports import Store
from tests.queue.store_world import (
    LEASES,
    SECOND_US,
    START_US,
    Engine,
    FakeClock,
    a_result,
    an_alert,
    claim_all,
    now,
    state_of,
)

NOWHERE = ("aaaaaa-1.a", "", "x", "-", "-1.a", "aaaaaa-x.a", "aaaaaa-99999999999999999999.a", "\ud800")


async def _finished(store: Store, state: State, route: str = "a", **fields: Any) -> str:
    """A delivery that came to that state by its first attempt; its id."""
    (claim,) = (await store.put(an_alert(now(route), **fields), LEASES)).claims
    await store.record(a_result(claim, state))
    return claim.delivery_id


async def _selected(store: Store, selection: Selection, stopped: tuple[str, ...] = ()) -> list[str]:
    page = await store.deliveries(selection, stopped=stopped, limit=100)
    assert await store.count(selection, stopped=stopped) == len(page.deliveries)
    return [row.id for row in page.deliveries]


@pytest.mark.parametrize("state", [State.DELIVERED, State.DEAD, State.PARKED, State.SUPERSEDED, State.CANCELLED])
async def test_a_replayed_delivery_is_a_retry_due_now_with_attempts_counted_anew(
    store: Store, clock: FakeClock, state: State
) -> None:
    delivery_id = await _finished(store, state)
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
    old = await _finished(store, State.DEAD, key="k")
    young = await store.put(an_alert("a", key="k"), LEASES)
    await store.replay([old])
    (claim,) = await claim_all(store)
    assert claim.delivery_id == old
    await store.record(a_result(claim))
    assert [each.alert_id for each in await claim_all(store)] == [young.alert_id]


async def test_a_replayed_state_waits_while_a_younger_one_is_being_sent(store: Store) -> None:
    old = await _finished(store, State.DEAD, key="k")
    (young,) = (await store.put(an_alert(now("a"), key="k"), LEASES)).claims
    await store.replay([old])
    assert await claim_all(store) == ()
    assert (await store.record(a_result(young, State.PENDING, delay_s=30))).promoted
    assert [claim.delivery_id for claim in await claim_all(store)] == [old]


async def test_pending_and_parked_deliveries_can_be_cancelled(store: Store) -> None:
    pending = await store.put(an_alert("a"), LEASES)
    parked = await _finished(store, State.PARKED)
    ids = (f"{pending.alert_id}.a", parked)
    assert await store.cancel(ids) == ids
    assert [await state_of(store, each) for each in ids] == [State.CANCELLED, State.CANCELLED]
    assert await claim_all(store) == ()


async def test_cancel_leaves_everything_else(store: Store) -> None:
    (sending,) = (await store.put(an_alert(now("a")), LEASES)).claims
    done = await _finished(store, State.DELIVERED)
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
    found = await store.alert(held.alert_id)
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


async def test_alerts_are_listed_youngest_first_page_by_page(store: Store) -> None:
    ids = [(await store.put(an_alert(), LEASES)).alert_id for _ in range(5)]
    seen, cursor = [], ""
    for _ in range(3):
        page = await store.alerts(AlertSelection(), limit=2, cursor=cursor)
        seen += [row.id for row in page.alerts]
        cursor = page.next
    assert seen == ids[::-1]
    assert cursor == ""


async def test_a_page_that_ends_exactly_is_the_last(store: Store) -> None:
    for _ in range(2):
        await store.put(an_alert("a"), LEASES)
    assert (await store.alerts(AlertSelection(), limit=2)).next == ""
    assert (await store.deliveries(Selection(), stopped=(), limit=2)).next == ""


@pytest.mark.parametrize("cursor", ["x", "aaaaaa-1", "\ud800", "0"])
async def test_an_unreadable_cursor_finds_nothing(store: Store, cursor: str) -> None:
    await store.put(an_alert("a"), LEASES)
    assert (await store.alerts(AlertSelection(), limit=9, cursor=cursor)).alerts == ()
    assert (await store.deliveries(Selection(), stopped=(), limit=9, cursor=cursor)).deliveries == ()


@pytest.mark.parametrize(
    ("selection", "found"),
    [
        (AlertSelection(), 1),
        (AlertSelection(source="optix", key="k", alert_id="id"), 1),
        (
            AlertSelection(environment="HTTPS://GITHUB.COM/ACME", severity="HIGH", alert_type="policy", rule="ar-9"),
            True,
        ),
        (AlertSelection(environment="https://github.com"), 0),
        (AlertSelection(source="other"), 0),
        (AlertSelection(key="K"), 0),
        (AlertSelection(alert_id="other"), 0),
        (AlertSelection(held=False), 1),
        (AlertSelection(held=True), 0),
        (AlertSelection(since_us=START_US, until_us=START_US + 1), 1),
        (AlertSelection(since_us=START_US + 1), 0),
        (AlertSelection(until_us=START_US), 0),
    ],
)
async def test_alerts_are_selected_by_every_part_that_is_set(
    store: Store, selection: AlertSelection, found: int
) -> None:
    await store.put(an_alert(key="k", alert_id="id", environment="https://github.com/acme", rule="AR-9"), LEASES)
    assert len((await store.alerts(selection, limit=9)).alerts) == found


async def test_text_beyond_ascii_is_compared_without_case_too(store: Store) -> None:
    await store.put(an_alert("a", environment="Straße/ÜBER"), LEASES)
    assert len((await store.alerts(AlertSelection(environment="STRASSE/über"), limit=9)).alerts) == 1
    assert len(await _selected(store, Selection(environment="straße/über"))) == 1


async def test_held_alerts_can_be_listed(store: Store) -> None:
    held = await store.put(an_alert(held="no alertId"), LEASES)
    await store.put(an_alert(), LEASES)
    page = await store.alerts(AlertSelection(held=True), limit=9)
    assert [(row.id, row.held) for row in page.alerts] == [(held.alert_id, "no alertId")]


async def test_alerts_are_found_by_time_also_after_the_clock_was_set_back(store: Store) -> None:
    times = [START_US + 100, START_US + 200, START_US + 10, START_US + 150]
    ids = [(await store.put(an_alert(received_us=at), LEASES)).alert_id for at in times]
    page = await store.alerts(AlertSelection(since_us=START_US + 100, until_us=START_US + 200), limit=9)
    assert [row.id for row in page.alerts] == [ids[3], ids[0]]


async def test_deliveries_are_selected_by_state_and_route(store: Store) -> None:
    dead_a, dead_b = await _finished(store, State.DEAD), await _finished(store, State.DEAD, "b")
    done_a = await _finished(store, State.DELIVERED)
    assert await _selected(store, Selection(states=(State.DEAD,))) == [dead_b, dead_a]
    assert await _selected(store, Selection(routes=("a",))) == [done_a, dead_a]
    assert await _selected(store, Selection(states=(State.DEAD,), routes=("a",))) == [dead_a]
    assert await _selected(store, Selection(states=(State.DEAD, State.DELIVERED), routes=("a", "b", "c"))) == [
        done_a, dead_b, dead_a,
    ]  # fmt: skip
    assert await _selected(store, Selection(states=(State.PENDING,))) == []
    assert await _selected(store, Selection()) == [done_a, dead_b, dead_a]


async def test_pending_deliveries_of_a_stopped_route_read_as_parked(store: Store) -> None:
    stored = await store.put(an_alert("a", "b"), LEASES)
    a, b = f"{stored.alert_id}.a", f"{stored.alert_id}.b"
    parked = await _finished(store, State.PARKED, "b")
    stopped = ("a",)
    assert await _selected(store, Selection(states=(State.PARKED,)), stopped) == [parked, a]
    assert await _selected(store, Selection(states=(State.PENDING,)), stopped) == [b]
    assert await _selected(store, Selection(states=(State.PARKED,), alert=stored.alert_id), stopped) == [a]
    assert await _selected(store, Selection(states=(State.PENDING,), ids=(a, b)), stopped) == [b]
    found = await store.delivery(a, stopped=stopped)
    assert found is not None
    assert (found[0].state, found[0].due_us) == (State.PARKED, None)
    (row,) = (await store.deliveries(Selection(ids=(a,)), stopped=stopped, limit=1)).deliveries
    assert row.state is State.PARKED
    assert await state_of(store, a) is State.PENDING


async def test_deliveries_are_selected_by_their_alert(store: Store) -> None:
    stored = await store.put(an_alert("a", "b", environment="One", severity="low", alert_type="IaC", rule="R"), LEASES)
    await store.put(an_alert("a"), LEASES)
    both = [f"{stored.alert_id}.b", f"{stored.alert_id}.a"]
    assert await _selected(store, Selection(alert=stored.alert_id)) == both
    assert await _selected(store, Selection(alert=stored.alert_id, routes=("a",))) == both[1:]
    for selection in (
        Selection(environment="one"),
        Selection(severity="LOW"),
        Selection(alert_type="iac"),
        Selection(rule="r", states=(State.PENDING,)),
    ):
        assert await _selected(store, selection) == both
    assert await _selected(store, Selection(alert="aaaaaa-1")) == []


async def test_deliveries_are_selected_by_id_and_unknown_ids_select_nothing(store: Store) -> None:
    stored = await store.put(an_alert("a", "b"), LEASES)
    wanted = f"{stored.alert_id}.a"
    assert await _selected(store, Selection(ids=(wanted, wanted, *NOWHERE))) == [wanted]
    assert await _selected(store, Selection(ids=NOWHERE)) == []
    assert await _selected(store, Selection(ids=(wanted,), alert="aaaaaa-1")) == []
    assert await _selected(store, Selection(ids=(wanted,), states=(State.DEAD,))) == []


async def test_deliveries_are_selected_by_when_their_alert_came(store: Store) -> None:
    ids = [(await store.put(an_alert("a", received_us=START_US + n), LEASES)).alert_id for n in range(4)]
    assert await _selected(store, Selection(since_us=START_US + 1, until_us=START_US + 3)) == [
        f"{ids[2]}.a",
        f"{ids[1]}.a",
    ]
    assert await _selected(store, Selection(since_us=START_US + 9)) == []


async def test_deliveries_are_listed_youngest_first_page_by_page(store: Store) -> None:
    for number in range(4):
        await store.put(an_alert("a", "b", NewDelivery("c", claim=number % 2 == 0)), {**LEASES, "c": SECOND_US})
    for selection in (Selection(), Selection(routes=("a", "b", "c")), Selection(states=(State.PENDING, State.SENDING))):
        seen, cursor = [], ""
        for _ in range(5):
            page = await store.deliveries(selection, stopped=(), limit=3, cursor=cursor)
            seen += [row.id for row in page.deliveries]
            cursor = page.next
            if not cursor:
                break
        assert len(seen) == len(set(seen)) == 12
        assert seen == [row.id for row in (await store.deliveries(Selection(), stopped=(), limit=99)).deliveries]


@pytest.mark.parametrize("name", NOWHERE)
async def test_what_does_not_exist_is_none(store: Store, name: str) -> None:
    assert await store.alert(name) is None
    assert await store.delivery(name, stopped=()) is None


async def test_a_row_tells_when_a_pending_delivery_is_due(store: Store, clock: FakeClock) -> None:
    (claim,) = (await store.put(an_alert(now("a"), summary="S", severity="low"), LEASES)).claims
    await store.record(a_result(claim, State.PENDING, delay_s=30))
    (row,) = (await store.deliveries(Selection(), stopped=(), limit=1)).deliveries
    assert (row.due_us, row.finished_us, row.attempts) == (clock.us + 30 * SECOND_US, None, 1)
    assert (row.summary, row.severity, row.created_us, row.reason) == ("S", "low", START_US, "200 OK")


async def test_a_job_is_carried_out_in_slices(store: Store) -> None:
    dead = [await _finished(store, State.DEAD) for _ in range(5)]
    other = await _finished(store, State.DELIVERED)
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
        await _finished(store, State.DEAD)
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
    await _finished(store, State.DEAD)
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


async def test_purge_deletes_what_is_old_and_finished(store: Store) -> None:
    old = await _finished(store, State.DELIVERED)
    nobody = await store.put(an_alert(), LEASES)
    young = await _finished(store, State.DEAD, received_us=START_US + 10)
    assert await store.purge(START_US + 10, limit=10) == 2
    assert await store.purge(START_US + 10, limit=10) == 0
    assert await store.delivery(old, stopped=()) is None
    assert await store.alert(nobody.alert_id) is None
    assert await state_of(store, young) is State.DEAD


async def test_purge_leaves_held_alerts_and_unfinished_deliveries(store: Store) -> None:
    held = await store.put(an_alert(held="no alertId"), LEASES)
    parked = await _finished(store, State.PARKED)
    half = await store.put(an_alert(now("a"), "b"), LEASES)
    await store.record(a_result(half.claims[0]))
    await store.put(an_alert(now("a")), LEASES)
    assert await store.purge(START_US + 1, limit=10) == 0
    assert await store.alert(held.alert_id) is not None
    assert await state_of(store, parked) is State.PARKED
    assert await state_of(store, f"{half.alert_id}.b") is State.PENDING


async def test_purge_goes_in_slices_past_what_cannot_go(store: Store) -> None:
    for _ in range(3):
        await store.put(an_alert("a"), LEASES)
        await _finished(store, State.DELIVERED, "b")
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
