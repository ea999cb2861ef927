"""Hours, silences and groups in a backtest: what they hold, and that it is what they held when it happened."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest

from gateway.domain.flap import FlapRule
from gateway.domain.grouping import MOST_BYTES, MOST_MEMBERS, Grouping
from gateway.domain.inhibit import Inhibitor
from gateway.domain.notify import parse_notify
from gateway.domain.query import AlertSelection
from gateway.domain.recording import Entry
from gateway.domain.telling import Terms
from gateway.domain.window import Schedule, WhenMuted
from gateway.domain.window_syntax import parse_windows
from gateway.pipeline.backtest import backtest
from tests.pipeline.backtest_world import DAY_S, HOUR_S, a_silence, an_event, recorded, soc, told_changes
from tests.pipeline.gateway_world import SECOND_US, START_US, World, a_route


def test_hours_are_those_of_the_alert_not_those_of_now() -> None:
    hours = Schedule(active=parse_windows("23:00-24:00 UTC"))  # the first alert comes at 22:13
    held = replace(told_changes(), schedule=hours)
    dropping = replace(held, when_muted=WhenMuted.DROP)
    alerts = recorded(an_event("A"), an_event("B"), an_event("C"))
    assert (soc(held, alerts).told, soc(held, alerts).post.messages) == (3, 3)
    assert (soc(dropping, alerts).told, soc(dropping, alerts).left_out) == (1, {"muted": 2})


def test_silences_are_those_of_the_alert_not_those_of_now() -> None:
    alerts = recorded(an_event("A"), an_event("B"), an_event("C"))
    dropping = a_silence(HOUR_S + 1, RULES=["AR-251"], then="drop")
    found = soc(told_changes(), [dropping, *alerts])
    assert (found.told, found.left_out) == (1, {"silenced": 2})
    ended = replace(dropping, ended_us=START_US + HOUR_S * SECOND_US)
    assert soc(told_changes(), [ended, *alerts]).left_out == {"silenced": 1}
    elsewhere = a_silence(RULES=["AR-251"], then="drop", ROUTES=["mail"])
    assert soc(told_changes(), [elsewhere, *alerts]).told == 3


def test_what_a_silence_holds_is_told_once_it_is_over_in_its_latest_state() -> None:
    alerts = recorded(an_event(score=81), an_event(score=85), an_event(score=89))
    assert soc(told_changes(), [a_silence(), *alerts]).post.messages == 1
    assert soc(told_changes(), [a_silence(), *alerts]).post.replaced == 2
    assert soc(told_changes(), [a_silence(ended_s=1.5 * HOUR_S), *alerts]).post.messages == 2


def test_a_silence_that_ends_at_night_wakes_nobody() -> None:
    asleep = replace(told_changes(), schedule=Schedule(mute=parse_windows("22:30-06:00 UTC")))  # it is 22:13
    held = [a_silence(HOUR_S), *recorded(an_event(score=81), an_event(score=85), every_s=2 * HOUR_S)]
    assert soc(asleep, held).post.messages == 1
    assert soc(told_changes(), held).post.messages == 2


def test_the_hours_are_asked_again_of_what_waited_for_its_group() -> None:
    hour = Grouping(("environment",), wait_us=HOUR_S * SECOND_US)
    asleep = replace(told_changes(grouping=hour), schedule=Schedule(mute=parse_windows("22:30-06:00 UTC")))
    alerts = recorded(an_event("A"), an_event("B"), every_s=2 * HOUR_S)
    assert soc(asleep, alerts).post.messages == 1
    assert soc(told_changes(grouping=hour), alerts).post.messages == 2


def test_a_digest_is_one_message_until_it_is_full() -> None:
    route = told_changes(grouping=Grouping(("environment",)))
    asleep = replace(route, schedule=Schedule(active=parse_windows("08:00-18:00 UTC")))
    alerts = recorded(*(an_event(f"A{n}") for n in range(MOST_MEMBERS + 1)), every_s=1)
    found = soc(asleep, alerts).post
    assert (found.messages, found.grouped, found.alerts) == (1, MOST_MEMBERS + 1, MOST_MEMBERS + 1)
    found = soc(asleep, [*alerts, *recorded(an_event("B"), an_event("C"))]).post
    assert (found.messages, found.alerts) == (2, MOST_MEMBERS + 3)


def test_bodies_that_are_too_large_for_one_digest_fill_another() -> None:
    route = told_changes(grouping=Grouping(("environment",)))
    third = "x" * (MOST_BYTES // 3)
    alerts = recorded(*(an_event(name, additionalDetails=third) for name in "ABC"), every_s=1)
    assert (soc(route, alerts).post.messages, soc(route, alerts).post.grouped) == (2, 2)


def test_what_waits_for_hours_that_never_come_is_counted_and_holds_nothing_up() -> None:
    never = replace(told_changes(), schedule=Schedule(active=parse_windows("2020-01-01 UTC")))
    assert soc(never, recorded(an_event("A"), an_event("B"))).post.messages == 2


def test_what_stood_before_counts_as_told_also_where_it_is_silenced_now() -> None:
    silenced = [a_silence(1, RULES=["AR-251"], then="drop"), *recorded(an_event(), an_event(), stood=True)]
    assert soc(told_changes(), silenced).left_out == {"silenced": 1, "unchanged": 1}


AT_NIGHT = Schedule(mute=parse_windows("22:00-06:00 UTC"))
BY_RULE = Grouping(("rule",), interval_us=HOUR_S * SECOND_US, bypass=None)
IN_AN_HOUR = Grouping(("environment",), wait_us=HOUR_S * SECOND_US, interval_us=2 * HOUR_S * SECOND_US, bypass=None)
ALL_STATES = a_route(backlog="all").policy
ROUTES = (
    a_route("everything"),
    told_changes("changes"),
    replace(told_changes("every-state"), policy=ALL_STATES),
    told_changes("new", notify=parse_notify("new,reopened")),
    told_changes("reminders", remind_after_us=6 * HOUR_S * SECOND_US),
    told_changes("damped", flap=FlapRule(2, 8 * HOUR_S * SECOND_US)),
    told_changes("inhibited", inhibitor=Inhibitor.parse("AR-1>AR-2>AR-3")),
    told_changes("groups", grouping=Grouping(("environment",))),
    replace(a_route("groups-of-all"), terms=Terms(grouping=BY_RULE)),
    told_changes("small-groups", grouping=Grouping(("environment",), most=3, bypass=None)),
    replace(told_changes("groups-held", grouping=IN_AN_HOUR), schedule=AT_NIGHT),
    replace(a_route("groups-of-all-held"), terms=Terms(grouping=IN_AN_HOUR), schedule=AT_NIGHT),
    replace(told_changes("held"), schedule=AT_NIGHT),
    replace(told_changes("dropped"), schedule=AT_NIGHT, when_muted=WhenMuted.DROP),
    replace(told_changes("every-state-held"), policy=ALL_STATES, schedule=AT_NIGHT),
)


def a_story(seed: int) -> Iterator[tuple[float, bytes]]:
    """Seconds to wait, and what comes then: a few incidents that change, repeat, close and open again, in bursts."""
    dice = random.Random(seed)
    for number in range(90):
        alert = dice.choice("ABCDEFGH")
        place, rule = f"44{ord(alert) % 2}", f"AR-{ord(alert) % 3 + 1}"
        states = {info: dice.choice(("OPEN", "OPEN", "SUPPRESS")) for info in dice.sample("xyz", dice.randint(1, 2))}
        score = dice.choice((83, 83, 83, 60, 95))
        wait_s = dice.choice((0.5, 2, 11, 40, 700, 9000))
        yield wait_s, an_event(alert, score, states, accountId=place, ruleNumber=rule, lastSeen=str(number))


async def lived(world: World, story: Iterator[tuple[float, bytes]], silenced: random.Random | None) -> list[Entry]:
    for wait_s, body in story:
        await world.pass_time(wait_s)
        if silenced:
            await _silence(world, silenced)
            await world.settled()
        await world.receive(body)
        await world.settled()
    await world.pass_time(2 * DAY_S)
    silences = (await world.store.past_silences(0, limit=1000)).silences
    return [*silences, *(await world.store.recordings(AlertSelection(), limit=1000)).recordings]


async def _silence(world: World, dice: random.Random) -> None:
    """Now and then one is made, or ended."""
    if dice.random() < 0.2:
        then, last_s = dice.choice(("hold", "hold", "drop")), dice.choice((60, 4000, 20000))
        kinds = ({"RULES": ["AR-1"]}, {"ENVIRONMENTS": ["441"]}, {"MIN_SEVERITY": ["critical"]}, {"all": True})
        what: dict[str, object] = {**dice.choice(kinds)}
        what |= dice.choice(({}, {"ROUTES": ["*groups*"]}, {"starts_us": world.clock.now_us() + 3000 * SECOND_US}))
        work = {"reason": "work", "author": "me", "lasts_us": last_s * SECOND_US, "then": then}
        await world.silences.begin(work | what)
    if dice.random() < 0.1 and world.silences.all():
        await world.operations.end_silence(dice.choice(world.silences.all()).id)


@pytest.mark.parametrize("silenced", [False, True])
@pytest.mark.parametrize("seed", [1, 2, 13])
async def test_the_configuration_that_was_changes_nothing_and_sends_as_many_messages(
    world: World, seed: int, *, silenced: bool
) -> None:
    await world.start(*ROUTES)
    entries = await lived(world, a_story(seed), random.Random(seed) if silenced else None)
    report = backtest(ROUTES, entries, examples=20)
    assert (report.silences > 5) is silenced
    assert report.examples(20) == ()
    assert {r.name: r.left_out for r in report.routes} == {r.name: r.was_left_out for r in report.routes}
    sent = Counter(message.delivery_id.partition(".")[2] for message in world.receiver.sent)
    assert {route.name: route.post.messages for route in report.routes} == sent
    assert min(sent.values()) > 5
