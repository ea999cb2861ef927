"""A route that an operator paused or switched off: it stores and waits, and nothing is charged."""

from __future__ import annotations

from gateway.domain.delivery import RouteStatus, State
from tests.pipeline.gateway_world import DOWN, OK, World, a_route


async def test_an_operators_pause_parks_what_comes_and_outlives_a_restart(world: World) -> None:
    await world.start()
    assert await world.operations.pause("soc", by="ada")
    alerts = [await world.alert() for _ in range(3)]
    await world.pass_time(100)
    await world.restart()
    await world.pass_time(100)
    assert [await world.state(alert) for alert in alerts] == [State.PARKED] * 3
    (view,) = await world.operations.routes()
    assert (view.status, view.cause, view.reason) == ("paused", "operator", "paused by ada")
    assert world.receiver.sent == []
    await world.operations.resume("soc")
    await world.settled()
    assert [await world.state(alert) for alert in alerts] == [State.DELIVERED] * 3


async def test_resuming_sends_what_waited_for_its_next_attempt_at_once(world: World) -> None:
    await world.start()
    world.receiver.answers(DOWN, OK)
    alert = await world.alert()
    await world.settled()
    await world.operations.resume("soc")
    await world.settled()
    assert await world.state(alert) is State.DELIVERED


async def test_attempts_under_way_when_an_operator_pauses_are_finished(world: World) -> None:
    await world.start()
    world.receiver.shut()
    alert = await world.alert()
    await world.settled()
    await world.operations.pause("soc")
    world.receiver.open()
    await world.settled()
    assert await world.state(alert) is State.DELIVERED
    assert world.lane().state.status is RouteStatus.PAUSED


async def test_a_route_that_is_switched_off_stores_and_waits(world: World) -> None:
    await world.start(a_route(enabled=False))
    alert = await world.alert()
    await world.pass_time(100)
    assert await world.state(alert) is State.PARKED
    (view,) = await world.operations.routes()
    assert view.status == "disabled"
    await world.restart(a_route())
    await world.settled()
    assert await world.state(alert) is State.DELIVERED


async def test_time_in_which_a_route_was_switched_off_does_not_count_against_a_delivery(world: World) -> None:
    await world.start()
    world.receiver.answers(DOWN)
    alert = await world.alert()
    await world.settled()
    await world.restart(a_route(enabled=False))
    await world.pass_time(10_000)
    await world.restart(a_route())
    await world.settled()
    world.receiver.answers(OK)
    await world.pass_time(120)
    assert await world.state(alert) is State.DELIVERED
