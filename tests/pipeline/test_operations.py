"""What operators may see and do."""

from __future__ import annotations

import pytest

from gateway import samples
from gateway.domain.delivery import State
from gateway.domain.filter import parse_filter
from gateway.domain.message import HttpAnswer
from gateway.domain.outcome import OutcomeClass
from gateway.domain.query import AlertSelection, Selection
from gateway.pipeline.housekeeping import SILENT_S
from gateway.pipeline.intake import Held
from tests.pipeline.faulty_store import FaultyStore
from tests.pipeline.gateway_world import DOWN, OK, REJECTED, SECRET, World, a_body, a_route


async def test_a_dead_delivery_is_sent_again_with_its_attempts_counted_anew(world: World) -> None:
    await world.start()
    world.receiver.answers(REJECTED, DOWN, DOWN, OK)
    alert = await world.alert()
    await world.settled()
    assert await world.operations.replay([f"{alert}.soc"], by="ada") == (f"{alert}.soc",)
    await world.pass_time(200)
    row, attempts = await world.found(alert)
    assert (row.state, row.attempts, len(attempts)) == (State.DELIVERED, 3, 4)
    assert world.journal.operated == [((f"{alert}.soc",), "pending", "ada")]


@pytest.mark.parametrize("delivery", ["", "nonsense", "a-1.soc", "a-1", ".", "x.y.z"])
async def test_replaying_or_cancelling_what_is_not_there_changes_nothing(world: World, delivery: str) -> None:
    await world.start()
    assert await world.operations.replay([delivery]) == ()
    assert await world.operations.cancel([delivery]) == ()
    assert await world.operations.delivery(delivery) is None


async def test_a_cancelled_delivery_is_not_sent_and_its_successor_is(world: World) -> None:
    await world.start()
    world.receiver.answers(DOWN)
    first = await world.alert("one-incident")
    await world.settled()
    second = await world.alert("one-incident")
    await world.settled()
    world.receiver.answers(OK)
    assert await world.operations.cancel([f"{first}.soc"], by="ada") == (f"{first}.soc",)
    await world.settled()
    assert (await world.state(first), await world.state(second)) == (State.CANCELLED, State.DELIVERED)
    await world.pass_time(2000)
    assert len(world.receiver.sent) == 2


async def test_what_is_being_sent_cannot_be_cancelled(world: World) -> None:
    await world.start()
    world.receiver.shut()
    alert = await world.alert()
    await world.settled()
    assert await world.operations.cancel([f"{alert}.soc"]) == ()
    world.receiver.open()
    await world.settled()
    assert await world.state(alert) is State.DELIVERED


async def test_many_are_replayed_by_a_job_after_a_dry_run(world: World) -> None:
    await world.start()
    world.receiver.answers(REJECTED)
    alerts = [await world.alert() for _ in range(7)]
    await world.settled()
    world.receiver.answers(OK)
    dead = Selection(states=(State.DEAD,))
    assert await world.operations.count(dead) == 7
    world.run_jobs()
    job = await world.operations.change_many("replay", dead)
    assert (job.total, job.ended_us) == (7, None)
    await world.until(lambda: len(world.receiver.sent) == 14)
    await world.settled()
    assert [await world.state(alert) for alert in alerts] == [State.DELIVERED] * 7
    found = await world.operations.job(job.id)
    assert found is not None
    assert (found.done, found.changed, found.ended_us is not None) == (7, 7, True)


async def test_many_are_cancelled_by_a_job_parked_ones_included(world: World) -> None:
    await world.start()
    await world.operations.pause("soc")
    alerts = [await world.alert() for _ in range(5)]
    world.run_jobs()
    job = await world.operations.change_many("cancel", Selection(states=(State.PARKED,)))

    await with_end(world, job.id)
    assert [await world.state(alert) for alert in alerts] == [State.CANCELLED] * 5


async def test_a_job_is_resumed_after_a_restart(world: World) -> None:
    await world.start()
    world.receiver.answers(REJECTED)
    alerts = [await world.alert() for _ in range(5)]
    await world.settled()
    job = await world.operations.change_many("replay", Selection(states=(State.DEAD,)))
    await world.restart()
    world.receiver.answers(OK)
    world.run_jobs()
    await with_end(world, job.id)
    await world.settled()
    assert [await world.state(alert) for alert in alerts] == [State.DELIVERED] * 5


async def test_a_job_waits_out_a_store_that_is_out_of_reach(world: World) -> None:
    faulty = FaultyStore()
    world.wrap = faulty.around
    await world.start()
    world.receiver.answers(REJECTED, OK)
    alert = await world.alert()
    await world.settled()
    faulty.fails = {"step_job"}
    world.run_jobs()
    job = await world.operations.change_many("replay", Selection(states=(State.DEAD,)))
    await world.until(lambda: "step_job" in faulty.calls)
    faulty.fails = set()
    await with_end(world, job.id)
    await world.settled()
    assert await world.state(alert) is State.DELIVERED


async def test_a_job_that_an_operator_stops_goes_no_further(world: World) -> None:
    await world.start()
    world.receiver.answers(REJECTED)
    alert = await world.alert()
    await world.settled()
    job = await world.operations.change_many("replay", Selection(states=(State.DEAD,)))
    stopped = await world.operations.stop_job(job.id)
    assert stopped is not None
    assert stopped.cancelled
    world.run_jobs()
    other = await world.operations.change_many("cancel", Selection(states=(State.DEAD,)))
    await with_end(world, other.id)
    assert await world.state(alert) is State.DEAD
    assert [found.id for found in await world.operations.jobs()] == [other.id, job.id]


async def with_end(world: World, job_id: int) -> None:
    """Wait until a job has ended."""
    ended = False
    while not ended:
        await world.settled()
        found = await world.operations.job(job_id)
        ended = found is not None and found.ended_us is not None


async def held(world: World, body: bytes) -> str:
    reply = await world.receive(body)
    assert isinstance(reply, Held)
    return reply.id


async def test_a_held_alert_that_can_be_read_by_now_is_routed_and_delivered(world: World) -> None:
    """As after an upgrade: the store is made to believe that an earlier version could not read the body."""
    await world.start()
    body = a_body()
    new = world.intake._new("optix", body, held="an earlier version could not read it")
    alert = (await world.store.put(new, {})).alert_id
    assert await world.operations.readmit(alert) == ("soc",)
    await world.settled()
    assert await world.state(alert) is State.DELIVERED
    assert world.receiver.bodies == [body]
    assert await world.operations.held_count() == 0
    assert await world.operations.readmit(alert) is None


async def test_a_held_alert_that_still_cannot_be_read_stays_and_says_why(world: World) -> None:
    await world.start()
    alert = await held(world, b'{"eventType": "ALERT"}')
    reason = await world.operations.readmit(alert)
    assert isinstance(reason, str)
    assert await world.operations.held_count() == 1
    (row,) = (await world.operations.alerts(AlertSelection(held=True), limit=10)).alerts
    assert (row.id, row.held) == (alert, reason)


async def test_an_alert_and_the_list_say_the_same_of_a_delivery_whose_route_is_stopped(world: World) -> None:
    await world.start(a_route("soc"), a_route("mail"))
    await world.operations.pause("soc")
    alert = await world.alert()
    await world.settled()
    detail = await world.operations.alert(alert)
    assert detail is not None
    assert [(row.route, row.state) for row in detail.deliveries] == [
        ("mail", State.DELIVERED),
        ("soc", State.PARKED),
    ]
    listed = await world.operations.deliveries(Selection(alert=alert), limit=9)
    assert set(listed.deliveries) == set(detail.deliveries)


@pytest.mark.parametrize("alert", ["", "nonsense", "a-1"])
async def test_readmitting_what_is_not_there_is_told_apart(world: World, alert: str) -> None:
    await world.start()
    assert await world.operations.readmit(alert) is None
    assert await world.operations.alert(alert) is None


async def test_explaining_names_every_route_and_shows_what_would_be_sent_without_secrets(world: World) -> None:
    await world.start(
        a_route("high", filter_=parse_filter({"MIN_SEVERITY": ["high"]})),
        a_route("low", filter_=parse_filter({"SEVERITIES": ["low"]})),
    )
    found = await world.operations.explain(a_body(score=90), "optix")
    assert [(verdict.route, verdict.taken, verdict.key) for verdict in found.verdicts] == [
        ("high", True, ""),
        ("low", False, "SEVERITIES"),
    ]
    assert list(found.requests) == ["high"]
    assert found.requests["high"]["url"] == "https://hooks.example.com/****"
    assert world.receiver.sent == []
    assert (await world.operations.alerts(AlertSelection(), limit=10)).alerts == ()


async def test_explaining_says_why_a_body_is_no_alert_or_cannot_be_worded(world: World) -> None:
    await world.start()
    unreadable = await world.operations.explain(b"[]", "optix")
    assert (unreadable.alert, unreadable.requests) == (None, {})
    assert unreadable.unreadable
    unwordable = await world.operations.explain(a_body(ruleNumber="UNWORDABLE"), "optix")
    assert unwordable.requests == {"soc": {"fault": "the template names something that is not there"}}


async def test_a_route_test_goes_straight_out_and_reports_the_answer_masked(world: World) -> None:
    await world.start()
    await world.operations.pause("soc")
    token = SECRET.rpartition("/")[2]
    world.receiver.answers(HttpAnswer(200, {}, f"welcome {token}".encode()))
    report = await world.operations.test_route("soc")
    assert report is not None
    assert (report.ok, report.outcome, report.status, report.answer) == (True, OutcomeClass.OK, 200, "welcome ****")
    assert world.receiver.bodies == [samples.load(samples.DOCUMENTED)]
    assert (await world.operations.alerts(AlertSelection(), limit=10)).alerts == ()


async def test_a_route_test_that_fails_says_so_and_changes_nothing(world: World) -> None:
    await world.start()
    world.receiver.answers(HttpAnswer(404))
    report = await world.operations.test_route("soc")
    assert report is not None
    assert (report.ok, report.outcome) == (False, OutcomeClass.GONE)
    assert world.journal.changes == []
    assert await world.operations.test_route("nobody") is None


async def test_operations_on_a_route_that_is_not_there_say_so(world: World) -> None:
    await world.start()
    assert not await world.operations.pause("nobody")
    assert not await world.operations.resume("nobody")


async def test_routes_are_shown_with_their_state_and_how_long_the_oldest_has_waited(world: World) -> None:
    await world.start(a_route("a"), a_route("b", enabled=False))
    world.receiver.shut()
    await world.alert()
    await world.settled()
    world.clock.move(42)
    a, b = await world.operations.routes()
    assert (a.name, a.kind, a.filter, a.status, a.oldest_due_s) == ("a", "trial", "everything", "running", None)
    assert (b.status, b.oldest_due_s) == ("disabled", 42)


async def test_it_is_ready_while_the_store_commits_and_says_why_when_it_does_not(world: World) -> None:
    faulty = FaultyStore()
    world.wrap = faulty.around
    await world.start()
    assert await world.operations.ready() is None
    faulty.fails = {"ping"}
    assert await world.operations.ready() == "the disk is full"


async def test_it_is_alive_while_the_store_answers_be_it_with_a_refusal(world: World) -> None:
    faulty = FaultyStore()
    world.wrap = faulty.around
    await world.start()
    faulty.fails = {"ping"}
    for _ in range(5):
        world.clock.move(SILENT_S - 1)
        await world.housekeeping.beat()
        assert world.operations.alive()
    world.clock.move(SILENT_S)
    assert not world.operations.alive()
