from __future__ import annotations

import pytest

from gateway.domain.delivery import State
from gateway.domain.query import AlertSelection
from gateway.ports import StoreUnavailable
from tests.pipeline.faulty_store import FaultyStore
from tests.pipeline.gateway_world import DOWN, HOUR_S, World


async def test_finished_alerts_are_forgotten_after_the_retention_and_unfinished_ones_never(world: World) -> None:
    await world.start()
    finished = await world.alert()
    await world.settled()
    world.receiver.answers(DOWN)
    await world.operations.pause("soc")
    waiting = await world.alert()
    held = (await world.receive(b'{"eventType": "ALERT"}')).id  # type: ignore[union-attr]
    world.clock.move(23 * HOUR_S)
    await world.housekeeping.forget()
    assert world.journal.forgotten == 0
    world.clock.move(2 * HOUR_S)
    await world.housekeeping.forget()
    assert world.journal.forgotten == 1
    left = (await world.operations.alerts(AlertSelection(), limit=10)).alerts
    assert [row.id for row in left] == [held, waiting]
    assert finished not in {row.id for row in left}


async def test_leases_are_left_alone_soon_after_the_store_was_out_of_reach(world: World) -> None:
    """A result that waited for the store must get there before the lease is taken back, or it is sent twice."""
    faulty = FaultyStore()
    world.wrap = faulty.around
    await world.start()
    faulty.fails = {"record", "ping"}
    alert = await world.alert()
    await world.until(lambda: "record" in faulty.calls)
    world.clock.move(600)
    await world.housekeeping.beat()
    faulty.fails = {"record"}
    await world.housekeeping.take_back()
    assert world.journal.expired == []
    faulty.fails = set()
    await world.until(lambda: bool(world.journal.attempts))
    world.clock.move(600)
    await world.housekeeping.take_back()
    assert await world.state(alert) is State.DELIVERED
    assert len(world.receiver.sent) == 1


@pytest.mark.parametrize("work", ["take_back", "forget"])
async def test_a_refusal_of_the_store_ends_one_round_only(world: World, work: str) -> None:
    faulty = FaultyStore()
    world.wrap = faulty.around
    await world.start()
    faulty.fails = {"expire_leases", "purge"}
    with pytest.raises(StoreUnavailable):
        await getattr(world.housekeeping, work)()
    faulty.fails = set()
    await getattr(world.housekeeping, work)()
