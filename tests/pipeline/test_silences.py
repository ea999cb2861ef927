"""What silences hold, and what is asked once more when it comes due: other silences, and the hours of the route."""

from __future__ import annotations

import pytest

from gateway.domain.chain import Chain
from gateway.domain.delivery import State
from gateway.domain.notify import CHANGES
from gateway.domain.telling import Terms
from gateway.domain.window import WhenMuted
from gateway.pipeline.configured import ConfiguredRoute
from tests.pipeline.gateway_world import DOWN, HOUR_S, OK, REJECTED, SECOND_US, World, a_body
from tests.pipeline.telling_world import ON_CHANGE, TO_THE_MORNING_S, chat, grouping, messages, state

EVENING_S = 3600


async def silence(world: World, hours: float, **values: object) -> str:
    """From now on, of everything unless told otherwise; its id."""
    given: dict[str, object] = {"reason": "work", "author": "me", "lasts_us": int(hours * HOUR_S) * SECOND_US}
    given |= values or {"all": True}
    return (await world.silences.begin(given)).id


def by_day(terms: Terms = ON_CHANGE, *, mute: str = "23:00-06:00 UTC", **more: object) -> ConfiguredRoute:
    """The world begins at 22:13, when this route is open still."""
    return chat(terms=terms, mute=mute, **more)  # type: ignore[arg-type]  # typed where a test writes them


async def test_what_a_silence_holds_is_told_when_it_ends(world: World) -> None:
    await world.start(chat())
    await silence(world, 1)
    await state(world, "a", "bucket")
    await world.pass_time(HOUR_S - 1)
    assert world.receiver.sent == []
    await world.pass_time(2)
    assert [message.alert for message in messages(world.receiver)] == ["a"]


async def test_what_a_silence_holds_goes_out_when_it_is_ended_early(world: World) -> None:
    await world.start(chat())
    silenced = await silence(world, 5)
    await state(world, "a", "bucket")
    assert await world.operations.end_silence(silenced)
    assert not await world.operations.end_silence(silenced)
    await world.settled()
    assert [(message.at_s, message.alert) for message in messages(world.receiver)] == [(0, "a")]


async def test_a_silence_that_ends_at_night_wakes_nobody(world: World) -> None:
    await world.start(by_day())
    await silence(world, 1)
    alert = await state(world, "a", "bucket")
    await world.pass_time(TO_THE_MORNING_S - 1)
    assert world.receiver.sent == []
    row = await world.row(alert)
    assert (row.state, row.hold, row.attempts) == (State.PENDING, "window", 0)
    assert row.reason.startswith("muted until 2023-11-15 06:00")
    await world.pass_time(2)
    assert [message.alert for message in messages(world.receiver)] == ["a"]
    assert len(world.journal.put_off) == 1


async def test_a_silence_that_is_ended_at_night_wakes_nobody(world: World) -> None:
    await world.start(by_day())
    silenced = await silence(world, 20)
    await state(world, "a", "bucket")
    await world.pass_time(EVENING_S)
    await world.operations.end_silence(silenced)
    await world.pass_time(60)
    assert world.receiver.sent == []
    await world.pass_time(TO_THE_MORNING_S)
    assert len(world.receiver.sent) == 1


async def test_one_silence_after_another_holds_on(world: World) -> None:
    await world.start(chat())
    first = await silence(world, 1)
    await state(world, "a", "bucket")
    await world.pass_time(1)
    await silence(world, 2, RULES=["AR-251"])
    await world.operations.end_silence(first)
    await world.pass_time(2 * HOUR_S - 1)
    assert world.receiver.sent == []
    await world.pass_time(2)
    assert len(world.receiver.sent) == 1


async def test_a_silence_of_the_morning_holds_what_came_at_night(world: World) -> None:
    await world.start(by_day(mute="22:00-06:00 UTC"))
    await state(world, "a", "bucket")
    await silence(world, 10)
    await world.pass_time(10 * HOUR_S - 1)
    assert world.receiver.sent == []
    await world.pass_time(2)
    assert len(world.receiver.sent) == 1


async def test_a_restart_into_open_hours_does_not_break_a_silence(world: World) -> None:
    await world.start(by_day(mute="22:00-06:00 UTC"))
    await state(world, "a", "bucket")
    await silence(world, 1)
    await world.restart(chat())
    await world.pass_time(HOUR_S - 1)
    assert world.receiver.sent == []
    await world.pass_time(2)
    assert len(world.receiver.sent) == 1


@pytest.mark.parametrize("when_muted", WhenMuted)
async def test_what_waits_for_its_group_is_held_when_the_hours_end_and_never_dropped(
    world: World, when_muted: WhenMuted
) -> None:
    terms = Terms(notify=CHANGES, grouping=grouping(wait_s=EVENING_S))
    await world.start(by_day(terms, when_muted=when_muted))
    await state(world, "a", "bucket")
    await state(world, "b", "bucket")
    await world.pass_time(TO_THE_MORNING_S - 1)
    assert world.receiver.sent == []
    await world.pass_time(2)
    (message,) = messages(world.receiver)
    assert len(message.lines) == 2


async def test_of_a_group_only_what_is_silenced_waits(world: World) -> None:
    await world.start(chat(terms=Terms(notify=CHANGES, grouping=grouping("environment"))))
    for rule in ("AR-1", "AR-2", "AR-3"):
        await state(world, rule, "bucket", ruleNumber=rule, alertSummary=rule)
    await silence(world, 1, RULES=["AR-1"])
    await world.pass_time(31)
    (message,) = messages(world.receiver)
    assert [line.partition(" (")[0] for line in message.lines] == ["High: AR-2", "High: AR-3"]
    await world.pass_time(HOUR_S)
    assert [message.alert for message in messages(world.receiver)][1:] == ["AR-1"]


async def test_what_is_over_when_the_silence_ends_is_not_held_again(world: World) -> None:
    await world.start(by_day())
    await silence(world, 1)
    await state(world, "a", "bucket")
    await state(world, "a", "-bucket")
    await world.pass_time(2 * TO_THE_MORNING_S)
    assert world.receiver.sent == []


async def test_a_newer_state_takes_the_place_of_what_was_held_again(world: World) -> None:
    await world.start(by_day())
    await silence(world, 1)
    await state(world, "a", "bucket")
    await world.pass_time(2 * HOUR_S)
    await state(world, "a", "bucket", "queue")
    await world.pass_time(TO_THE_MORNING_S)
    assert [message.lines for message in messages(world.receiver)] == [["bucket", "queue"]]


async def test_what_was_tried_by_day_is_tried_again_at_night(world: World) -> None:
    await world.start(by_day())
    silenced = await silence(world, 5)
    await state(world, "a", "bucket")
    world.receiver.answers(DOWN, OK)
    await world.operations.end_silence(silenced)
    await world.pass_time(EVENING_S)
    assert [message.at_s for message in messages(world.receiver)] == [0, 10]


async def test_what_an_operator_replays_is_sent_whatever_the_hour(world: World) -> None:
    await world.start(by_day(mute="22:00-06:00 UTC"))
    alert = await state(world, "a", "bucket")
    await world.operations.cancel([f"{alert}.soc"])
    await world.operations.replay([f"{alert}.soc"])
    await world.settled()
    assert len(world.receiver.sent) == 1


async def test_a_stand_in_that_sleeps_is_not_woken(world: World) -> None:
    first = chat("first", chain=Chain(fallback="second", fallback_after_us=3600 * SECOND_US))
    asleep = chat("second", mute="22:20-06:00 UTC", chain=Chain(fallback_only=True))
    await world.start(first, asleep)
    world.receiver.does(lambda sent: DOWN if sent.delivery_id.endswith(".first") else OK)
    await state(world, "a", "bucket")
    await world.pass_time(TO_THE_MORNING_S - 1)
    assert messages(world.receiver, "second") == []
    await world.pass_time(2)
    assert len(messages(world.receiver, "second")) == 1


async def test_the_time_of_a_stand_in_runs_from_when_the_first_route_wakes_at_last(world: World) -> None:
    first = chat("first", mute="23:00-06:00 UTC", chain=Chain(fallback="second"))
    await world.start(first, chat("second", chain=Chain(fallback_only=True)))
    world.receiver.does(lambda sent: DOWN if sent.delivery_id.endswith(".first") else OK)
    await silence(world, 1, RULES=["AR-251"], ROUTES=["first"])
    await state(world, "a", "bucket")
    await world.pass_time(TO_THE_MORNING_S + 899)
    assert messages(world.receiver, "second") == []
    await world.pass_time(2)
    assert len(messages(world.receiver, "second")) == 1


async def test_what_cannot_be_stored_is_put_off_when_it_can(world: World) -> None:
    await world.start(by_day())
    await silence(world, 1)
    await world.receive(a_body())
    await world.pass_time(HOUR_S + 1)
    assert world.receiver.sent == []
    await world.crash()
    await world.start(*world.routes)
    await world.pass_time(TO_THE_MORNING_S)
    assert len(world.receiver.sent) == 1


async def test_a_receiver_that_refuses_a_group_is_not_asked_at_night_for_the_rest(world: World) -> None:
    """Each goes alone then; none of them was kept back by the hours."""
    terms = Terms(notify=CHANGES, grouping=grouping())
    await world.start(by_day(terms))
    for name in ("a", "b"):
        await state(world, name, "bucket")
    world.receiver.answers(REJECTED, OK)
    await world.pass_time(60)
    assert len(world.receiver.sent) == 3
    assert world.journal.put_off == []


async def test_two_silences_of_one_microsecond_are_two(world: World) -> None:
    await world.start()
    ids = {await silence(world, 1), await silence(world, 2)}
    assert {known.id for known in world.silences.all()} == ids
    assert len(ids) == 2
