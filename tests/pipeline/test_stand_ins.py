"""A second route for what the first one does not deliver in time."""

from __future__ import annotations

from dataclasses import replace

from gateway.domain.chain import Chain
from gateway.domain.delivery import State
from gateway.domain.message import Answer
from gateway.domain.notify import CHANGES
from gateway.domain.telling import Terms
from gateway.pipeline.configured import ConfiguredRoute
from gateway.pipeline.intake import Accepted, Duplicate
from tests.pipeline.fakes import Sent
from tests.pipeline.gateway_world import DOWN, OK, REJECTED, SECOND_US, World, a_body, a_route
from tests.pipeline.telling_world import TO_THE_MORNING_S, chat, grouping, messages, state

AFTER_S = 900


def pair(**first: object) -> tuple[ConfiguredRoute, ConfiguredRoute]:
    primary = chat("first", chain=Chain(fallback="second"))
    return replace(primary, **first), chat("second", chain=Chain(fallback_only=True))  # type: ignore[arg-type]


def answering(world: World, answer: Answer, route: str = "first") -> None:
    """This route's receiver answers so, every other takes everything."""

    def script(sent: Sent) -> Answer:
        return answer if sent.delivery_id.endswith(f".{route}") else OK

    world.receiver.does(script)


async def test_what_was_delivered_in_time_goes_to_nobody_else(world: World) -> None:
    await world.start(*pair())
    alert = await state(world, "a", "bucket")
    await world.pass_time(2 * AFTER_S)
    assert messages(world.receiver, "second") == []
    assert await world.state(alert, "second") is State.SUPERSEDED


async def test_what_was_not_delivered_in_time_goes_to_the_second_route(world: World) -> None:
    await world.start(*pair())
    answering(world, DOWN)
    await state(world, "a", "bucket")
    await world.pass_time(AFTER_S - 1)
    assert messages(world.receiver, "second") == []
    await world.pass_time(2)
    assert [(message.at_s, message.alert) for message in messages(world.receiver, "second")] == [(AFTER_S, "a")]


async def test_what_the_first_route_gives_up_goes_to_the_second_at_once(world: World) -> None:
    await world.start(*pair())
    answering(world, REJECTED)
    await state(world, "a", "bucket")
    assert [(message.at_s, message.alert) for message in messages(world.receiver, "second")] == [(0, "a")]


async def test_what_cannot_be_worded_for_the_first_route_goes_to_the_second_at_once(world: World) -> None:
    primary, secondary = pair()
    await world.start(replace(primary, destination=a_route().destination), secondary)
    alert = await state(world, "a", "bucket", ruleNumber="UNWORDABLE")
    assert await world.state(alert, "first") is State.PARKED
    assert len(messages(world.receiver, "second")) == 1


async def test_what_an_operator_cancels_goes_to_nobody(world: World) -> None:
    await world.start(*pair())
    answering(world, DOWN)
    alert = await state(world, "a", "bucket")
    await world.operations.cancel([f"{alert}.first"])
    await world.pass_time(2 * AFTER_S)
    assert messages(world.receiver, "second") == []
    assert await world.state(alert, "second") is State.SUPERSEDED


async def test_the_sender_hears_only_of_routes_that_took_the_alert(world: World) -> None:
    await world.start(*pair())
    body = a_body()
    for _ in ("first", "again"):
        reply = await world.receive(body)
        assert isinstance(reply, Accepted | Duplicate)
        assert reply.routes == ("first",)


async def test_what_is_over_in_the_morning_is_not_told_by_the_second_route(world: World) -> None:
    asleep = chat("first", mute="22:00-06:00 UTC")
    await world.start(*pair(schedule=asleep.schedule))
    await state(world, "a", "bucket")
    await state(world, "a", "-bucket")
    await world.pass_time(TO_THE_MORNING_S + 2 * AFTER_S)
    assert world.receiver.sent == []


async def test_what_a_retry_delivered_in_time_goes_to_nobody_else(world: World) -> None:
    await world.start(*pair())
    answering(world, DOWN)
    await state(world, "a", "bucket")
    await world.pass_time(50)
    answering(world, OK)
    await world.pass_time(2 * AFTER_S)
    assert messages(world.receiver, "second") == []


async def test_the_time_is_that_of_fallback_after(world: World) -> None:
    await world.start(*pair(chain=Chain(fallback="second", fallback_after_us=60 * SECOND_US)))
    answering(world, DOWN)
    await state(world, "a", "bucket")
    await world.pass_time(61)
    assert len(messages(world.receiver, "second")) == 1


async def test_an_incident_that_goes_on_changing_does_not_put_off_the_second_route(world: World) -> None:
    await world.start(*pair())
    answering(world, DOWN)
    for number in range(10):
        await state(world, "a", *(f"b{each}" for each in range(number + 1)))
        await world.pass_time(120)
    (message, *_) = messages(world.receiver, "second")
    assert message.at_s == AFTER_S
    assert (len(message.lines), message.news) == (8, ""), "as it stands then, in full: it is the first word there"


async def test_a_newer_state_that_was_delivered_speaks_for_older_ones(world: World) -> None:
    await world.start(*pair())
    answering(world, DOWN)
    await state(world, "a", "bucket")
    await world.pass_time(300)
    answering(world, OK)
    await state(world, "a", "bucket", "queue")
    await world.pass_time(2 * AFTER_S)
    assert messages(world.receiver, "second") == []


async def test_repeats_that_the_first_route_is_not_told_go_to_nobody(world: World) -> None:
    await world.start(*pair())
    for _ in range(3):
        await state(world, "a", "bucket")
    await world.pass_time(2 * AFTER_S)
    assert messages(world.receiver, "second") == []


async def test_a_second_route_that_took_the_alert_itself_is_told_once(world: World) -> None:
    primary, _ = pair()
    await world.start(primary, chat("second"))
    answering(world, DOWN)
    await state(world, "a", "bucket")
    await world.pass_time(2 * AFTER_S)
    assert len(messages(world.receiver, "second")) == 1


async def test_a_first_route_that_sleeps_is_not_late(world: World) -> None:
    """What waits for its hours is as wanted; the time runs from the morning."""
    asleep = chat("first", mute="22:00-06:00 UTC")
    await world.start(*pair(schedule=asleep.schedule))
    answering(world, DOWN)
    await state(world, "a", "bucket")
    await world.pass_time(TO_THE_MORNING_S + AFTER_S - 1)
    assert messages(world.receiver, "second") == []
    await world.pass_time(2)
    assert len(messages(world.receiver, "second")) == 1


async def test_a_first_route_that_waits_for_its_group_is_not_late(world: World) -> None:
    await world.start(*pair(terms=Terms(notify=CHANGES, grouping=grouping(wait_s=2000))))
    await state(world, "a", "bucket")
    await world.pass_time(3000)
    assert [message.at_s for message in messages(world.receiver, "first")] == [2000]
    assert messages(world.receiver, "second") == []


async def test_of_a_group_each_goes_over_and_none_when_it_was_delivered(world: World) -> None:
    await world.start(*pair(terms=Terms(notify=CHANGES, grouping=grouping())))
    for name in ("a", "b"):
        await state(world, name, "bucket")
    await world.pass_time(AFTER_S)
    assert messages(world.receiver, "second") == []
    answering(world, DOWN)
    for name in ("c", "d"):
        await state(world, name, "bucket")
    await world.pass_time(AFTER_S + 31)
    assert sorted(message.alert for message in messages(world.receiver, "second")) == ["c", "d"]


async def test_the_time_runs_on_over_a_restart(world: World) -> None:
    await world.start(*pair())
    answering(world, DOWN)
    await state(world, "a", "bucket")
    await world.crash()
    await world.start(*world.routes)
    await world.pass_time(AFTER_S + 1)
    assert len(messages(world.receiver, "second")) == 1
