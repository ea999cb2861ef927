"""What becomes of one delivery: retried, shrunk, parked, dead; and the order of those of one incident."""

from __future__ import annotations

import json

import pytest
from structlog.testing import capture_logs

from gateway.domain.delivery import State
from gateway.domain.message import Answer, HttpAnswer, NoAnswer
from gateway.domain.outcome import OutcomeClass
from gateway.domain.policy import RetryPolicy
from tests.pipeline.fakes import Sent
from tests.pipeline.gateway_world import DOWN, OK, REJECTED, SECRET, TOO_LARGE, UNREACHABLE, World, a_body, a_route


async def test_failed_attempts_follow_the_schedule_and_end_dead(world: World) -> None:
    await world.start()
    world.receiver.answers(DOWN)
    alert = await world.alert()
    await world.pass_time(2000)
    assert [round(sent.at_s) for sent in world.receiver.sent[:3]] == [0, 10, 110]
    assert await world.state(alert) is State.DEAD
    assert [result.given_up for _, result, _ in world.journal.attempts][-1] == "attempts"
    assert {sent.delivery_id for sent in world.receiver.sent} == {f"{alert}.soc"}


async def test_no_attempt_starts_after_the_retry_window(world: World) -> None:
    await world.start(a_route(retry=RetryPolicy((10.0, 10.0, 10.0, 10.0), 25.0)))
    world.receiver.answers(UNREACHABLE)
    alert = await world.alert()
    await world.pass_time(100)
    assert [round(sent.at_s) for sent in world.receiver.sent] == [0, 10, 20, 25]
    assert await world.state(alert) is State.DEAD
    assert world.journal.attempts[-1][1].given_up == "deadline"


@pytest.mark.parametrize(
    ("answer", "state", "outcome", "given_up"),
    [
        (OK, State.DELIVERED, OutcomeClass.OK, ""),
        (REJECTED, State.DEAD, OutcomeClass.REJECTED, "rejected"),
        (HttpAnswer(301), State.DEAD, OutcomeClass.REJECTED, "rejected"),
        (DOWN, State.PENDING, OutcomeClass.RETRY, ""),
        (UNREACHABLE, State.PENDING, OutcomeClass.RETRY, ""),
        (HttpAnswer(401), State.PENDING, OutcomeClass.AUTH, ""),
        (HttpAnswer(429), State.PENDING, OutcomeClass.RATE_LIMITED, ""),
    ],
)
async def test_what_one_answer_makes_of_a_delivery(
    world: World, answer: Answer, state: State, outcome: OutcomeClass, given_up: str
) -> None:
    await world.start()
    world.receiver.answers(answer)
    alert = await world.alert()
    await world.settled()
    assert await world.state(alert) is state
    ((_, result, seen),) = world.journal.attempts
    assert (seen.kind, result.given_up) == (outcome, given_up)


async def test_an_attempt_is_recorded_with_everything_but_secrets(world: World) -> None:
    await world.start()
    token = SECRET.rpartition("/")[2]
    world.receiver.answers(
        HttpAnswer(
            503,
            {"retry-after": "7", "x-ratelimit-remaining": "0", "set-cookie": "session=1", "via": f"proxy for {token}"},
            f"no such hook: {SECRET}; token {token}".encode(),
        )
    )
    alert = await world.alert()
    await world.settled()
    row, (attempt,) = await world.found(alert)
    detail = attempt.detail
    assert (row.attempts, attempt.number, detail["outcome"], detail["status"], detail["hint_s"]) == (
        1,
        1,
        "retry",
        503,
        7,
    )
    assert detail["reason"] == "503 Service Unavailable"
    assert detail["headers"] == {"retry-after": "7", "x-ratelimit-remaining": "0", "via": "proxy for ****"}
    assert detail["revision"] == "r1"
    assert token not in json.dumps(detail)


async def test_a_route_does_not_quote_secrets_as_the_reason_of_its_state(world: World) -> None:
    await world.start()
    token = SECRET.rpartition("/")[2]
    world.receiver.answers(NoAnswer(f"no route to {token}"))
    for _ in range(6):
        await world.alert()
    await world.pass_time(2000)
    (view,) = await world.operations.routes()
    assert (view.status, view.reason) == ("open", "no route to ****")
    assert token not in str(await world.store.route_states())


async def test_a_secret_at_the_edge_of_the_excerpt_is_not_cut_in_half(world: World) -> None:
    await world.start()
    padding = b"x" * (4096 - 20)
    world.receiver.answers(HttpAnswer(422, {}, padding + SECRET.encode()))
    alert = await world.alert()
    await world.settled()
    _, (attempt,) = await world.found(alert)
    excerpt = attempt.detail["excerpt"]
    assert isinstance(excerpt, str)
    assert len(excerpt) <= 4096
    assert "planted" not in excerpt


async def test_a_message_that_is_too_large_is_shrunk_once_without_charge(world: World) -> None:
    await world.start()
    world.receiver.answers(TOO_LARGE, OK)
    body = a_body()
    await world.receive(body)
    await world.settled()
    assert world.receiver.bodies == [body, b"shrunk"]
    assert [result.charged for _, result, _ in world.journal.attempts] == [False, True]


async def test_a_shrunk_message_that_is_still_too_large_is_given_up(world: World) -> None:
    await world.start()
    world.receiver.answers(TOO_LARGE)
    alert = await world.alert()
    await world.settled()
    assert len(world.receiver.sent) == 2
    assert await world.state(alert) is State.DEAD
    assert world.journal.attempts[-1][1].given_up == "too_large"


async def test_what_cannot_be_worded_is_parked_and_sent_when_it_is_replayed(world: World) -> None:
    await world.start()
    alert = await world.alert(ruleNumber="UNWORDABLE")
    await world.settled()
    row = await world.row(alert)
    assert (row.state, row.reason) == (State.PARKED, "the template names something that is not there")
    assert world.receiver.sent == []
    assert await world.operations.replay([row.id]) == (row.id,)
    await world.settled()
    assert await world.state(alert) is State.PARKED


async def test_a_fault_of_ours_in_one_delivery_parks_it_and_leaves_the_others_alone(world: World) -> None:
    await world.start()
    with capture_logs() as lines:
        broken = await world.alert(ruleNumber="BUG")
        whole = await world.alert()
        await world.settled()
    assert await world.state(broken) is State.PARKED
    assert await world.state(whole) is State.DELIVERED
    assert [line["event"] for line in lines] == ["delivery.crashed"]
    assert (await world.row(broken)).reason == "unexpected ZeroDivisionError"


async def test_a_transport_that_raises_costs_one_delivery_only(world: World) -> None:
    await world.start()

    def fail(_: Sent) -> Answer:
        raise OSError(f"cannot reach {SECRET}")

    world.receiver.does(fail)
    with capture_logs():
        alert = await world.alert()
        await world.settled()
    assert (await world.row(alert)).reason == "unexpected OSError"


async def test_states_of_one_incident_arrive_in_their_order_also_over_retries(world: World) -> None:
    await world.start(a_route(concurrency=4, retry=RetryPolicy((5.0,) * 30, 4000.0)))
    tries: dict[str, int] = {}

    def flaky(sent: Sent) -> Answer:
        tries[sent.delivery_id] = tries.get(sent.delivery_id, 0) + 1
        return OK if tries[sent.delivery_id] > 2 else HttpAnswer(408)

    world.receiver.does(flaky)
    alerts = [await world.alert("one-incident", state=n) for n in range(6)]
    others = [await world.alert() for _ in range(6)]
    await world.pass_time(1000)
    delivered = [c.delivery_id for c, result, _ in world.journal.attempts if result.state is State.DELIVERED]
    assert [d for d in delivered if d.removesuffix(".soc") in alerts] == [f"{alert}.soc" for alert in alerts]
    assert [await world.state(alert) for alert in others] == [State.DELIVERED] * 6
    sent = [s.delivery_id for s in world.receiver.sent if s.delivery_id.removesuffix(".soc") in alerts]
    assert sent == sorted(sent, key=[f"{alert}.soc" for alert in alerts].index)


async def test_a_dead_head_lets_its_successors_pass(world: World) -> None:
    await world.start()
    world.receiver.answers(REJECTED, OK)
    first = await world.alert("one-incident")
    second = await world.alert("one-incident")
    await world.settled()
    assert (await world.state(first), await world.state(second)) == (State.DEAD, State.DELIVERED)


async def test_after_an_outage_only_the_newest_state_is_sent_where_older_ones_mean_nothing(world: World) -> None:
    await world.start(a_route(backlog="latest"))
    world.receiver.answers(DOWN)
    alerts = [await world.alert("one-incident", state=n) for n in range(5)]
    other = await world.alert()
    await world.settled()
    world.receiver.answers(OK)
    await world.pass_time(200)
    states = [await world.state(alert) for alert in alerts]
    assert states == [State.SUPERSEDED] * 4 + [State.DELIVERED]
    assert await world.state(other) is State.DELIVERED


async def test_a_newer_state_does_not_overtake_the_one_that_is_being_sent(world: World) -> None:
    await world.start(a_route(backlog="latest"))
    world.receiver.shut()
    first = await world.alert("one-incident")
    await world.settled()
    second = await world.alert("one-incident")
    third = await world.alert("one-incident")
    await world.settled()
    assert len(world.receiver.sent) == 1
    world.receiver.open()
    await world.settled()
    states = [await world.state(alert) for alert in (first, second, third)]
    assert states == [State.DELIVERED, State.SUPERSEDED, State.DELIVERED]


async def test_every_attempt_is_bounded_by_the_time_out_of_its_route(world: World) -> None:
    await world.start(a_route(timeout_s=7.5))
    await world.alert()
    await world.settled()
    assert [sent.timeout_s for sent in world.receiver.sent] == [7.5]
