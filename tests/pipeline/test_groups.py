"""Several alerts in one message: when it goes, what it says, and what becomes of it."""

from __future__ import annotations

from typing import Any

from gateway.domain.delivery import State
from gateway.domain.notify import CHANGES
from gateway.domain.severity import Severity
from gateway.domain.telling import Terms
from gateway.pipeline.configured import ConfiguredRoute
from tests.pipeline.gateway_world import DOWN, OK, REJECTED, World
from tests.pipeline.telling_world import chat, grouping, messages, state


def digesting(*by: str, most: int = 100, **policy: Any) -> ConfiguredRoute:
    """30 s for others to come, 300 s between messages."""
    return chat(terms=Terms(notify=CHANGES, grouping=grouping(*by, most=most)), **policy)


async def test_three_alerts_are_one_message_that_lists_them(world: World) -> None:
    await world.start(digesting("environment"))
    await state(world, "a", "bucket", score=60, ruleNumber="AR-251", alertSummary="A bucket is public")
    await world.pass_time(10)
    await state(world, "b", "host", "-queue", score=85, ruleNumber="AR-651", alertSummary="Port 22 is open")
    await state(world, "c", "disk", score=40, ruleNumber="AR-9", alertSummary="A disk is plain")
    assert world.receiver.sent == []
    await world.pass_time(20)
    (message,) = messages(world.receiver)
    assert message.at_s == 30
    assert message.summary == "3 alerts in 123456789012: 1 high, 1 medium, 1 low"
    assert message.lines == [
        "High: Port 22 is open (AR-651, 1 open, 1 suppressed)",
        "Medium: A bucket is public (AR-251, 1 open)",
        "Low: A disk is plain (AR-9, 1 open)",
    ]
    assert not message.closed


async def test_each_is_listed_with_what_is_new_of_it(world: World) -> None:
    await world.start(digesting())
    await state(world, "a", "bucket", alertSummary="one")
    await state(world, "b", "host", alertSummary="other")
    await world.pass_time(30)
    await state(world, "a", "bucket", "queue", alertSummary="one")
    await state(world, "b", "-host", alertSummary="other")
    await world.pass_time(300)
    (_, second) = messages(world.receiver)
    assert second.at_s == 330
    assert second.lines == [
        "High: one (AR-251, 2 open, 1 new of 2 open)",
        "High: other (AR-251, 1 suppressed, 1 suppressed, none left open)",
    ]


async def test_a_group_of_one_is_the_alert_itself(world: World) -> None:
    await world.start(digesting())
    await state(world, "a", "bucket", alertSummary="only this")
    await world.pass_time(30)
    (message,) = messages(world.receiver)
    assert (message.alert, message.summary, message.lines) == ("a", "only this", ["bucket"])


async def test_a_critical_alert_does_not_wait_for_its_group(world: World) -> None:
    await world.start(digesting())
    await state(world, "a", "bucket")
    await state(world, "b", "bucket", score=95)
    assert [message.alert for message in messages(world.receiver)] == ["b"]
    await world.pass_time(30)
    assert [message.alert for message in messages(world.receiver)] == ["b", "a"]


async def test_a_full_group_goes_at_once(world: World) -> None:
    await world.start(digesting(most=3))
    for name in ("a", "b", "c"):
        await state(world, name, "bucket")
    (message,) = messages(world.receiver)
    assert (message.at_s, len(message.lines)) == (0, 3)


async def test_rules_fire_apart_when_grouped_by_rule(world: World) -> None:
    await world.start(digesting("rule"))
    for name, rule in (("a", "AR-251"), ("b", "AR-252"), ("c", "AR-251")):
        await state(world, name, "bucket", ruleNumber=rule)
    await world.pass_time(30)
    assert sorted(len(message.lines) for message in messages(world.receiver)) == [1, 2]


async def test_a_group_that_fails_is_tried_again_as_one_message(world: World) -> None:
    await world.start(digesting())
    world.receiver.answers(DOWN, DOWN, OK)
    alerts = [await state(world, name, "bucket") for name in ("a", "b", "c")]
    await world.pass_time(200)
    assert [(message.at_s, len(message.lines)) for message in messages(world.receiver)] == [(30, 3), (40, 3), (140, 3)]
    assert [await world.state(alert) for alert in alerts] == [State.DELIVERED] * 3
    assert [len((await world.found(alert))[1]) for alert in alerts] == [3, 3, 3]


async def test_a_group_that_is_refused_goes_one_by_one_and_only_who_caused_it_is_given_up(world: World) -> None:
    await world.start(digesting())
    world.receiver.does(lambda sent: REJECTED if b"poison" in sent.body else OK)
    alerts = [await state(world, name, "bucket", alertSummary=name) for name in ("a", "poison", "c")]
    await world.pass_time(60)
    assert [await world.state(alert) for alert in alerts] == [State.DELIVERED, State.DEAD, State.DELIVERED]
    assert len(world.receiver.sent) == 4
    await state(world, "a", "bucket", alertSummary="a")
    await world.pass_time(600)
    assert len(world.receiver.sent) == 4


async def test_repeats_of_members_are_not_told_again(world: World) -> None:
    await world.start(digesting())
    for _ in range(3):
        for name in ("a", "b", "c"):
            await state(world, name, "bucket")
        await world.pass_time(600)
    assert len(world.receiver.sent) == 1


async def test_what_changes_while_its_group_is_sent_is_told_after_the_interval(world: World) -> None:
    await world.start(digesting(backlog="all"))
    world.receiver.shut()
    await state(world, "a", "bucket")
    await state(world, "b", "bucket")
    await world.pass_time(30)
    await state(world, "b", "bucket", "queue")
    world.receiver.open()
    await world.pass_time(299)
    assert len(world.receiver.sent) == 1
    await world.pass_time(2)
    assert [message.news for message in messages(world.receiver)] == ["", "1 new of 2 open"]


async def test_a_member_that_is_over_before_the_message_goes_is_left_out(world: World) -> None:
    await world.start(digesting())
    for name in ("a", "b", "c"):
        await state(world, name, "bucket")
    await state(world, "a", "-bucket")
    await world.pass_time(30)
    (message,) = messages(world.receiver)
    assert message.summary.endswith("2 high")
    await world.pass_time(300)
    await state(world, "a", "bucket")
    await world.pass_time(30)
    assert messages(world.receiver)[-1].news == "", "nobody had heard of it"


async def test_who_is_left_alone_in_its_group_is_told_as_if_it_had_come_alone(world: World) -> None:
    await world.start(digesting())
    await state(world, "b", "bucket")
    await world.pass_time(30)
    await state(world, "a", "bucket")
    await state(world, "a", "-bucket")
    await state(world, "b", "bucket", "queue")
    await world.pass_time(300)
    assert [(message.alert, message.news) for message in messages(world.receiver)] == [
        ("b", ""),
        ("b", "1 new of 2 open"),
    ]


async def test_a_member_that_is_over_is_listed_as_it_stands_where_it_was_told(world: World) -> None:
    await world.start(digesting())
    await state(world, "a", "bucket")
    await world.pass_time(30)
    await state(world, "b", "bucket")
    await state(world, "a", "-bucket")
    await world.pass_time(300)
    assert messages(world.receiver)[-1].summary.endswith("1 high, 1 suppressed")


async def test_a_group_of_which_all_is_over_before_it_goes_is_not_sent(world: World) -> None:
    await world.start(digesting())
    opened = [await state(world, name, "bucket") for name in ("a", "b")]
    for name in ("a", "b"):
        await state(world, name, "-bucket")
    await world.pass_time(600)
    assert world.receiver.sent == []
    assert {await world.state(each) for each in opened} == {State.SUPERSEDED}


async def test_of_a_group_that_may_have_been_told_the_closing_is_not_sent_when_nobody_heard(world: World) -> None:
    await world.start(digesting())
    world.receiver.answers(DOWN)
    for name in ("a", "b"):
        await state(world, name, "bucket")
    await world.pass_time(30)
    for name in ("a", "b"):
        await state(world, name, "-bucket")
    sent = len(world.receiver.sent)
    world.receiver.answers(OK)
    await world.pass_time(600)
    assert len(world.receiver.sent) == sent


async def test_nothing_is_sent_of_a_group_that_is_over_before_it_goes(world: World) -> None:
    await world.start(digesting())
    await state(world, "a", "bucket")
    await state(world, "a", "-bucket")
    await world.pass_time(600)
    assert world.receiver.sent == []


async def test_a_group_waits_on_after_a_restart(world: World) -> None:
    await world.start(digesting())
    await state(world, "a", "bucket")
    await world.pass_time(10)
    await world.restart()
    await state(world, "b", "bucket")
    await world.pass_time(19)
    assert world.receiver.sent == []
    await world.pass_time(2)
    (message,) = messages(world.receiver)
    assert len(message.lines) == 2


async def test_a_group_that_was_under_way_when_the_gateway_was_killed_is_sent_again_whole(world: World) -> None:
    await world.start(digesting())
    world.receiver.shut()
    alerts = [await state(world, name, "bucket") for name in ("a", "b", "c")]
    await world.pass_time(30)
    await world.crash()
    world.receiver.open()
    await world.start(*world.routes)
    await world.settled()
    first, again = messages(world.receiver)
    assert (first.alert, sorted(first.lines)) == (again.alert, sorted(again.lines))
    assert [await world.state(alert) for alert in alerts] == [State.DELIVERED] * 3


async def test_a_route_that_lost_its_grouping_still_tells_what_waits_together(world: World) -> None:
    await world.start(digesting())
    await state(world, "a", "bucket")
    await state(world, "b", "bucket")
    await world.restart(chat())
    await world.pass_time(30)
    (message,) = messages(world.receiver)
    assert len(message.lines) == 2


async def test_a_receiver_that_comes_back_is_not_sent_half_a_group(world: World) -> None:
    await world.start(digesting(), chat("other"))
    await world.operations.pause("soc")
    await state(world, "a", "bucket")
    await world.pass_time(10)
    await world.operations.resume("soc")
    await world.settled()
    assert messages(world.receiver) == []
    await world.pass_time(20)
    assert len(messages(world.receiver)) == 1


async def test_what_bypasses_is_by_its_own_severity(world: World) -> None:
    terms = Terms(notify=CHANGES, grouping=grouping())
    assert terms.grouping is not None
    assert terms.grouping.bypass is Severity.CRITICAL
    await world.start(chat(terms=terms))
    await state(world, "a", "bucket", score="unknown")
    assert world.receiver.sent == []


async def test_an_incident_that_changes_more_often_than_its_group_waits_is_told(world: World) -> None:
    await world.start(digesting())
    for number in range(20):
        await state(world, "a", *(f"b{each}" for each in range(number + 1)))
        await world.pass_time(20)
    assert [message.at_s for message in messages(world.receiver)] == [30, 330]


async def test_states_of_one_incident_are_told_one_by_one_where_all_are_wanted(world: World) -> None:
    await world.start(digesting(backlog="all"))
    for listed in (("b1",), ("b1", "b2"), ("b2",)):
        await state(world, "a", *listed)
        await world.pass_time(5)
    await world.pass_time(1000)
    assert [(message.at_s, message.lines) for message in messages(world.receiver)] == [
        (30, ["b1"]),
        (330, ["b1", "b2"]),
        (630, ["b2"]),
    ]


async def test_a_burst_that_is_too_large_for_one_message_goes_in_several_that_say_so(world: World) -> None:
    await world.start(digesting("environment"))
    for name in "abcdef":
        await state(world, name, "bucket", padding="x" * 3 * 1024 * 1024, ruleNumber=f"AR-{name}")
    await world.pass_time(30)
    assert [message.at_s for message in messages(world.receiver)] == [30, 30, 30]
    assert [len(message.lines) for message in messages(world.receiver)] == [2, 2, 2]
