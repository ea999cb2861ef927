"""What a receiver is told, and of what it is left in peace."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.domain.chain import Chain
from gateway.domain.delivery import State
from gateway.domain.filter import parse_filter
from gateway.domain.flap import FlapRule
from gateway.domain.inhibit import Inhibitor
from gateway.domain.notify import CHANGES, EVERYTHING, parse_notify
from gateway.domain.telling import Terms
from tests.pipeline.gateway_world import DOWN, HOUR_S, OK, REJECTED, SECOND_US, World
from tests.pipeline.telling_world import chat, messages, state


async def test_repeats_are_told_once(world: World) -> None:
    await world.start(chat())
    for number in range(5):
        await state(world, "a", "bucket", lastSeen=f"2024-01-02T0{number}:00:00Z")
        await world.pass_time(HOUR_S)
    assert len(world.receiver.sent) == 1


async def test_who_wants_every_alert_gets_every_repeat(world: World) -> None:
    await world.start(chat(terms=Terms(notify=EVERYTHING), backlog="all"))
    for _ in range(3):
        await state(world, "a", "bucket")
    assert len(world.receiver.sent) == 3


async def test_a_change_is_told_with_what_is_new(world: World) -> None:
    await world.start(chat())
    await state(world, "a", "bucket", score=60)
    await state(world, "a", "bucket", "queue", score=95)
    assert [message.news for message in messages(world.receiver)] == [
        "",
        "1 new of 2 open, score 60 -> 95 (medium -> critical)",
    ]


async def test_news_are_since_what_was_truly_delivered(world: World) -> None:
    await world.start(chat())
    await state(world, "a", "b1")
    world.receiver.answers(REJECTED)
    dead = await state(world, "a", "b1", "b2")
    assert await world.state(dead) is State.DEAD
    world.receiver.answers(OK)
    await state(world, "a", "b1", "b2", "b3")
    assert [message.news for message in messages(world.receiver)] == ["", "1 new of 2 open", "2 new of 3 open"]


async def test_a_repeat_tells_what_a_dead_delivery_did_not(world: World) -> None:
    await world.start(chat())
    world.receiver.answers(REJECTED, OK)
    await state(world, "a", "b1")
    await state(world, "a", "b1")
    await state(world, "a", "b1")
    assert [message.news for message in messages(world.receiver)] == ["", ""]


async def test_a_receiver_that_was_down_is_told_the_whole_difference_at_once(world: World) -> None:
    await world.start(chat())
    await state(world, "a", "b1")
    world.receiver.answers(DOWN)
    for listed in (("b1", "b2"), ("b1", "b2", "b3"), ("b2", "b3")):
        await state(world, "a", *listed)
    world.receiver.answers(OK)
    await world.pass_time(HOUR_S)
    assert messages(world.receiver)[-1].news == "2 new of 2 open, 1 gone"
    await state(world, "a", "b2", "b3")
    last = len(world.receiver.sent)
    assert [message.news for message in messages(world.receiver)][last - 1] == "2 new of 2 open, 1 gone", (
        "and only once"
    )


async def test_what_was_over_before_its_receiver_heard_of_it_is_not_told(world: World) -> None:
    await world.start(chat())
    world.receiver.answers(DOWN)
    await state(world, "a", "bucket")
    world.receiver.answers(OK)
    closing = await state(world, "a", "-bucket")
    await world.pass_time(HOUR_S)
    assert len(world.receiver.sent) == 1, "the attempt that failed"
    row = await world.row(closing)
    assert (row.state, row.reason) == (State.SUPERSEDED, "closed before this receiver was told of it")
    await state(world, "a", "bucket")
    assert [message.news for message in messages(world.receiver)][-1] == ""


async def test_a_closing_is_told_to_who_heard_of_the_alert(world: World) -> None:
    await world.start(chat())
    await state(world, "a", "bucket")
    await state(world, "a", "-bucket")
    assert [message.closed for message in messages(world.receiver)] == [False, True]


async def test_a_standing_alert_is_brought_to_mind(world: World) -> None:
    await world.start(chat(terms=Terms(notify=CHANGES, remind_after_us=int(24 * HOUR_S) * SECOND_US)))
    for _ in range(50):
        await state(world, "a", "bucket")
        await world.pass_time(HOUR_S)
    assert [round(message.at_s / HOUR_S) for message in messages(world.receiver)] == [0, 24, 48]


async def test_only_what_notify_lists_is_told(world: World) -> None:
    await world.start(chat(terms=Terms(notify=parse_notify("new, raised"))))
    await state(world, "a", "b1", score=60)
    await state(world, "a", "b1", "b2", score=60)
    await state(world, "a", "b1", "b2", score=60)
    await state(world, "a", "b1", "b2", score=90)
    assert [message.news for message in messages(world.receiver)] == [
        "",
        "1 new of 2 open, score 60 -> 90 (medium -> critical)",
    ]


async def test_what_was_told_survives_a_restart(world: World) -> None:
    await world.start(chat())
    await state(world, "a", "b1")
    await world.restart()
    await state(world, "a", "b1")
    await state(world, "a", "b1", "b2")
    assert [message.news for message in messages(world.receiver)] == ["", "1 new of 2 open"]


async def test_what_was_sent_but_not_recorded_is_sent_again_with_the_same_news(world: World) -> None:
    await world.start(chat())
    await state(world, "a", "b1")
    world.receiver.shut()
    await state(world, "a", "b1", "b2")
    await world.crash()
    world.receiver.open()
    await world.start(*world.routes)
    await world.settled()
    assert [message.news for message in messages(world.receiver)] == ["", "1 new of 2 open", "1 new of 2 open"]
    assert len({sent.delivery_id for sent in world.receiver.sent[1:]}) == 1, "by which the receiver knows it"
    await state(world, "a", "b1", "b2")
    assert len(world.receiver.sent) == 3


WIDER = Terms(notify=CHANGES, inhibitor=Inhibitor.parse("AR-1045>AR-651"))


async def test_a_wider_finding_speaks_for_a_narrower_one_until_it_is_over(world: World) -> None:
    await world.start(chat(terms=WIDER), chat("all"))
    await state(world, "wide", "host", ruleNumber="AR-1045")
    await state(world, "narrow", "host", ruleNumber="AR-651")
    assert [message.alert for message in messages(world.receiver)] == ["wide"]
    assert [message.alert for message in messages(world.receiver, "all")] == ["wide", "narrow"]
    await state(world, "wide", "-host", ruleNumber="AR-1045")
    await state(world, "narrow", "host", ruleNumber="AR-651")
    assert [message.alert for message in messages(world.receiver)] == ["wide", "wide", "narrow"]


@pytest.mark.parametrize(
    ("payload", "why"),
    [({"accountId": "another"}, "environment"), ({"ruleNumber": "AR-22"}, "rule")],
)
async def test_a_wider_finding_speaks_for_its_own_resource_and_rules_only(
    world: World, payload: dict[str, str], why: str
) -> None:
    await world.start(chat(terms=WIDER))
    await state(world, "wide", "host", ruleNumber="AR-1045")
    await state(world, "narrow", "host", **({"ruleNumber": "AR-651"} | payload))
    assert len(world.receiver.sent) == 2, why


async def test_an_incident_that_flaps_is_left_alone_until_it_is_stable(world: World) -> None:
    rule = FlapRule(most=3, window_us=int(HOUR_S) * SECOND_US)
    await world.start(chat(terms=Terms(notify=CHANGES, flap=rule)))
    for number in range(12):
        await state(world, "a", "-bucket" if number % 2 else "bucket")
        await world.pass_time(60)
    told = len(world.receiver.sent)
    assert told == 6, "the first, three changes, that it flaps, and that it is closed"
    await world.pass_time(2 * HOUR_S)
    await state(world, "a", "bucket", "queue")
    assert len(world.receiver.sent) == told + 1


async def test_a_route_with_stop_keeps_an_alert_from_later_ones(world: World) -> None:
    critical = replace(
        chat("pager", chain=Chain(stop=True, order=1)), filter=parse_filter({"SEVERITIES": ["critical"]})
    )
    await world.start(critical, chat("soc"))
    await state(world, "a", "bucket", score=95)
    alert = await state(world, "b", "bucket", score=60)
    assert [message.alert for message in messages(world.receiver, "pager")] == ["a"]
    assert [message.alert for message in messages(world.receiver)] == ["b"]
    assert await world.state(alert) is State.DELIVERED


async def test_a_catch_all_takes_what_no_other_route_took(world: World) -> None:
    named = replace(chat("named"), filter=parse_filter({"RULES": ["AR-1*"]}))
    await world.start(named, chat("rest", chain=Chain(catch_all=True)))
    await state(world, "a", "bucket", ruleNumber="AR-153")
    await state(world, "b", "bucket", ruleNumber="AZ-2052")
    assert [message.alert for message in messages(world.receiver, "rest")] == ["b"]
