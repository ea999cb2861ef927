from __future__ import annotations

from dataclasses import replace
from typing import Any

from gateway.domain.chain import Chain
from gateway.domain.filter import parse_filter
from gateway.domain.grouping import Grouping
from gateway.domain.inhibit import Inhibitor
from gateway.domain.notify import parse_notify
from gateway.domain.snapshot import Snapshot
from gateway.domain.telling import Terms
from gateway.domain.window import Schedule
from gateway.domain.window_syntax import parse_windows
from gateway.pipeline.backtest import backtest
from tests.pipeline.backtest_world import an_event, judged, recorded, soc, told_changes
from tests.pipeline.gateway_world import SECOND_US, START_US, a_route


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
