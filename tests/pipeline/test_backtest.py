from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from gateway.domain.chain import Chain
from gateway.domain.filter import parse_filter
from gateway.domain.flap import FlapRule
from gateway.domain.grouping import Grouping
from gateway.domain.inhibit import Inhibitor
from gateway.domain.notify import CHANGES, parse_notify
from gateway.domain.query import AlertSelection
from gateway.domain.recording import Recording
from gateway.domain.snapshot import Snapshot
from gateway.domain.telling import Terms
from gateway.domain.window import Schedule, WhenMuted
from gateway.domain.window_syntax import parse_windows
from gateway.pipeline.backtest import backtest
from gateway.pipeline.comparison import RouteChange
from gateway.pipeline.configured import ConfiguredRoute
from tests.pipeline.gateway_world import SECOND_US, START_US, World, a_route

HOUR_S, DAY_S = 3600, 86400


def told_changes(name: str = "soc", **terms: object) -> ConfiguredRoute:
    """A route to a chat: told what changes, the latest of what waits."""
    made = Terms(**{"notify": CHANGES} | terms)  # type: ignore[arg-type]  # typed where a test writes them
    return replace(a_route(name, backlog="latest"), terms=made)


def an_event(
    alert_id: str = "A", score: int | None = 83, resources: Mapping[str, str] | None = None, **payload: Any
) -> bytes:
    listed = [{"resourceInfo": info, "state": state} for info, state in (resources or {"bucket": "OPEN"}).items()]
    values = {
        "alertId": alert_id, "accountId": "444", "score": score, "alertType": "Policy", "ruleNumber": "AR-251",
        "affectedResources": listed,
    }  # fmt: skip
    return json.dumps({"eventType": "ALERT", "payloadData": values | payload}).encode()


def recorded(*bodies: bytes, every_s: float = HOUR_S, routes: Sequence[str] = (), **fields: object) -> list[Recording]:
    values: dict[str, object] = {"routes": tuple(routes)} | fields
    return [
        Recording(f"a-{n}", "optix", START_US + int(n * every_s * SECOND_US), body, **values)  # type: ignore[arg-type]
        for n, body in enumerate(bodies)
    ]


def judged(routes: Sequence[ConfiguredRoute], recordings: Sequence[Recording]) -> dict[str, RouteChange]:
    return {route.name: route for route in backtest(routes, recordings, examples=20).routes}


def soc(route: ConfiguredRoute, recordings: Sequence[Recording]) -> RouteChange:
    return judged([route], recordings)["soc"]


def test_a_filter_is_tried_and_what_it_refuses_is_counted_by_its_key() -> None:
    narrower = a_route(filter_=parse_filter({"MIN_SEVERITY": ["critical"]}))
    found = soc(narrower, recorded(an_event(score=95), an_event("B", 83), an_event("C", None), routes=["soc"]))
    assert (found.told, found.was_told, found.newly, found.no_longer) == (2, 3, 0, 1)
    assert found.refused == {"MIN_SEVERITY": 1}
    (example,) = found.examples
    assert (example.told, example.alert, example.severity, example.before) == (False, "a-1", "high", "told")
    assert example.after.startswith("MIN_SEVERITY: ")


def test_what_a_route_would_newly_be_told_is_counted_and_shown() -> None:
    found = soc(a_route(), recorded(an_event(alertSummary="S3 bucket\nis public")))
    assert (found.told, found.was_told, found.newly, found.no_longer) == (1, 0, 1, 0)
    assert found.examples[0][1:] == (True, "a-0", START_US, "high", "S3 bucket is public", "not taken", "told")


def test_the_routes_that_went_and_came_are_in_the_report() -> None:
    found = judged([a_route("new")], recorded(an_event(), routes=["old"], decisions=(("older", "muted", ""),)))
    assert [(r.name, r.configured, r.told, r.was_told) for r in found.values()] == [
        ("new", True, 1, 0),
        ("old", False, 0, 1),
        ("older", False, 0, 0),
    ]
    assert found["old"].examples[0].after == "there is no such route"
    assert found["older"].was_left_out == {"muted": 1}


def test_repeats_and_unwanted_changes_are_left_out_by_their_words() -> None:
    states = [an_event(score=83), an_event(score=83, lastSeen="later"), an_event(score=60), an_event(score=90)]
    found = soc(told_changes(), recorded(*states, routes=["soc"]))
    assert (found.told, found.no_longer) == (2, 2)
    assert found.left_out == {"unchanged": 1, "unwanted": 1}
    assert [example.after.partition(":")[0] for example in found.examples] == ["unchanged", "unwanted"]


def test_recorded_words_stand_beside_those_of_now() -> None:
    before = (("soc", "unwanted", "score lower"),)
    found = soc(a_route(), recorded(an_event(), decisions=before))
    assert (found.was_left_out, found.left_out, found.newly) == ({"unwanted": 1}, {}, 1)
    assert found.examples[0].before == "unwanted: score lower"


def test_a_group_is_one_message_for_several_alerts() -> None:
    grouped = told_changes(grouping=Grouping(("environment",), wait_us=30 * SECOND_US))
    burst = recorded(*(an_event(f"A{n}") for n in range(5)), an_event("late"), every_s=7)
    found = soc(grouped, burst)
    assert (found.told, found.post.messages, found.post.grouped, found.post.alerts) == (6, 2, 5, 6)


def test_a_full_group_does_not_wait_and_the_worst_alert_never_does() -> None:
    grouped = told_changes(grouping=Grouping(("environment",), most=3))
    burst = recorded(an_event("A"), an_event("B"), an_event("worst", 95), an_event("C"), an_event("D"), every_s=1)
    assert (soc(grouped, burst).post.messages, soc(grouped, burst).post.grouped) == (3, 3)


def test_a_later_state_takes_the_place_of_one_that_still_waits() -> None:
    grouped = told_changes(grouping=Grouping(("environment",)))
    found = soc(grouped, recorded(an_event(score=81), an_event(score=85), every_s=1))
    assert (found.told, found.post.replaced, found.post.messages) == (2, 1, 1)


def test_where_every_state_is_wanted_the_later_one_follows_in_a_message_of_its_own() -> None:
    grouped = replace(a_route(), terms=Terms(grouping=Grouping(("environment",))))
    found = soc(grouped, recorded(an_event(score=81), an_event(score=85), every_s=1))
    assert (found.told, found.post.replaced, found.post.messages, found.post.grouped) == (2, 0, 2, 0)


def test_what_is_over_before_it_was_told_is_no_message() -> None:
    grouped = told_changes(grouping=Grouping(("environment",)))
    closing = recorded(an_event(), an_event(resources={"bucket": "SUPPRESS"}), every_s=1)
    found = soc(grouped, closing)
    assert (found.post.messages, found.post.moot, found.post.replaced) == (0, 0, 1)


def test_a_wider_finding_that_is_open_mutes_a_narrower_one_until_it_is_gone() -> None:
    route = told_changes(inhibitor=Inhibitor.parse("AR-1045>AR-651"))
    wide: dict[str, Any] = {"ruleNumber": "AR-1045"}
    narrow: dict[str, Any] = {"ruleNumber": "AR-651"}
    found = soc(
        route,
        recorded(
            an_event("wide", **wide),
            an_event("narrow", **narrow),
            an_event("elsewhere", accountId="555", **narrow),
            an_event("wide", resources={"bucket": "SUPPRESS"}, **wide),
            an_event("narrow", score=84, **narrow),
        ),
    )
    assert (found.told, found.left_out) == (4, {"inhibited": 1})


def test_a_wider_finding_that_a_route_does_not_take_mutes_nothing_there() -> None:
    narrow_only = replace(
        told_changes(inhibitor=Inhibitor.parse("AR-1045>AR-651")), filter=parse_filter({"RULES": ["AR-651"]})
    )
    found = soc(narrow_only, recorded(an_event("wide", ruleNumber="AR-1045"), an_event("narrow", ruleNumber="AR-651")))
    assert (found.told, found.left_out) == (1, {})


def test_hours_are_those_of_the_alert_not_those_of_now() -> None:
    hours = Schedule(active=parse_windows("23:00-24:00 UTC"))  # the first alert comes at 22:13
    held = replace(told_changes(), schedule=hours)
    dropping = replace(held, when_muted=WhenMuted.DROP)
    alerts = recorded(an_event("A"), an_event("B"), an_event("C"))
    assert (soc(held, alerts).told, soc(held, alerts).post.messages) == (3, 3)
    assert (soc(dropping, alerts).told, soc(dropping, alerts).left_out) == (1, {"muted": 2})


def test_a_standing_incident_counts_as_told_before_the_first_recording() -> None:
    standing = recorded(an_event(), stood=True)
    changed = recorded(an_event(score=95), stood=True, before=Snapshot(83, (("bucket", "open"),)))
    assert soc(told_changes(), standing).left_out == {"unchanged": 1}
    assert soc(told_changes(), changed).told == 1
    assert soc(told_changes(notify=parse_notify("new")), changed).left_out == {"unwanted": 1}


def test_what_stood_below_a_routes_filter_was_never_told_and_is_new_when_it_rises() -> None:
    critical = replace(told_changes(notify=parse_notify("new")), filter=parse_filter({"MIN_SEVERITY": ["critical"]}))
    risen = recorded(an_event(score=95), stood=True, before=Snapshot(83, (("bucket", "open"),)))
    assert soc(critical, risen).told == 1


def test_a_stand_in_never_goes_out_because_every_receiver_takes_what_it_is_sent() -> None:
    first = replace(a_route("first"), chain=Chain(fallback="second"))
    second = replace(a_route("second"), chain=Chain(fallback_only=True))
    at_night = replace(first, schedule=Schedule(active=parse_windows("08:00-18:00 UTC")))
    assert judged([first, second], recorded(an_event()))["second"].told == 0
    assert judged([at_night, second], recorded(an_event()))["second"].told == 0


def test_what_cannot_be_read_is_counted_and_goes_nowhere() -> None:
    report = backtest([a_route()], recorded(b"{}", an_event()))
    assert (report.alerts, report.unreadable, report.routes[0].told) == (2, 1, 1)


def test_nothing_recorded_is_nothing_that_differs() -> None:
    report = backtest([a_route()], [])
    assert (report.alerts, report.first_us, report.differs) == (0, 0, False)


def test_examples_come_from_every_route_in_turn() -> None:
    busy, quiet = a_route("busy"), a_route("quiet", filter_=parse_filter({"MIN_SEVERITY": ["critical"]}))
    alerts = recorded(*(an_event(f"A{n}") for n in range(30)), an_event("worst", 99))
    report = backtest([busy, quiet], alerts, examples=20)
    assert [example.route for example in report.examples(4)] == ["busy", "quiet", "busy", "busy"]
    assert len(report.examples(20)) == 20


AT_NIGHT = Schedule(mute=parse_windows("22:00-06:00 UTC"))
BY_RULE = Grouping(("rule",), interval_us=HOUR_S * SECOND_US, bypass=None)
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


async def lived(world: World, story: Iterator[tuple[float, bytes]]) -> list[Recording]:
    for wait_s, body in story:
        await world.pass_time(wait_s)
        await world.receive(body)
        await world.settled()
    await world.pass_time(2 * DAY_S)
    return list((await world.store.recordings(AlertSelection(), limit=1000)).recordings)


@pytest.mark.parametrize("seed", [1, 2])
async def test_the_configuration_that_was_changes_nothing_and_sends_as_many_messages(world: World, seed: int) -> None:
    await world.start(*ROUTES)
    report = backtest(ROUTES, await lived(world, a_story(seed)), examples=20)
    assert report.examples(20) == ()
    assert {r.name: r.left_out for r in report.routes} == {r.name: r.was_left_out for r in report.routes}
    sent = Counter(message.delivery_id.partition(".")[2] for message in world.receiver.sent)
    assert {route.name: route.post.messages for route in report.routes} == sent
    assert min(sent.values()) > 5
