"""What operators read of incidents, and of what was decided when an alert came."""

from __future__ import annotations

from itertools import pairwise

import pytest

from gateway.domain.delivery import NewAlert, NewDelivery, Primary, State
from gateway.domain.notify import CHANGES
from gateway.domain.query import ChangeRow, Decided, IncidentSelection, ResourceRow
from gateway.domain.severity import Severity
from gateway.domain.snapshot import OPEN, SUPPRESSED, digest_of, encode
from gateway.domain.telling import Decision, Terms, Word
from gateway.ports import Store, UnknownCursor
from tests.queue.incident_world import a_state, memory, seen, snapshot, told
from tests.queue.store_world import LEASES, NOWHERE, SECOND_US, START_US, FakeClock, a_record, a_result, an_alert

PLAIN = NewDelivery("b")
(CHANGES_ONLY,) = told()


def alert(*listed: str, key: str = "k", score: float | None = 83, to: NewDelivery = PLAIN) -> NewAlert:
    return a_state(key, *listed, score=score, to=(to,))


async def listed(store: Store, **selection: object) -> list[str]:
    page = await store.incidents(IncidentSelection(**selection), limit=100)  # type: ignore[arg-type]  # named by a test
    return [row.key for row in page.incidents]


async def test_an_incident_shows_its_resources_with_their_times_and_those_that_are_gone(
    store: Store, clock: FakeClock
) -> None:
    await store.put(alert("one", "two"), LEASES)
    clock.advance(10)
    await store.put(alert("one", "-three", score=95), LEASES)
    clock.advance(10)
    await store.put(alert("one", "-three", score=95), LEASES)
    found = await memory(store)
    first_us, second_us, third_us = (START_US + seconds * SECOND_US for seconds in (0, 10, 20))
    row = found.incident
    assert (row.key, row.source, row.environment, row.rule) == ("k", "optix", "123456789012", "AR-251")
    assert (row.first_seen_us, row.changed_us, row.last_seen_us, row.open_count) == (first_us, second_us, third_us, 1)
    assert (found.score, found.severity) == (95, Severity.CRITICAL)
    assert found.resources == (
        ResourceRow("one", OPEN, first_us, third_us),
        ResourceRow("three", SUPPRESSED, second_us, third_us),
    )
    assert found.gone == (ResourceRow("two", OPEN, first_us, first_us),)


async def test_its_history_names_each_change_with_its_alert_the_youngest_first(store: Store, clock: FakeClock) -> None:
    await store.put(alert("one"), LEASES)
    clock.advance(1)
    grown = await store.put(alert("one", "two"), LEASES)
    clock.advance(1)
    closed = await store.put(alert("-one", "-two", score=50), LEASES)
    latest, earlier = (await memory(store)).changes
    assert earlier == ChangeRow(START_US + SECOND_US, grown.alert_id, ("grew",), "1 new of 2 open")
    assert (latest.alert, latest.reasons) == (closed.alert_id, ("lowered", "suppressed"))


async def test_a_receiver_shows_what_it_was_told_when_and_what_it_gave_for_it(store: Store, clock: FakeClock) -> None:
    (claim,) = (await store.put(alert("one", to=CHANGES_ONLY), LEASES)).claims
    (before,) = (await memory(store)).told
    assert (before.route, before.told_us, before.alert, before.asked_us) == ("a", None, "", START_US)
    assert (before.open_count, before.unseen) == (None, "new: 1 open")

    clock.advance(5)
    known = snapshot("one")
    result = a_result(claim, remembers=True, told=(encode(known), digest_of(known)))
    await store.record(result._replace(record=a_record(claim)._replace(reference="TICKET-7")))
    (after,) = (await memory(store)).told
    assert (after.told_us, after.alert, after.reference) == (clock.us, claim.alert_id, "TICKET-7")
    assert (after.open_count, after.score, after.unseen) == (1, 83, "")

    await store.put(alert("one", "two"), LEASES)
    (later,) = (await memory(store)).told
    assert (later.told_us, later.unseen) == (after.told_us, "1 new of 2 open")


async def test_a_receiver_that_was_only_passed_over_was_never_asked(store: Store) -> None:
    growing = Terms(frozenset(reason for reason in CHANGES if reason == "grew"))
    await store.put(alert("one", to=NewDelivery("a", terms=growing)), LEASES)
    (passed_over,) = (await memory(store)).told
    assert (passed_over.told_us, passed_over.asked_us) == (None, None)


async def test_what_is_no_incident_is_none(store: Store) -> None:
    await store.put(alert("one"), LEASES)
    for key in ("", "K", "k' OR 1=1", "\ud800"):
        assert await store.incident(key) is None


async def test_incidents_are_listed_by_when_they_were_seen_last_page_by_page(store: Store, clock: FakeClock) -> None:
    for number in range(5):
        await store.put(alert("one", key=f"k{number}"), LEASES)
        clock.advance(number % 2)  # some at the same moment
    await store.put(alert("one", key="k0"), LEASES)
    pages, cursor = [], ""
    for _ in range(4):
        page = await store.incidents(IncidentSelection(), limit=2, cursor=cursor)
        pages += [(row.last_seen_us, row.key) for row in page.incidents]
        cursor = page.next
        if not cursor:
            break
    assert all(earlier > later for earlier, later in pairwise(pages))
    assert {key for _, key in pages} == {f"k{number}" for number in range(5)}


async def test_an_incident_seen_again_meanwhile_is_not_shown_twice(store: Store, clock: FakeClock) -> None:
    for number in range(4):
        await store.put(alert("one", key=f"k{number}"), LEASES)
        clock.advance(1)
    first = await store.incidents(IncidentSelection(), limit=2)
    await store.put(alert("one", key="k3"), LEASES)
    second = await store.incidents(IncidentSelection(), limit=2, cursor=first.next)
    assert [row.key for row in (*first.incidents, *second.incidents)] == ["k3", "k2", "k1", "k0"]
    assert second.next == ""


@pytest.mark.parametrize("cursor", ["x", "aaaaaa-1", "aaaaaa-1~k", "1~k", "\ud800", "0", "-1~k"])
async def test_a_cursor_that_is_none_of_the_list_is_refused(store: Store, cursor: str) -> None:
    with pytest.raises(UnknownCursor):
        await store.incidents(IncidentSelection(), limit=9, cursor=cursor)


async def test_a_cursor_of_deliveries_is_none_of_incidents(store: Store) -> None:
    delivery = f"{(await store.put(alert('one'), LEASES)).alert_id}.b"
    with pytest.raises(UnknownCursor):
        await store.incidents(IncidentSelection(), limit=9, cursor=delivery)


@pytest.mark.parametrize(
    ("selection", "keys"),
    [
        ({}, {"open", "closed"}),
        ({"open": True}, {"open"}),
        ({"open": False}, {"closed"}),
        ({"environment": "HTTPS://GITHUB.COM/ÜBER"}, {"open"}),
        ({"environment": "https://github.com"}, set()),
        ({"rule": "ar-9"}, {"open"}),
        ({"source": "acme"}, {"closed"}),
        ({"source": "ACME"}, set()),
        ({"key": "closed"}, {"closed"}),
        ({"key": "closed", "open": True}, set()),
    ],
)
async def test_incidents_are_selected_by_every_part_that_is_set(
    store: Store, selection: dict[str, object], keys: set[str]
) -> None:
    one = alert("one", key="open")._replace(environment="https://github.com/über", rule="AR-9")
    await store.put(one, LEASES)
    await store.put(alert("-one", key="closed")._replace(source="acme"), LEASES)
    assert set(await listed(store, **selection)) == keys


async def test_what_was_decided_is_kept_with_the_alert(store: Store) -> None:
    new = alert("one", to=CHANGES_ONLY)._replace(decisions=(Decision("c", Word.MUTED, "outside ACTIVE"),))
    first = await store.put(new, LEASES)
    again = await store.put(alert("one", to=CHANGES_ONLY), LEASES)
    more = await store.put(alert("one", "two"), LEASES)
    assert await store.decided(first.alert_id) == Decided(
        (Decision("c", Word.MUTED, "outside ACTIVE"), Decision("a", Word.TOLD, "new: 1 open"))
    )
    unchanged = await store.decided(again.alert_id)
    assert unchanged is not None
    assert ([(one.route, one.word) for one in unchanged.decisions], unchanged.before) == ([("a", Word.UNCHANGED)], b"")
    plain = await store.decided(more.alert_id)
    assert plain is not None
    assert plain.decisions == ()
    assert seen(plain.before) == snapshot("one")


@pytest.mark.parametrize("name", NOWHERE)
async def test_nothing_was_decided_of_an_alert_that_is_not_there(store: Store, name: str) -> None:
    assert await store.decided(name) is None


async def test_a_delivery_shows_for_what_it_waits_and_for_whom_it_stands_in(store: Store) -> None:
    later = START_US + 60 * SECOND_US
    held, second = NewDelivery("a", due_us=later, hold="window"), NewDelivery("b", stands_in_for=(Primary("a", 5),))
    stored = await store.put(an_alert(held, second), LEASES)
    rows = {}
    for route in ("a", "b"):
        found = await store.delivery(f"{stored.alert_id}.{route}", stopped=())
        assert found is not None
        rows[route] = found[0]
    assert [(row.hold, row.stands_in_for) for row in rows.values()] == [("window", ""), ("", "a")]
    assert {row.state for row in rows.values()} == {State.PENDING}
