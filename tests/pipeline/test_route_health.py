"""A route whose receiver fails: opened, parked, probed, recovered."""

from __future__ import annotations

import pytest

from gateway.domain.delivery import RouteState, RouteStatus, State
from gateway.domain.message import Answer
from gateway.domain.outcome import Outcome, OutcomeClass
from gateway.domain.policy import RetryPolicy
from gateway.ports import StoreUnavailable
from tests.pipeline.faulty_store import FaultyStore
from tests.pipeline.gateway_world import DOWN, GONE, OK, REFUSED, REJECTED, UNREACHABLE, World, a_route

PATIENT = RetryPolicy((3.0, 3.0, 3.0, 3.0, 3.0, 3.0), 3600.0)


async def opened(world: World, count: int = 4, answer: Answer = DOWN) -> list[str]:
    """A running gateway whose route has just opened with so many deliveries waiting."""
    await world.start(a_route(retry=PATIENT))
    world.receiver.answers(answer)
    alerts = [await world.alert() for _ in range(count)]
    for _ in range(30):
        if world.lane().state.status is RouteStatus.OPEN:
            break
        await world.pass_time(1)
    assert world.lane().state.status is RouteStatus.OPEN
    await world.settled()
    world.receiver.sent.clear()
    return alerts


async def attempts_charged(world: World, alerts: list[str]) -> list[int]:
    return [(await world.row(alert)).attempts for alert in alerts]


@pytest.mark.parametrize("answer", [DOWN, UNREACHABLE])
async def test_a_receiver_that_keeps_failing_opens_the_route_and_its_deliveries_read_as_parked(
    world: World, answer: Answer
) -> None:
    alerts = await opened(world, answer=answer)
    assert world.journal.statuses == ["open"]
    assert [await world.state(alert) for alert in alerts] == [State.PARKED] * 4
    fresh = await world.alert()
    await world.settled()
    assert await world.state(fresh) is State.PARKED
    assert world.receiver.sent == []


async def test_an_open_route_probes_with_one_real_delivery_at_growing_distances_and_charges_nothing(
    world: World,
) -> None:
    alerts = await opened(world)
    began_s, charged = world.clock.running_s, await attempts_charged(world, alerts)
    await world.pass_time(300)
    waits = [round(sent.at_s - began_s) for sent in world.receiver.sent]
    assert waits == [15, 45, 105, 225]
    assert world.receiver.most_under_way <= 4
    assert await attempts_charged(world, alerts) == charged
    assert [await world.state(alert) for alert in alerts] == [State.PARKED] * 4


async def test_a_probe_that_gets_through_lets_everything_out_at_once(world: World) -> None:
    alerts = await opened(world, count=12)
    alerts += [await world.alert() for _ in range(5)]
    world.receiver.answers(OK)
    await world.pass_time(15)
    assert [await world.state(alert) for alert in alerts] == [State.DELIVERED] * 17
    assert world.journal.statuses == ["open", "running"]
    assert len(world.receiver.sent) == 17


async def test_a_receiver_that_restarts_costs_a_handful_of_attempts_and_is_found_seconds_after_it_is_back(
    world: World,
) -> None:
    await world.start(a_route(concurrency=2))
    world.receiver.answers(UNREACHABLE)
    alerts = [await world.alert() for _ in range(40)]
    await world.settled()
    assert world.journal.statuses == ["open"]
    assert len(world.receiver.sent) <= 5 + 2
    await world.pass_time(5)
    world.receiver.answers(OK)
    await world.pass_time(4)
    assert [await world.state(alert) for alert in alerts] == [State.DELIVERED] * 40
    assert world.journal.statuses == ["open", "running"]


async def test_only_one_probe_is_under_way_at_a_time(world: World) -> None:
    await opened(world, count=12)
    world.receiver.shut()
    await world.pass_time(600)
    for _ in range(5):
        await world.alert()
    await world.settled()
    assert len(world.receiver.sent) == 1


async def test_a_fresh_alert_can_be_the_probe(world: World) -> None:
    alerts = await opened(world, count=4)
    await world.operations.cancel([f"{alert}.soc" for alert in alerts])
    await world.pass_time(60)
    assert world.receiver.sent == []
    world.receiver.answers(OK)
    fresh = await world.alert()
    await world.settled()
    assert await world.state(fresh) is State.DELIVERED
    assert world.lane().state.status is RouteStatus.RUNNING


async def test_a_probe_that_cannot_be_worded_is_parked_and_the_next_one_goes(world: World) -> None:
    alerts = await opened(world, count=4)
    await world.operations.cancel([f"{alert}.soc" for alert in alerts])
    unwordable = [await world.alert(ruleNumber="UNWORDABLE") for _ in range(3)]
    wordable = await world.alert()
    world.receiver.answers(OK)
    await world.pass_time(15)
    assert [await world.state(alert) for alert in unwordable] == [State.PARKED] * 3
    assert await world.state(wordable) is State.DELIVERED


async def test_what_was_never_sent_does_not_count_as_a_sign_of_life(world: World) -> None:
    """A delivery whose last allowed attempt was interrupted ends dead without a message: that is no answer."""
    await world.start(a_route(retry=RetryPolicy((), 3600.0)))
    world.receiver.shut()
    lost = await world.alert()
    await world.settled()
    await world.store.put_route_state(RouteState("soc", RouteStatus.OPEN, "failing"))
    await world.crash()
    world.receiver.open()
    await world.start(*world.routes)
    await world.settled()
    assert await world.state(lost) is State.DEAD
    assert len(world.receiver.sent) == 1
    assert world.lane().state.status is RouteStatus.OPEN


async def test_a_probe_that_taught_nothing_is_followed_by_another_at_once(world: World) -> None:
    await world.start(a_route(retry=RetryPolicy((3600.0,), 9000.0)))
    world.receiver.answers(DOWN)
    waiting = await world.alert()
    await world.settled()
    unwordable = await world.alert(ruleNumber="UNWORDABLE")
    await world.settled()
    for _ in range(3):
        await world.lane().remember(world.lane()._health.judge(Outcome(OutcomeClass.AUTH, "401 Unauthorized")))
    await world.store.replay([f"{unwordable}.soc"])
    await world.pass_time(901)
    assert [(sent.delivery_id, sent.at_s) for sent in world.receiver.sent[1:]] == [(f"{waiting}.soc", 900)]
    assert await world.state(unwordable) is State.PARKED


async def test_attempts_that_were_under_way_when_it_opened_do_not_open_it_again_and_again(world: World) -> None:
    await world.start(a_route(retry=PATIENT, concurrency=8))
    world.receiver.answers(DOWN)
    world.receiver.shut()
    for _ in range(8):
        await world.alert()
    await world.settled()
    world.receiver.open()
    await world.settled()
    world.receiver.shut()
    await world.pass_time(12)
    world.receiver.open()
    await world.settled()
    assert world.journal.statuses == ["open"]
    assert world.lane().state.probe_wait_s == 15


async def test_recovery_starts_the_retry_window_anew(world: World) -> None:
    await world.start(a_route(retry=RetryPolicy((3.0,) * 8, 60.0)))
    world.receiver.answers(DOWN)
    alerts = [await world.alert() for _ in range(4)]
    await world.pass_time(500)
    world.receiver.answers(OK, DOWN, DOWN, DOWN, OK)
    await world.pass_time(300)
    assert [await world.state(alert) for alert in alerts] == [State.DELIVERED] * 4


async def test_refused_credentials_open_the_route_at_the_third_and_are_probed_after_a_quarter_of_an_hour(
    world: World,
) -> None:
    await world.start(a_route(concurrency=1))
    world.receiver.answers(REFUSED)
    alerts = [await world.alert() for _ in range(6)]
    await world.settled()
    assert (len(world.receiver.sent), world.lane().state.cause) == (3, "auth")
    await world.pass_time(890)
    assert len(world.receiver.sent) == 3
    world.receiver.answers(OK)
    await world.pass_time(20)
    assert [await world.state(alert) for alert in alerts] == [State.DELIVERED] * 6


async def test_a_hook_that_is_gone_pauses_the_route_without_charge_until_an_operator_resumes_it(world: World) -> None:
    await world.start()
    world.receiver.answers(GONE)
    alert = await world.alert()
    await world.pass_time(5000)
    assert (world.lane().state.status, world.lane().state.cause) == (RouteStatus.PAUSED, "gone")
    assert len(world.receiver.sent) == 1
    assert (await world.row(alert)).attempts == 0
    assert await world.state(alert) is State.PARKED
    world.receiver.answers(OK)
    assert await world.operations.resume("soc")
    await world.settled()
    assert await world.state(alert) is State.DELIVERED


async def test_a_restart_probes_a_route_whose_hook_was_gone(world: World) -> None:
    await world.start()
    world.receiver.answers(GONE)
    alert = await world.alert()
    await world.settled()
    world.receiver.answers(OK)
    await world.restart()
    await world.settled()
    assert await world.state(alert) is State.DELIVERED
    assert world.journal.statuses == ["paused", "running"]


async def test_an_operator_who_resumes_an_open_route_does_not_wait_for_its_probe(world: World) -> None:
    alerts = await opened(world, count=6)
    world.receiver.answers(OK)
    await world.operations.resume("soc")
    await world.settled()
    assert [await world.state(alert) for alert in alerts] == [State.DELIVERED] * 6


async def test_a_rejection_ends_one_delivery_and_says_nothing_of_the_route(world: World) -> None:
    await world.start()
    world.receiver.answers(REJECTED)
    alerts = [await world.alert() for _ in range(10)]
    await world.settled()
    assert [await world.state(alert) for alert in alerts] == [State.DEAD] * 10
    assert world.lane().state.status is RouteStatus.RUNNING


async def test_a_state_that_cannot_be_written_is_in_force_and_the_operator_hears_of_it(world: World) -> None:
    faulty = FaultyStore()
    world.wrap = faulty.around
    await world.start()
    faulty.fails = {"put_route_state"}
    with pytest.raises(StoreUnavailable):
        await world.operations.pause("soc")
    alert = await world.alert()
    await world.settled()
    assert await world.state(alert) is State.PARKED
