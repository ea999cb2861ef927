"""What is changed out there: one at a time for each resource, so much in an hour, and never forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.domain.remediation import Begun, Step, StepWord
from gateway.ports import Store
from tests.queue.acting import LEASE_US, begin, end, work
from tests.queue.postgres_world import PostgresEngine
from tests.queue.store_world import FakeClock


async def test_one_resource_is_acted_upon_by_one_delivery_at_a_time(store: Store) -> None:
    first = await begin(store, "d-1.fix", "one", "two")
    assert await store.begin_work(work("d-2.other", "two", "three", route="other")) == Begun(None, busy="d-1.fix")
    third = await begin(store, "d-3.other", "three", route="other")
    await end(store, first)
    assert await store.begin_work(work("d-2.other", "two", "three", route="other")) == Begun(None, busy="d-3.other")
    await end(store, third, "d-3.other")
    assert await begin(store, "d-2.other", "two", "three", route="other")


async def test_a_lock_of_one_who_never_came_back_ends_with_its_lease(store: Store, clock: FakeClock) -> None:
    await begin(store)
    clock.advance(59)
    assert (await store.begin_work(work("d-2.fix"))).busy == "d-1.fix"
    clock.advance(1)
    assert (await store.begin_work(work("d-2.fix"))).id is not None


async def test_a_delivery_that_was_cut_off_goes_on_with_its_own_work(store: Store, engine: Any) -> None:
    first = await begin(store)
    await store.put_step(first, Step("bucket", StepWord.CHANGING, "remove READ", "<before/>", "<after/>"))
    left = await engine.crash()
    assert await begin(left) == first
    row = await left.remediation(first)
    assert row is not None
    assert (row.tries, row.ended_us, row.plan, row.agreed) == (2, None, "close the bucket", "ann")
    (step,) = row.steps
    assert (step.word, step.before, step.after) == (StepWord.CHANGING, "<before/>", "<after/>")


async def test_what_was_replaced_is_kept_when_a_later_try_finds_nothing_to_do(store: Store) -> None:
    first = await begin(store)
    await store.put_step(first, Step("bucket", StepWord.CHANGING, "remove READ", "<before/>", "<after/>"))
    await store.put_step(first, Step("bucket", StepWord.CHANGED, "remove READ"))
    row = await store.remediation(first)
    assert row is not None
    assert [(s.word, s.before, s.after) for s in row.steps] == [(StepWord.CHANGED, "<before/>", "<after/>")]


async def test_the_limit_of_an_hour_counts_each_delivery_once(store: Store, clock: FakeClock) -> None:
    for number in range(3):
        name = f"d-{number}.fix"
        await end(store, await begin(store, name), name, "retry")
        await end(store, await begin(store, name), name)
    assert await store.begin_work(work("d-9.fix")) == Begun(None, spent=3)
    assert (await store.begin_work(work("d-9.other", route="other"))).id is not None
    await store.end_work(None, "d-9.other")
    clock.advance(3600)
    assert (await store.begin_work(work("d-9.fix"))).id is not None


async def test_what_was_given_up_and_is_replayed_counts_for_its_own_hour(store: Store, clock: FakeClock) -> None:
    for number in range(3):
        await end(store, await begin(store, f"d-{number}.fix"), f"d-{number}.fix", "retry")
        clock.advance(3600)
    for number in range(3):
        await end(store, await begin(store, f"d-{number}.fix", first_us=clock.us), f"d-{number}.fix")
    assert await store.begin_work(work("d-3.fix", first_us=clock.us)) == Begun(None, spent=3)


@pytest.mark.parametrize("other", [{"agreed": "bob"}, {"plan": "close another bucket"}])
async def test_an_entry_is_of_what_one_person_approved(store: Store, other: dict[str, str]) -> None:
    first = await begin(store)
    await end(store, first, outcome="retry")
    second = await begin(store, **other)
    assert second != first
    assert await begin(store, **other) == second


async def test_what_was_cut_off_a_moment_ago_goes_on_in_another_run_of_attempts(store: Store, clock: FakeClock) -> None:
    first = await begin(store)
    clock.advance(61)
    assert await begin(store, first_us=clock.us) == first


@pytest.mark.parametrize("other", [{}, {"agreed": "bob"}, {"dry_run": True}])
async def test_what_was_cut_off_long_ago_or_would_be_something_else_has_ended(
    store: Store, clock: FakeClock, other: dict[str, Any]
) -> None:
    first = await begin(store)
    clock.advance(3600)
    assert await begin(store, first_us=clock.us, **other) != first
    row = await store.remediation(first)
    assert row is not None
    assert (row.outcome, row.ended_us) == ("interrupted", clock.us)


async def test_what_was_refused_has_nothing_to_be_put_back(store: Store) -> None:
    id_ = await begin(store)
    await store.put_step(id_, Step("bucket", StepWord.CHANGING, "remove READ", "<before/>", "<after/>"))
    await store.put_step(id_, Step("bucket", StepWord.FAILED, "403 AccessDenied", "", ""))
    row = await store.remediation(id_)
    assert row is not None
    assert [(step.before, step.after) for step in row.steps] == [("", "")]


@pytest.mark.parametrize("outcome", ["", "retry", "rate_limited", "auth", "gone"])
async def test_what_is_tried_again_goes_on_under_the_same_entry(store: Store, outcome: str) -> None:
    first = await begin(store)
    await end(store, first, outcome=outcome)
    assert await begin(store) == first


@pytest.mark.parametrize("outcome", ["ok", "rejected", "ours"])
async def test_what_is_asked_for_anew_after_a_final_end_is_another_entry(store: Store, outcome: str) -> None:
    first = await begin(store)
    await end(store, first, outcome=outcome)
    assert await begin(store) != first


async def test_what_is_only_tried_counts_for_nothing(store: Store) -> None:
    for number in range(5):
        name = f"d-{number}.fix"
        await end(store, await begin(store, name, dry_run=True), name)
    assert (await store.begin_work(work("d-9.fix"))).id is not None


async def test_what_is_asked_for_again_after_its_end_is_another_entry(store: Store) -> None:
    first = await begin(store)
    await end(store, first)
    second = await begin(store)
    assert second > first
    assert [row.id for row in await store.remediations(limit=9)] == [second, first]
    assert [row.id for row in await store.remediations(limit=9, before=second)] == [first]


async def test_an_entry_tells_what_was_asked_by_which_alert_with_what_result(store: Store, clock: FakeClock) -> None:
    id_ = await begin(store)
    clock.advance(2)
    await end(store, id_)
    row = await store.remediation(id_)
    assert row is not None
    assert (row.alert, row.delivery, row.route, row.rule, row.dry_run) == ("d-1", "d-1.fix", "fix", "AR-251", False)
    assert (row.outcome, row.result, row.ended_us) == ("ok", "1 changed", clock.us)


async def test_what_is_undone_says_by_whom(store: Store, clock: FakeClock) -> None:
    id_ = await begin(store)
    await store.put_step(id_, Step("bucket", StepWord.CHANGED, "remove READ", "<before/>", "<after/>"))
    await store.put_undone(id_, "bucket", "ann")
    row = await store.remediation(id_)
    assert row is not None
    assert [(step.undone_us, step.undone_by) for step in row.steps] == [(clock.us, "ann")]


async def test_undoing_waits_for_the_resource_too(store: Store) -> None:
    id_ = await begin(store)
    assert await store.lock(("bucket",), "undo", LEASE_US) == "d-1.fix"
    await end(store, id_)
    assert await store.lock(("bucket",), "undo", LEASE_US) == ""
    assert (await store.begin_work(work("d-2.fix"))).busy == "undo"
    assert await store.lock(("bucket",), "undo", LEASE_US) == "undo"
    await store.end_work(None, "undo")
    assert (await store.begin_work(work("d-2.fix"))).id is not None


async def test_old_entries_are_forgotten_with_their_steps(store: Store, clock: FakeClock) -> None:
    id_ = await begin(store)
    await store.put_step(id_, Step("bucket", StepWord.SAFE))
    assert await store.purge_remediations(clock.us) == 0
    assert await store.purge_remediations(clock.us + 1) == 1
    assert await store.remediation(id_) is None
    assert await store.remediation(2**62) is None


async def test_of_several_gateways_one_gets_the_resource(several: tuple[Store, ...]) -> None:
    for number in range(20):
        asked = [work(f"d-{number}-{place}.fix", "one", "two", hourly=100) for place in range(len(several))]
        begun = await asyncio.gather(*[store.begin_work(each) for store, each in zip(several, asked, strict=True)])
        ((winner, found),) = [(at, each) for at, each in enumerate(begun) if each.id is not None]
        await several[winner].end_work(found.id, asked[winner].delivery, "ok")


@pytest.fixture
async def several() -> AsyncIterator[tuple[Store, ...]]:
    engine = PostgresEngine()
    await engine.open()
    stores = [await engine.another() for _ in range(3)]
    yield tuple(stores)
    for store in stores:
        await store.close()
    await engine.close()
