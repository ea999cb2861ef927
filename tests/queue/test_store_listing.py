from __future__ import annotations

import pytest

from gateway.domain.delivery import NewDelivery, State
from gateway.domain.query import AlertSelection, Selection
from gateway.ports import Store, UnknownCursor
from tests.queue.store_world import (
    LEASES,
    NOWHERE,
    SECOND_US,
    START_US,
    FakeClock,
    a_result,
    an_alert,
    finished,
    now,
    state_of,
)


async def _selected(store: Store, selection: Selection, stopped: tuple[str, ...] = ()) -> list[str]:
    page = await store.deliveries(selection, stopped=stopped, limit=100)
    assert await store.count(selection, stopped=stopped) == len(page.deliveries)
    return [row.id for row in page.deliveries]


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
async def test_an_unreadable_cursor_is_refused_instead_of_looking_like_the_end(store: Store, cursor: str) -> None:
    await store.put(an_alert("a"), LEASES)
    with pytest.raises(UnknownCursor):
        await store.alerts(AlertSelection(), limit=9, cursor=cursor)
    with pytest.raises(UnknownCursor):
        await store.deliveries(Selection(), stopped=(), limit=9, cursor=cursor)


async def test_a_cursor_of_one_list_is_none_of_the_other(store: Store) -> None:
    alert = (await store.put(an_alert("a"), LEASES)).alert_id
    with pytest.raises(UnknownCursor):
        await store.alerts(AlertSelection(), limit=9, cursor=f"{alert}.a")
    with pytest.raises(UnknownCursor):
        await store.deliveries(Selection(), stopped=(), limit=9, cursor=alert)


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
    dead_a, dead_b = await finished(store, State.DEAD), await finished(store, State.DEAD, "b")
    done_a = await finished(store, State.DELIVERED)
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
    parked = await finished(store, State.PARKED, "b")
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
    assert await store.alert(name, stopped=()) is None
    assert await store.delivery(name, stopped=()) is None


async def test_a_row_tells_when_a_pending_delivery_is_due(store: Store, clock: FakeClock) -> None:
    (claim,) = (await store.put(an_alert(now("a"), summary="S", severity="low"), LEASES)).claims
    await store.record(a_result(claim, State.PENDING, delay_s=30))
    (row,) = (await store.deliveries(Selection(), stopped=(), limit=1)).deliveries
    assert (row.due_us, row.finished_us, row.attempts) == (clock.us + 30 * SECOND_US, None, 1)
    assert (row.summary, row.severity, row.created_us, row.reason) == ("S", "low", START_US, "200 OK")
