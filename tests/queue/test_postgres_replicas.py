"""Two replicas with one database: whatever they do at once is as if one had done it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.domain.delivery import State
from gateway.domain.policy import Pace
from gateway.domain.query import AlertSelection, Selection
from gateway.queue.postgres import PostgresStore
from tests.queue.incident_world import a_state, grouped, told, words
from tests.queue.postgres_world import PostgresEngine
from tests.queue.store_world import LEASE_US, LEASES, a_result, an_alert, claim_all, now, state_of

Pair = tuple[PostgresStore, PostgresStore]


@pytest.fixture
async def engine() -> AsyncIterator[PostgresEngine]:
    engine = PostgresEngine()
    yield engine
    await engine.close()


@pytest.fixture
async def pair(engine: PostgresEngine) -> AsyncIterator[Pair]:
    first, second = await engine.open(), await engine.another()
    yield first, second
    await second.close()


async def test_an_exact_repeat_is_recognised_whoever_takes_it(pair: Pair) -> None:
    alerts = [an_alert(now("a")) for _ in range(50)]
    stored = await asyncio.gather(*(store.put(alert, LEASES) for alert in alerts for store in pair))
    assert sum(each.duplicate for each in stored) == 50
    assert sum(len(each.claims) for each in stored) == 50
    assert len((await pair[0].alerts(AlertSelection(), limit=200)).alerts) == 50


async def test_of_an_incident_one_delivery_is_under_way_in_the_order_of_arrival(pair: Pair) -> None:
    stored = await asyncio.gather(
        *(store.put(an_alert(now("a"), key="k"), LEASES) for _ in range(30) for store in pair)
    )
    (claim,) = [claim for each in stored for claim in each.claims]
    rows = [claim.row]
    for turn in range(59):
        await pair[turn % 2].record(a_result(claim))
        found = await asyncio.gather(*(claim_all(store) for store in pair))
        (claim,) = [claim for claims in found for claim in claims]
        rows.append(claim.row)
    assert rows == sorted(rows)


async def test_nothing_is_handed_out_twice(pair: Pair) -> None:
    await asyncio.gather(*(pair[0].put(an_alert("a"), {}) for _ in range(300)))
    found = await asyncio.gather(*(claim_all(store, limit=7) for _ in range(30) for store in pair))
    ids = [claim.delivery_id for claims in found for claim in claims]
    assert len(ids) == len(set(ids))
    while more := await claim_all(pair[1]):
        ids += [claim.delivery_id for claim in more]
    assert len(ids) == len(set(ids)) == 300


async def test_a_receiver_is_told_once_of_what_both_replicas_hear(pair: Pair) -> None:
    stored = await asyncio.gather(
        *(store.put(a_state("k", "bucket", to=told()), {}) for _ in range(10) for store in pair)
    )
    said = [(await words(pair[0], each.alert_id))["a"] for each in stored]
    assert sorted(said) == ["told"] + ["unchanged"] * 19


async def test_a_group_goes_out_as_one_message(engine: PostgresEngine, pair: Pair) -> None:
    alerts = [a_state(f"k{number}", "bucket", to=grouped()) for number in range(3)]
    await asyncio.gather(*(pair[at % 2].put(alert, LEASES) for at, alert in enumerate(alerts)))
    engine.clock.advance(301)
    found = await asyncio.gather(*(claim_all(store) for _ in range(4) for store in pair))
    (claim,) = [claim for claims in found for claim in claims]
    assert len(claim.members) == 2


async def test_what_another_replica_is_sending_is_left_alone_until_its_lease_ends(engine: PostgresEngine) -> None:
    first = await engine.open()
    (claim,) = (await first.put(an_alert(now("a")), LEASES)).claims
    second = await engine.another()
    assert await state_of(second, claim.delivery_id) is State.SENDING
    engine.clock.advance(50)
    await first.renew([claim], LEASE_US)
    engine.clock.advance(50)
    assert await second.expire_leases() == ()
    engine.clock.advance(11)
    assert await second.expire_leases() == ("a",)
    assert (await first.record(a_result(claim))).applied is False
    await second.close()


async def test_a_turn_is_one_replicas_until_it_is_over(engine: PostgresEngine, pair: Pair) -> None:
    taken = await asyncio.gather(*(store.take_turn("sweeping", 60) for store in pair))
    assert sorted(taken) == [False, True]
    holder, other = pair if taken[0] else pair[::-1]
    engine.clock.advance(59)
    assert await holder.take_turn("sweeping", 60)
    engine.clock.advance(59)
    assert not await other.take_turn("sweeping", 60)
    engine.clock.advance(2)
    assert await other.take_turn("sweeping", 60)
    assert not await holder.take_turn("sweeping", 60)


async def test_the_pace_of_a_route_holds_for_the_sum(engine: PostgresEngine, pair: Pair) -> None:
    pace = Pace(per_s=2, burst=5)
    taken = await asyncio.gather(*(store.take_pace("a", pace, 2) for _ in range(5) for store in pair))
    assert sum(count for count, _ in taken) == 5
    assert await pair[0].take_pace("a", pace, 9) == (0, 0.5)
    engine.clock.advance(1)
    assert (await pair[1].take_pace("a", pace, 9))[0] == 2
    await pair[1].take_pace("a", pace, -1)
    assert (await pair[0].take_pace("a", pace, 9))[0] == 1


async def test_a_change_is_heard_by_the_others(pair: Pair) -> None:
    first, second = pair
    (claim,) = (await first.put(an_alert(now("a")), LEASES)).claims
    await first.record(a_result(claim, State.DEAD))
    hearing = asyncio.ensure_future(second.news(20))
    await asyncio.sleep(0)
    await first.replay([claim.delivery_id])
    async with asyncio.timeout(5):
        await hearing
    assert await second.next_due(["a"]) == {"a": 0}


async def test_a_job_left_behind_is_carried_out_once(pair: Pair) -> None:
    for _ in range(20):
        (claim,) = (await pair[0].put(an_alert(now("a")), LEASES)).claims
        await pair[0].record(a_result(claim, State.DEAD))
    job = await pair[0].add_job("replay", Selection(states=(State.DEAD,)), stopped=())
    while job.ended_us is None:
        steps = await asyncio.gather(*(store.step_job(job.id, limit=3) for store in pair))
        job = max((step[0] for step in steps), key=lambda each: each.done)
    assert (job.done, job.changed) == (20, 20)
