from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.domain.approval import SOURCE as APPROVALS
from gateway.domain.delivery import NewDelivery, Primary
from gateway.domain.delivery import State as DeliveryState
from gateway.domain.query import AlertSelection
from gateway.domain.recording import MOST_BYTES_ON_A_PAGE, Recording
from gateway.domain.snapshot import Snapshot, digest_of
from gateway.domain.telling import Decision, State, Word
from gateway.ports import UnknownCursor
from gateway.queue.sqlite import SqliteStore
from tests.queue.store_world import NOWHERE, SECOND_US, START_US, SqliteEngine, an_alert, claim_all, finished, now

ALL = AlertSelection()


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[SqliteEngine]:
    engine = SqliteEngine(tmp_path)
    yield engine
    await engine.close()


@pytest.fixture
async def store(engine: SqliteEngine) -> SqliteStore:
    return await engine.open()


async def walk(store: SqliteStore, limit: int, selection: AlertSelection = ALL) -> list[list[Recording]]:
    """Page by page."""
    pages, after = [], ""
    while True:
        page = await store.recordings(selection, limit=limit, after=after)
        pages.append(list(page.recordings))
        after = page.next
        if not after:
            return pages


async def test_everything_is_read_once_oldest_first_whatever_the_pages(store: SqliteStore) -> None:
    ids = [(await store.put(an_alert("a"), {})).alert_id for _ in range(7)]
    for limit in (1, 3, 7, 1000):
        pages = await walk(store, limit)
        assert [recording.id for page in pages for recording in page] == ids
        assert max(map(len, pages)) <= limit


async def test_no_store_has_one_empty_page(store: SqliteStore) -> None:
    assert await walk(store, 10) == [[]]
    assert await walk(store, 10, AlertSelection(since_us=START_US + 1)) == [[]]


async def test_a_page_ends_where_its_bodies_are_too_many_to_keep(store: SqliteStore) -> None:
    half = MOST_BYTES_ON_A_PAGE // 2 - 2
    for number in range(5):
        await store.put(an_alert("a", body=b"%d" % number + b"x" * half), {})
    assert [len(page) for page in await walk(store, 1000)] == [3, 2]


async def test_a_recording_says_what_came_and_what_became_of_it(store: SqliteStore) -> None:
    said = Decision("b", Word.COVERED, "STOP=true of a")
    await store.put(an_alert("a", "c", body=b"\xff{}", decisions=(said,)), {})
    ((recording,),) = await walk(store, 10)
    assert recording[1:6] == ("optix", START_US, b"\xff{}", ("a", "c"), (("b", "covered", "STOP=true of a"),))


async def test_how_the_incident_stood_before_is_told_where_it_stood(store: SqliteStore) -> None:
    first, second = (Snapshot(score, (("bucket", "open"),)) for score in (50, 90))
    for snapshot in (first, first, second):
        await store.put(an_alert("a", key="optix-k", state=State(snapshot, digest_of(snapshot))), {})
    ((new, same, other),) = await walk(store, 10)
    assert [(one.stood, one.before) for one in (new, same, other)] == [(False, None), (True, None), (True, first)]


async def test_a_stand_in_counts_only_where_it_went_out(store: SqliteStore) -> None:
    await store.put(an_alert("a", NewDelivery("b", stands_in_for=(Primary("a", SECOND_US),))), {})
    await finished(store, DeliveryState.DELIVERED, "b")
    ((waiting, direct),) = await walk(store, 10)
    assert (waiting.routes, direct.routes) == (("a",), ("b",))
    assert await claim_all(store, "b") == ()


@pytest.mark.parametrize(
    ("selection", "found"),
    [
        (AlertSelection(source="acme"), [2]),
        (AlertSelection(environment="HTTPS://github.com/acme"), [3]),
        (AlertSelection(since_us=START_US + 10), [2, 3]),
        (AlertSelection(until_us=START_US + 10), [1]),
        (AlertSelection(since_us=START_US + 10, environment="123456789012"), [2]),
    ],
)
async def test_what_is_asked_for_is_told_and_nothing_else(
    store: SqliteStore, selection: AlertSelection, found: list[int]
) -> None:
    await store.put(an_alert(now("a"), body=b"1"), {})
    await store.put(an_alert("a", body=b"2", source="acme", received_us=START_US + 10), {})
    await store.put(an_alert("a", body=b"3", environment="https://github.com/ACME", received_us=START_US + 20), {})
    pages = await walk(store, 1, selection)
    assert [int(recording.body) for page in pages for recording in page] == found


@pytest.mark.parametrize("place", [place for place in NOWHERE if place])
async def test_a_place_that_is_none_of_this_store_is_refused(store: SqliteStore, place: str) -> None:
    with pytest.raises(UnknownCursor):
        await store.recordings(ALL, limit=10, after=place)


async def test_requests_for_approval_are_told_to_routes_and_are_no_alerts_that_came(store: SqliteStore) -> None:
    await store.put(an_alert("a", source=APPROVALS), {})
    await store.put(an_alert("a"), {})
    page = await store.recordings(AlertSelection(), limit=10)
    assert [recording.source for recording in page.recordings] == ["optix"]
